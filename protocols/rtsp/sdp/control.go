package sdp

import "strings"

// AggregateURL returns the URL that controls the session as a whole
// (RFC 2326 C.1.1). base is Content-Base, else Content-Location, else the URL
// that was described.
func (s *Session) AggregateURL(base string) string { return resolve(base, s.Control) }

// URL returns the URL of media description i, for its SETUP. base is as for
// AggregateURL.
func (s *Session) URL(base string, i int) string {
	return resolve(s.AggregateURL(base), s.Media[i].Control)
}

// resolve returns the URL that control means. The RFC says to resolve it like
// a link, which no peer does: all append it to the base as text, behind the
// query too, with one slash between.
func resolve(base, control string) string {
	switch {
	case control == "" || control == "*":
		return base
	case isAbsolute(control):
		return control
	case strings.HasPrefix(control, "?"):
		return base + control
	}
	return strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(control, "/")
}

func isAbsolute(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && (strings.EqualFold(scheme, "rtsp") || strings.EqualFold(scheme, "rtsps") || strings.EqualFold(scheme, "rtspu"))
}
