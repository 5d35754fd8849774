package rtsp

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"sluice/protocols/rtsp/wire"
)

// clientConn is the client's side of a connection. Until its media runs it is
// used by one goroutine.
type clientConn struct {
	client *Client
	target clientTarget
	ctx    context.Context
	nc     net.Conn
	in     *wire.Reader
	stop   func() bool // of the context's hold on nc

	cseq      int
	challenge wire.Challenge // to answer from now on, where asked
	asked     bool
	answers   uint32 // answers to its nonce

	public  wire.Methods
	session wire.Session
	control string  // URL of the session as a whole
	links   []*link // of the media that are set up
	early   []wire.Item

	writing sync.Mutex // guards writes to nc, once media runs, and joined
	joined  []byte     // scratch
}

func newClientConn(ctx context.Context, c *Client, t clientTarget, nc net.Conn) *clientConn {
	return &clientConn{
		client: c, target: t, ctx: ctx, nc: nc, in: wire.NewReader(nc),
		challenge: t.challenge, asked: t.challenge != (wire.Challenge{}),
		stop: context.AfterFunc(ctx, func() { nc.Close() }),
	}
}

// close closes the connection and the sockets of its media.
func (c *clientConn) close() {
	c.stop()
	c.nc.Close()
	for _, l := range c.links {
		l.close()
	}
	c.links = nil
}

// maxEarly is how many frames are kept that come before the answer to PLAY.
const maxEarly = 512

// do sends a request and waits for its answer. It authenticates where that is
// asked for. A status other than OK is a *AnswerError.
func (c *clientConn) do(r *wire.Request) (*wire.Response, error) {
	for range 3 { // without credentials, with them, with a fresh nonce
		deadline := time.Now().Add(c.client.stepTimeout())
		if err := c.nc.SetDeadline(deadline); err != nil {
			return nil, err
		}
		if err := c.send(r); err != nil {
			return nil, c.reason(err)
		}
		resp, err := c.answer()
		if err != nil {
			return nil, c.reason(err)
		}
		if resp.Status == wire.Unauthorized && c.authorize(resp) {
			continue
		}
		return resp, c.check(r.Method, resp)
	}
	return nil, &AnswerError{Method: r.Method, Status: wire.Unauthorized}
}

// reason returns why the connection has ended: the context's cause, if it has.
func (c *clientConn) reason(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("rtsp: the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// authorize takes the challenges of an answer; false where they can't be
// answered, or the answer was wrong.
func (c *clientConn) authorize(resp *wire.Response) bool {
	next, ok := wire.Strongest(wire.ParseChallenges(resp.Header.Values(wire.HeaderWWWAuthenticate)))
	if !ok || c.target.login == (wire.Login{}) {
		return false
	}
	if c.asked && !next.Stale && (next.Scheme == wire.Basic || next.Nonce == c.challenge.Nonce) {
		return false
	}
	c.challenge, c.asked, c.answers = next, true, 0
	return true
}

// check keeps what every answer may tell, and makes an error of its status.
func (c *clientConn) check(m wire.Method, resp *wire.Response) error {
	if resp.Status >= 200 && resp.Status < 300 {
		return nil
	}
	e := &AnswerError{Method: m, Status: resp.Status, Reason: resp.Reason}
	if resp.Status == wire.MovedPermanently || resp.Status == wire.MovedTemporarily || resp.Status == wire.SeeOther {
		e.Location = resp.Header.Get(wire.HeaderLocation)
	}
	return e
}

// send writes a request, with its number, session and credentials.
func (c *clientConn) send(r *wire.Request) error {
	c.cseq++
	r.Header.Set(wire.HeaderCSeq, strconv.Itoa(c.cseq))
	r.Header.Set(wire.HeaderUserAgent, cmp.Or(c.client.UserAgent, "Sluice"))
	if c.session.ID != "" {
		r.Header.Set(wire.HeaderSession, c.session.ID)
	}
	if c.asked {
		c.answers++
		cred := c.target.login.Answer(c.challenge, r.Method, r.URL, c.answers, rand.Text())
		r.Header.Set(wire.HeaderAuthorization, cred.Header())
	}
	return c.write(r.Append(nil))
}

// write writes bytes as one.
func (c *clientConn) write(b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.nc.Write(b)
	return err
}

// answer waits for the answer to the last request, whatever number it has:
// there is one at a time, and some cameras count on their own. Frames that come
// before it are kept.
func (c *clientConn) answer() (*wire.Response, error) {
	for {
		item, err := c.in.Read()
		if err != nil {
			return nil, err
		}
		switch {
		case item.Request != nil:
			if err := c.reply(item.Request); err != nil {
				return nil, err
			}
		case item.Response == nil:
			if len(c.early) < maxEarly {
				c.early = append(c.early, item)
			}
		case item.Response.Status >= 200: // those below only say that it goes on
			return item.Response, nil
		}
	}
}

// reply answers a request of the server, of which only OPTIONS and parameters
// mean something here.
func (c *clientConn) reply(r *wire.Request) error {
	resp := wire.Response{Status: wire.NotImplemented, Header: wire.Header{{Name: wire.HeaderCSeq, Value: r.CSeq()}}}
	switch r.Method {
	case wire.Options:
		resp.Status = wire.OK
		resp.Header.Set(wire.HeaderPublic, wire.Methods{wire.Options, wire.GetParameter, wire.SetParameter}.String())
	case wire.GetParameter, wire.SetParameter:
		resp.Status = wire.OK
	}
	return c.write(resp.Append(nil))
}

// options asks what the server can do. Servers that do not know OPTIONS, or
// not yet, are good all the same.
func (c *clientConn) options() error {
	resp, err := c.do(&wire.Request{Method: wire.Options, URL: c.target.url})
	var s *AnswerError
	switch {
	case err == nil:
		c.public = wire.ParseMethods(resp.Header.Get(wire.HeaderPublic))
	case errors.As(err, &s) && s.Location == "" && s.Status != wire.Unauthorized:
		err = nil
	}
	return err
}

// teardown ends the session in order, without waiting for the answer.
func (c *clientConn) teardown() {
	if c.session.ID == "" || c.nc.SetWriteDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	_ = c.send(&wire.Request{Method: wire.Teardown, URL: c.control}) // the connection closes next
}
