package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"sluice/protocols/internal/wsframe"
	"sluice/protocols/rtsp/wire"
)

// serverConn is the server's side of a connection. One goroutine reads and
// obeys; a player has one more that writes to it, a publisher over UDP one that
// takes its packets. While the first waits for a stream another one reads ahead.
type serverConn struct {
	conn
	server *Server
	reader *wire.Reader
	ahead  sync.WaitGroup // who reads ahead
	guard  wire.Guard
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool

	tunnel     *Target // what the URL of a WebSocket names
	described  *described
	session    *session
	hadSession bool // its end is in the hub's log
}

// described is a source that waits for its player to set it up.
type described struct {
	source Source
	path   string
	token  string
}

// realm is shown to people who are asked for a password.
const realm = "sluice"

func newServerConn(s *Server, nc net.Conn) *serverConn {
	c := &serverConn{
		conn:   conn{net: nc, timeout: s.Options.WriteTimeout},
		server: s,
		guard:  wire.Guard{Realm: realm},
	}
	c.reader = wire.NewReader(&c.conn)
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.patience.Store(&patience{until: time.Now().Add(s.Options.SetupTimeout)})
	c.stop = context.AfterFunc(c.ctx, c.wake)
	return c
}

// wake makes who reads or writes see that the context has ended.
func (c *serverConn) wake() {
	d := linger
	if errors.Is(context.Cause(c.ctx), ErrServerClosed) {
		d = hurry
	}
	c.leave(d)
	c.setPatience(noPatience())
}

// close ends the connection at once.
func (c *serverConn) close(cause error) {
	c.cancel(cause)
	c.stop()
	_ = c.net.Close() // the reason is known, what else fails is not of interest
}

// End implements conns.Conn.
func (c *serverConn) End(cause error) { c.cancel(cause) }

// Cut implements conns.Conn.
func (c *serverConn) Cut() { _ = c.net.Close() }

// run serves the connection to its end and tells why it ended. The caller
// closes it.
func (c *serverConn) run() error {
	err := c.loop()
	c.cancel(err)
	c.wake()
	c.ahead.Wait()
	err = context.Cause(c.ctx)
	c.dropDescribed(err)
	c.endSession(err)
	var broken net.Error
	if !errors.As(err, &broken) {
		if c.websocket {
			const normal = "\x03\xe8"                         // 1000, RFC 6455 7.4.1
			_ = c.writeMessage(wsframe.Close, []byte(normal)) // it ends in any case
		}
		c.farewell()
	}
	return err
}

func (c *serverConn) loop() error {
	for {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		c.ahead.Wait()
		item, err := c.reader.Read()
		var wrong *wire.Error
		switch {
		case errors.As(err, &wrong):
			return errors.Join(err, c.respond(c.answer(wrong.CSeq, wrong.Status)))
		case err != nil:
			return err
		case item.Frame != nil || item.Request == nil && item.Response == nil:
			err = c.takeFrame(item.Channel, item.Frame)
		case item.Request != nil:
			err = c.handle(item.Request)
		}
		if err != nil {
			return err
		}
	}
}

// readAhead waits for what the peer does next while its request is obeyed: one
// that leaves ends the connection, and with it what the request waits for.
func (c *serverConn) readAhead() {
	// The answer is not to wait for the peer, but the peer for the answer.
	c.setPatience(patience{idle: c.server.Options.SessionTimeout, alive: func(time.Time) bool { return true }})
	if c.ctx.Err() != nil {
		return // that the end wakes who reads may have been overwritten
	}
	c.ahead.Go(func() {
		if err := c.reader.Wait(); err != nil {
			c.cancel(err)
		}
	})
}

// takeFrame takes an interleaved frame. One on a channel that nobody has set up
// is of no interest.
func (c *serverConn) takeFrame(channel uint8, data []byte) error {
	s := c.session
	if s == nil {
		return nil
	}
	now := time.Now()
	s.seen.beat(now)
	for _, l := range s.links {
		if l.udp != nil {
			return nil
		}
		switch channel {
		case l.channels[0]:
			return s.takeRTP(l.track, data, now)
		case l.channels[1]:
			s.takeRTCP(l.track, data, now)
			return nil
		}
	}
	return nil
}

// methods are what the server answers.
var methods = wire.Methods{
	wire.Options, wire.Describe, wire.Announce, wire.Setup, wire.Play, wire.Pause,
	wire.Record, wire.Teardown, wire.GetParameter, wire.SetParameter,
}

// handle answers a request. An error ends the connection.
func (c *serverConn) handle(r *wire.Request) error {
	res, err := c.obey(r)
	var status *StatusError
	switch {
	case errors.As(err, &status):
		res = c.answer(r.CSeq(), status.Status)
		res.Reason = status.Reason
		if status.Status == wire.Unauthorized {
			c.challenge(res, err)
		}
		if status.Status == wire.MethodNotValid {
			res.Header.Add(wire.HeaderAllow, c.allowed().String())
		}
		err = nil
	case err != nil && res == nil:
		return err
	}
	if s := c.session; s != nil {
		s.seen.beat(time.Now())
		if s.id != "" && !res.Header.Has(wire.HeaderSession) {
			res.Header.Add(wire.HeaderSession, wire.Session{ID: s.id, Timeout: c.server.Options.SessionTimeout}.String())
		}
	}
	if werr := c.respond(res); werr != nil {
		return errors.Join(err, werr)
	}
	if err != nil {
		return err
	}
	return c.proceed()
}

// proceed starts what may only flow after the answer, and says how long to wait
// for the peer from now on.
func (c *serverConn) proceed() error {
	s := c.session
	if s == nil || s.state == stateReady {
		c.setPatience(patience{until: time.Now().Add(c.setupTime())})
		return nil
	}
	if s.start != nil {
		s.start()
		s.start = nil
		c.setPatience(patience{idle: c.server.Options.SessionTimeout, alive: s.alive})
	}
	return nil
}

// setupTime is how long the peer may take to the next request: one that has
// paused has its session's time.
func (c *serverConn) setupTime() time.Duration {
	if c.session != nil && c.session.played {
		return c.server.Options.SessionTimeout
	}
	return c.server.Options.SetupTimeout
}

// obey carries a request out. Its error is a *StatusError, which is the answer,
// or ends the connection, after the answer where there is one.
func (c *serverConn) obey(r *wire.Request) (*wire.Response, error) {
	if r.CSeq() == "" {
		return nil, &StatusError{Status: wire.BadRequest, Reason: "CSeq Is Missing"}
	}
	if options := unsupported(r.Header); options != "" {
		res := c.answer(r.CSeq(), wire.OptionNotSupported)
		res.Header.Add(wire.HeaderUnsupported, options)
		return res, nil
	}
	if id := r.Header.Get(wire.HeaderSession); id != "" {
		s, err := wire.ParseSession(id)
		if err != nil || c.session == nil || c.session.id == "" || s.ID != c.session.id {
			return nil, &StatusError{Status: wire.SessionNotFound}
		}
	}
	switch r.Method {
	case wire.Options:
		res := c.answer(r.CSeq(), wire.OK)
		res.Header.Add(wire.HeaderPublic, methods.String())
		return res, nil
	case wire.GetParameter, wire.SetParameter:
		if len(strings.TrimSpace(string(r.Body))) > 0 {
			return nil, &StatusError{Status: wire.ParameterUnknown}
		}
		return c.answer(r.CSeq(), wire.OK), nil
	case wire.Describe:
		return c.describe(r)
	case wire.Announce:
		return c.announce(r)
	case wire.Setup:
		return c.setup(r)
	case wire.Play:
		return c.play(r)
	case wire.Pause:
		return c.pause(r)
	case wire.Record:
		return c.record(r)
	case wire.Teardown:
		return c.teardown(r)
	case wire.Redirect:
		return nil, &StatusError{Status: wire.MethodNotAllowed}
	}
	return nil, &StatusError{Status: wire.NotImplemented}
}

// unsupported returns the extensions that a request requires; there are none
// that the server has.
func unsupported(h wire.Header) string {
	return strings.Join(append(h.Values(wire.HeaderRequire), h.Values("Proxy-Require")...), ", ")
}

// answer begins a response.
func (c *serverConn) answer(cseq string, status wire.Status) *wire.Response {
	res := &wire.Response{Status: status}
	if cseq != "" {
		res.Header.Add(wire.HeaderCSeq, cseq)
	}
	res.Header.Add(wire.HeaderServer, realm)
	return res
}

// request reads what a request is about.
func (c *serverConn) request(r *wire.Request) *Request {
	_, secure := c.net.(*tls.Conn)
	q := &Request{
		Request: r, Target: parseTarget(r.URL), Remote: c.net.RemoteAddr(), UserAgent: r.Header.Get(wire.HeaderUserAgent),
		TLS: secure, WS: c.websocket,
	}
	if t := c.tunnel; t != nil {
		q.Path = strings.TrimSuffix(q.Path, Suffix)
		if q.Path == "" {
			q.Path = t.Path
		}
		if q.Query.Get("token") == "" && t.Query.Has("token") {
			q.Query = merge(q.Query, t.Query)
		}
	}
	q.Token = q.Query.Get("token")
	return q
}

func merge(a, b url.Values) url.Values {
	out := url.Values{}
	for _, m := range []url.Values{b, a} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// errProtocol is what breaks the rules.
func errProtocol(status wire.Status, format string, args ...any) error {
	return &StatusError{Status: status, Reason: fmt.Sprintf(format, args...)}
}
