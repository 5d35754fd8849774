package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sluice/protocols/rtmp/message"
)

// PublishSession is a peer that publishes a stream to the server. It is for
// the goroutine that HandlePublish runs in, but for End.
type PublishSession struct {
	Request Request

	c        *serverConn
	id       uint32
	accepted bool
	ended    bool  // the peer has ended it
	failed   error // reading failed
}

// startPublish runs a publish session on the goroutine that reads.
func (c *serverConn) startPublish(id uint32, st *netStream, name string) error {
	if st == nil {
		return fmt.Errorf("%w: publish on message stream %d, which was not created", ErrProtocol, id)
	}
	if c.publish != nil {
		return c.status(id, "error", CodePublishBadName, "this connection publishes a stream already")
	}
	s := &PublishSession{Request: newRequest(c.info, name), c: c, id: id}
	c.publish, st.published = s, true
	c.wait()
	err := c.server.Handler.HandlePublish(c.ctx, s)
	c.publish = nil
	c.wait()
	cause := context.Cause(c.ctx)
	switch {
	case s.ended:
		return c.status(id, "status", CodeUnpublishSuccess, s.Request.Path+" is now unpublished")
	case s.failed != nil && cause == nil:
		return s.failed // the connection itself
	case errors.Is(err, ErrServerClosed), errors.Is(cause, ErrServerClosed):
		return ErrServerClosed
	case err == nil:
		c.tell(id, "status", CodeUnpublishSuccess, "the server has ended the stream")
		return errEnded
	}
	status := statusOf(err, CodeFailed)
	c.tell(id, "error", status.Code, status.Description)
	return err
}

// unpublish ends the publish session from the peer's side.
func (c *serverConn) unpublish() error {
	if c.publish == nil {
		return nil
	}
	c.publish.ended = true
	return c.notice("onFCUnpublish", CodeUnpublishSuccess)
}

// Accept tells the peer that it may publish. Read does so too.
func (s *PublishSession) Accept() error {
	if s.accepted {
		return nil
	}
	s.accepted = true
	return s.c.status(s.id, "status", CodePublishStart, s.Request.Path+" is now published")
}

// Read returns the next audio, video or data message. The body belongs to the
// caller. io.EOF means that the peer has unpublished or left.
func (s *PublishSession) Read() (message.Message, error) {
	if s.failed == nil {
		s.failed = s.Accept()
	}
	for s.failed == nil && !s.ended {
		m, err := s.c.next()
		if err == nil && s.owns(m) {
			return m, nil
		}
		if err == nil {
			err = s.c.handle(m)
		}
		s.failed = err
	}
	if s.failed != nil {
		return message.Message{}, s.failed
	}
	return message.Message{}, io.EOF
}

func (s *PublishSession) owns(m message.Message) bool {
	switch m.Type {
	case message.Audio, message.Video, message.DataAMF0, message.DataAMF3:
		return m.StreamID == s.id
	}
	return false
}

// End ends the session with an error that Read returns. It may be called from
// any goroutine.
func (s *PublishSession) End(err error) { s.c.cancel(err) }

// Received returns how many bytes have come on the connection.
func (s *PublishSession) Received() int64 { return s.c.received.Load() }
