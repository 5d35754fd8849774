package rtsp

import (
	"io"
	"net"
	"time"

	"sluice/protocols/rtsp/wire"
)

// keepAliveInterval is half the session's timeout (RFC 2326 12.37).
func (c *clientConn) keepAliveInterval() time.Duration {
	timeout := c.session.Timeout
	if timeout == 0 {
		timeout = wire.DefaultTimeout
	}
	return timeout / 2
}

// keepAliveMethod is what keeps the session.
func (c *clientConn) keepAliveMethod() wire.Method {
	if c.public.Has(wire.GetParameter) {
		return wire.GetParameter
	}
	return wire.Options
}

// keepAlive sends what keeps the session, without waiting for the answer.
func (c *clientConn) keepAlive() error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.client.writeTimeout())); err != nil {
		return err
	}
	return c.send(&wire.Request{Method: c.keepAliveMethod(), URL: c.control})
}

// request answers the server. TEARDOWN and REDIRECT are its way to end the
// session.
func (r *runner) request(q *wire.Request) error {
	switch q.Method {
	case wire.Teardown:
		return io.EOF
	case wire.Redirect:
		return &AnswerError{Method: q.Method, Status: wire.MovedTemporarily, Location: q.Header.Get(wire.HeaderLocation)}
	}
	if err := r.nc.SetWriteDeadline(time.Now().Add(r.client.writeTimeout())); err != nil {
		return err
	}
	return r.reply(q)
}

// response takes the answer to a keep-alive. What the server says of the
// request does not matter as long as it sends media, but for a session that it
// no longer knows and for a nonce that is out of date.
func (r *runner) response(resp *wire.Response) error {
	switch resp.Status {
	case wire.SessionNotFound:
		return r.check(wire.GetParameter, resp)
	case wire.Unauthorized:
		// Once for each keep-alive: some servers have a new nonce for each refusal.
		if !r.repeated && r.authorize(resp) {
			r.repeated = true
			return r.keepAlive()
		}
	case wire.BadRequest, wire.MethodNotAllowed, wire.NotImplemented, wire.ParameterUnknown:
		r.public = nil // OPTIONS then: some cameras list what they don't take
	}
	return nil
}

// WriteMedia implements mediaWriter.
func (c *clientConn) WriteMedia(bufs net.Buffers) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.client.writeTimeout())); err != nil {
		return err
	}
	if _, plain := c.nc.(*net.TCPConn); plain {
		_, err := bufs.WriteTo(c.nc)
		return err
	}
	c.joined = c.joined[:0] // one TLS record for what would be many
	for _, b := range bufs {
		c.joined = append(c.joined, b...)
	}
	_, err := c.nc.Write(c.joined)
	if cap(c.joined) > keepBuffer {
		c.joined = nil
	}
	return err
}

// WriteFrame implements mediaWriter.
func (c *clientConn) WriteFrame(channel uint8, data []byte) error {
	return c.WriteMedia(net.Buffers{wire.AppendFrame(nil, channel, data)})
}

// report sends an RTCP packet to the server. What does not get through ends the
// session at the next read.
func (r *runner) report(track int, b []byte) {
	for _, l := range r.links {
		if l.track != track {
			continue
		}
		if l.udp == nil {
			_ = r.WriteFrame(l.channels[1], b)
		} else if l.udp.remote[1].Load() != 0 {
			_ = l.udp.send(1, b)
		}
	}
}
