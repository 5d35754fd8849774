package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"

	"sluice/protocols/rtmp/message"
)

// errStopped ends a play session from the peer's side.
var errStopped = errors.New("rtmp: the player has stopped")

// PlaySession is a peer that plays a stream of the server. Its methods may be
// called from any goroutine.
type PlaySession struct {
	Request Request

	c      *serverConn
	id     uint32
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // the handler has returned

	mu       sync.Mutex
	wants    Wants
	changed  chan struct{}
	accepted bool
}

// Wants is what a player wants to be sent at the moment.
type Wants struct {
	Audio, Video bool // receiveAudio, receiveVideo
	Paused       bool // nothing at all
}

// startPlay starts a play session with a goroutine of its own. A session
// that plays on the same message stream ends.
func (c *serverConn) startPlay(id uint32, st *netStream, name string) error {
	if st == nil {
		return fmt.Errorf("%w: play on message stream %d, which was not created", ErrProtocol, id)
	}
	if st.play != nil {
		st.play.end(errStopped)
	}
	s := &PlaySession{
		Request: newRequest(c.info, name), c: c, id: id, done: make(chan struct{}),
		wants: Wants{Audio: true, Video: true}, changed: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancelCause(c.ctx)
	st.play = s
	c.wait()
	c.plays.Go(func() {
		defer close(s.done)
		s.finish(c.server.Handler.HandlePlay(s.ctx, s))
	})
	return nil
}

// end ends the session and waits for its handler.
func (s *PlaySession) end(cause error) {
	s.cancel(cause)
	<-s.done
}

// finish tells the peer how the session has ended, and ends the connection
// unless the peer itself wanted the end.
func (s *PlaySession) finish(err error) {
	defer s.cancel(err)
	if s.ctx.Err() != nil {
		return
	}
	eof := message.Event{Type: message.StreamEOF, Value: s.id}
	_ = s.c.write(eof.Message()) // it ends in any case
	if err == nil {
		err = errEnded
		s.c.tell(s.id, "status", CodePlayStop, err.Error())
	} else {
		status := statusOf(err, CodePlayFailed)
		s.c.tell(s.id, "error", status.Code, status.Description)
	}
	s.c.cancel(err)
}

// Accept tells the peer that the stream begins. It does without the data
// messages that Flash Media Server sends here, |RtmpSampleAccess and
// NetStream.Data.Start: ffmpeg takes them for a third track.
func (s *PlaySession) Accept() error {
	s.mu.Lock()
	again := s.accepted
	s.accepted = true
	s.mu.Unlock()
	if again {
		return nil
	}
	name := s.Request.Path
	reset, err1 := onStatus(s.id, "status", CodePlayReset, "Playing and resetting "+name)
	start, err2 := onStatus(s.id, "status", CodePlayStart, "Started playing "+name)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	begin := message.Event{Type: message.StreamBegin, Value: s.id}
	return s.c.write(begin.Message(), reset, start)
}

// StreamID is the message stream that the peer plays on.
func (s *PlaySession) StreamID() uint32 { return s.id }

// ChunkSize is the chunk size that was announced to the peer.
func (s *PlaySession) ChunkSize() int { return s.c.opts.ChunkSize }

// Write sends messages on the session's message stream.
func (s *PlaySession) Write(list ...message.Message) error {
	for i := range list {
		list[i].StreamID = s.id
	}
	return s.c.write(list...)
}

// WriteChunks sends what chunk.Append has made for StreamID and ChunkSize, in
// one system call. The list of buffers is consumed, their bytes are not.
func (s *PlaySession) WriteChunks(bufs net.Buffers) error { return s.c.writeChunks(bufs) }

// PublishNotify tells the peer that a publisher has come.
func (s *PlaySession) PublishNotify() error {
	m, err := onStatus(s.id, "status", CodePlayPublishNotify, s.Request.Path+" is now published")
	if err != nil {
		return err
	}
	begin := message.Event{Type: message.StreamBegin, Value: s.id}
	return s.c.write(begin.Message(), m)
}

// UnpublishNotify tells the peer that the publisher has gone. Many players,
// ffmpeg among them, end then; others wait for PublishNotify.
func (s *PlaySession) UnpublishNotify() error {
	m, err := onStatus(s.id, "status", CodePlayUnpublishNotify, s.Request.Path+" is now unpublished")
	if err != nil {
		return err
	}
	eof := message.Event{Type: message.StreamEOF, Value: s.id}
	return s.c.write(eof.Message(), m)
}

// Warn tells the peer what is wrong with the stream, which goes on.
func (s *PlaySession) Warn(text string) error {
	return s.c.status(s.id, "warning", CodePlayNoSupportedTrack, text)
}

// SetNoDelay turns TCP_NODELAY on or off. It is on at first, as the set-up
// consists of questions and answers.
func (s *PlaySession) SetNoDelay(on bool) error {
	nc := s.c.net
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if t, ok := nc.(*net.TCPConn); ok {
		return t.SetNoDelay(on)
	}
	return nil
}

// Wants returns what the player wants to be sent.
func (s *PlaySession) Wants() Wants {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wants
}

// Changed delivers when Wants may have changed.
func (s *PlaySession) Changed() <-chan struct{} { return s.changed }

// control obeys the commands of a player that plays.
func (s *PlaySession) control(cmd message.Command) error {
	on := message.Arg[bool](cmd, 0)
	switch cmd.Name {
	case "seek":
		return s.c.status(s.id, "error", CodeSeekFailed, "a live stream can't be sought")
	case "pause", "pauseRaw":
		s.want(func(w *Wants) { w.Paused = on })
		if on {
			return s.c.status(s.id, "status", CodePauseNotify, "Paused "+s.Request.Path)
		}
		return s.c.status(s.id, "status", CodeUnpauseNotify, "Unpaused "+s.Request.Path)
	case "receiveAudio":
		s.want(func(w *Wants) { w.Audio = on })
	case "receiveVideo":
		s.want(func(w *Wants) { w.Video = on })
	}
	if !on {
		return nil
	}
	// RTMP 7.2.2.4 and 7.2.2.5 ask for these two.
	seek, err1 := onStatus(s.id, "status", CodeSeekNotify, "Seeking to the live edge")
	start, err2 := onStatus(s.id, "status", CodePlayStart, "Started playing "+s.Request.Path)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return s.c.write(seek, start)
}

func (s *PlaySession) want(change func(*Wants)) {
	s.mu.Lock()
	change(&s.wants)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
