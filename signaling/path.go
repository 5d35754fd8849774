package signaling

import "strings"

// target is what a request path names: an endpoint, or a session under it.
type target struct {
	action Action
	// stream is the canonical name.
	stream string
	// id is the session's secret; empty for the endpoint itself.
	id string
}

// idLen is the length of a session id: crypto/rand.Text, 26 characters of base32.
const idLen = 26

// parsePath reads "/{stream}/whip", "/{stream}/whep" and either with "/{id}" behind. One
// trailing slash is ignored.
func (s *Server) parsePath(path string) (target, bool) {
	path = strings.TrimSuffix(path, "/")
	if t, ok := s.parseEndpoint(path); ok {
		return t, true
	}
	i := strings.LastIndexByte(path, '/')
	if i < 0 || !isID(path[i+1:]) {
		return target{}, false
	}
	t, ok := s.parseEndpoint(path[:i])
	t.id = path[i+1:]
	return t, ok
}

func (s *Server) parseEndpoint(path string) (target, bool) {
	for _, a := range []Action{Publish, Play} {
		stream, ok := strings.CutSuffix(path, "/"+a.endpoint())
		if !ok {
			continue
		}
		name, err := s.opts.StreamName(stream)
		return target{action: a, stream: name}, err == nil
	}
	return target{}, false
}

func isID(s string) bool {
	if len(s) != idLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
