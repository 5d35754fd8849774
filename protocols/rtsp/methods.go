package rtsp

import (
	"context"
	"crypto/rand"
	"mime"
	"strings"

	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
)

// typeSDP is the media type of session descriptions.
const typeSDP = "application/sdp"

// describe answers DESCRIBE (RFC 2326 10.2). It waits for the publisher.
func (c *serverConn) describe(req *wire.Request) (*wire.Response, error) {
	c.startOver()
	if c.session != nil {
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	if !accepts(req.Header.Get(wire.HeaderAccept), typeSDP) {
		return nil, errProtocol(wire.NotAcceptable, "Only %s Can Be Had", typeSDP)
	}
	r := c.request(req)
	source, err := c.open(r)
	if err != nil {
		return nil, err
	}
	res := c.answer(req.CSeq(), wire.OK)
	res.Header.Add(wire.HeaderContentBase, contentBase(req.URL))
	res.Header.Add(wire.HeaderContentType, typeSDP)
	res.Body = source.Description().Append(nil)
	return res, nil
}

// startOver takes back a player's session for which no transport was agreed on:
// some clients begin again then.
func (c *serverConn) startOver() {
	s := c.session
	if s == nil || s.source == nil || len(s.links) > 0 || s.id != "" {
		return
	}
	s.unwatch()
	c.described = &described{source: s.source, path: s.path, token: s.token}
	c.session = nil
}

// contentBase is what control attributes are appended to.
func contentBase(url string) string { return strings.TrimRight(url, "/") + "/" }

// open returns the source of a player, the one that was described where it is
// the same stream.
func (c *serverConn) open(r *Request) (Source, error) {
	if d := c.described; d != nil {
		if d.path == r.Path {
			if r.Token == "" {
				r.Token = d.token
			}
			if err := c.admit(r, ActionPlay); err != nil {
				return nil, err
			}
			return d.source, nil
		}
		c.dropDescribed(nil)
	}
	token := r.Token
	if err := c.admit(r, ActionPlay); err != nil {
		return nil, err
	}
	c.readAhead()
	source, err := c.server.Handler.Play(c.ctx, r)
	if err != nil {
		return nil, err
	}
	c.described = &described{source: source, path: r.Path, token: token}
	return source, nil
}

// accepts reports whether an Accept header admits a media type.
func accepts(header, want string) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	kind, _, _ := strings.Cut(want, "/")
	for part := range strings.SplitSeq(header, ",") {
		name, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case want, "*/*", kind + "/*":
			return true
		}
	}
	return false
}

// announce answers ANNOUNCE (RFC 2326 10.3).
func (c *serverConn) announce(req *wire.Request) (*wire.Response, error) {
	if c.session != nil {
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	c.dropDescribed(nil)
	if t := req.Header.Get(wire.HeaderContentType); t != "" {
		if name, _, err := mime.ParseMediaType(t); err != nil || name != typeSDP {
			return nil, &StatusError{Status: wire.UnsupportedMediaType}
		}
	}
	r := c.request(req)
	token := r.Token
	if err := c.admit(r, ActionPublish); err != nil {
		return nil, err
	}
	desc, err := sdp.Parse(req.Body)
	if err != nil {
		return nil, errProtocol(wire.BadRequest, "The Description Has No Media")
	}
	recorder, err := c.server.Handler.Publish(c.ctx, r, desc.Media)
	if err != nil {
		return nil, err
	}
	s := c.newSession(r.Path, token)
	s.recorder, s.tracks = recorder, len(desc.Media)
	for i := range desc.Media {
		s.controls = append(s.controls, desc.URL(req.URL, i))
	}
	c.watch(s, recorder.Context())
	return c.answer(req.CSeq(), wire.OK), nil
}

func (c *serverConn) newSession(path, token string) *session {
	s := &session{path: path, token: token, timeout: c.server.Options.SessionTimeout}
	c.session, c.hadSession = s, true
	return s
}

// maxLinks bounds the tracks of one session, each of which may take ports.
const maxLinks = 8

// setup answers SETUP (RFC 2326 10.4).
func (c *serverConn) setup(req *wire.Request) (*wire.Response, error) {
	s := c.session
	if s != nil && s.state != stateReady {
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	r := c.request(req)
	var track int
	var err error
	if s != nil && s.recorder != nil {
		track, err = c.setupRecord(r)
	} else {
		track, err = c.setupPlay(r)
	}
	if err != nil {
		return nil, err
	}
	s = c.session
	if len(s.links) == maxLinks {
		return nil, errProtocol(wire.NotEnoughBandwidth, "Too Many Tracks In One Session")
	}
	l, t, err := c.negotiate(r, track)
	if err != nil {
		return nil, err
	}
	s.drop(track)
	s.links, s.lower = append(s.links, l), t.Lower
	if s.id == "" {
		s.id = rand.Text()
	}
	a := l.transport(t)
	if s.source != nil {
		a.SSRC, a.HasSSRC = s.source.SSRC(track)
	}
	res := c.answer(req.CSeq(), wire.OK)
	res.Header.Add(wire.HeaderTransport, a.String())
	return res, nil
}

// setupRecord returns the number of the media that a publisher sets up.
func (c *serverConn) setupRecord(r *Request) (int, error) {
	path := r.Path
	if err := c.again(r); err != nil {
		return 0, err
	}
	track := findMedia(r.URL, c.session.controls)
	if track >= 0 {
		return track, nil
	}
	if path == c.session.path {
		return 0, &StatusError{Status: wire.AggregateNotAllowed}
	}
	return 0, &StatusError{Status: wire.NotFound}
}

// setupPlay returns the track that a player sets up, and makes its session where
// it is the first.
func (c *serverConn) setupPlay(r *Request) (int, error) {
	s := c.session
	if s == nil {
		source, err := c.open(r)
		if err != nil {
			return 0, err
		}
		track, err := playTrack(source, r.Track)
		if err != nil {
			return 0, err
		}
		s = c.newSession(r.Path, c.described.token)
		s.source, c.described = source, nil
		s.tracks = len(source.Description().Media)
		c.watch(s, source.Context())
		return track, nil
	}
	if r.Path != s.path {
		return 0, errProtocol(wire.MethodNotValid, "A Session Plays One Stream")
	}
	if err := c.again(r); err != nil {
		return 0, err
	}
	return playTrack(s.source, r.Track)
}

// playTrack checks the number of a track; the stream as a whole may stand for
// its only one.
func playTrack(source Source, track int) (int, error) {
	if track < 0 {
		if media := source.Description().Media; len(media) == 1 {
			return parseTarget("/" + media[0].Control).Track, nil
		}
		return 0, &StatusError{Status: wire.AggregateNotAllowed}
	}
	if _, ok := source.SSRC(track); !ok {
		return 0, &StatusError{Status: wire.NotFound}
	}
	return track, nil
}

// again checks the rights of a later request of a session. A URL may lack the
// token with which the session began; its id, which nobody else knows, stands
// for it.
func (c *serverConn) again(r *Request) error {
	s := c.session
	if r.Token == "" || strings.HasPrefix(r.Token, s.token+"/") { // a control attribute behind it
		r.Token = s.token
	}
	r.Path = s.path
	return c.admit(r, s.action())
}

// aggregate checks a request about the session as a whole.
func (c *serverConn) aggregate(req *wire.Request) (*session, *Request, error) {
	s := c.session
	if s == nil || len(s.links) == 0 {
		return nil, nil, &StatusError{Status: wire.MethodNotValid}
	}
	r := c.request(req)
	single := r.Track >= 0
	if s.recorder != nil {
		single = !sameResource(req.URL, "/"+s.path) && findMedia(req.URL, s.controls) >= 0 && s.tracks > 1
	}
	if single && len(s.links) > 1 {
		return nil, nil, &StatusError{Status: wire.OnlyAggregateAllowed}
	}
	return s, r, c.again(r)
}

// watch ends the connection with what it serves.
func (c *serverConn) watch(s *session, ctx context.Context) {
	s.unwatch = context.AfterFunc(ctx, func() { c.cancel(context.Cause(ctx)) })
}
