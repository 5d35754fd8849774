package rtsp

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"sluice/protocols/rtsp/wire"
)

// state is where a session is (RFC 2326 A.2).
type state uint8

const (
	stateReady state = iota // set up, or on the way there
	statePlaying
	stateRecording
)

// session is what a peer publishes or plays. It lives on one connection.
type session struct {
	id       string // "" before the first SETUP
	path     string
	token    string // of the URL with which it began
	state    state
	source   Source   // of a player
	recorder Recorder // of a publisher
	controls []string // the URLs of a publisher's media
	tracks   int      // that there are to set up
	links    []*link
	lower    string // UDP or TCP, of all links
	seen     pulse
	timeout  time.Duration // of silence
	played   bool          // has been playing

	unwatch func() bool        // ends the watch on source or recorder
	start   func()             // what flows after the answer
	halt    context.CancelFunc // ends what flows
	running sync.WaitGroup
	packets chan datagram // of a publisher over UDP
}

// action returns what the session is for.
func (s *session) action() Action {
	if s.recorder != nil {
		return ActionPublish
	}
	return ActionPlay
}

// alive reports whether the peer is there though its connection is silent: it
// reads what it plays, or was heard over UDP.
func (s *session) alive(now time.Time) bool {
	if s.state == statePlaying && s.lower == wire.TCP {
		return true
	}
	return s.seen.since(now) < s.timeout
}

// allowed lists the methods that the state allows.
func (c *serverConn) allowed() wire.Methods {
	list := wire.Methods{wire.Options, wire.GetParameter, wire.SetParameter}
	s := c.session
	switch {
	case s == nil:
		return append(list, wire.Describe, wire.Announce, wire.Setup)
	case s.state == statePlaying:
		return append(list, wire.Play, wire.Pause, wire.Teardown)
	case s.state == stateRecording:
		return append(list, wire.Record, wire.Pause, wire.Teardown)
	case s.recorder != nil:
		return append(list, wire.Setup, wire.Record, wire.Teardown)
	default:
		return append(list, wire.Setup, wire.Play, wire.Teardown)
	}
}

// rest ends what flows and waits for it.
func (s *session) rest() {
	if s.halt != nil {
		s.halt()
		s.running.Wait()
		s.halt = nil
	}
	s.start = nil
}

// endSession ends the session, if there is one.
func (c *serverConn) endSession(reason error) {
	s := c.session
	if s == nil {
		return
	}
	c.session = nil
	s.unwatch()
	s.rest()
	if s.source != nil && s.state == statePlaying {
		s.source.Goodbye()
	}
	for _, l := range s.links {
		l.close()
	}
	if s.recorder != nil {
		s.recorder.Close(peerLeft(reason))
	} else {
		s.source.Close(peerLeft(reason))
	}
}

// drop ends the link of one track.
func (s *session) drop(track int) bool {
	i := slices.IndexFunc(s.links, func(l *link) bool { return l.track == track })
	if i < 0 {
		return false
	}
	s.links[i].close()
	s.links = slices.Delete(s.links, i, i+1)
	return true
}

// peerLeft returns the reason for the hub: nil where the peer just left.
func peerLeft(reason error) error {
	if errors.Is(reason, io.EOF) || errors.Is(reason, errTeardown) {
		return nil
	}
	return reason
}

// dropDescribed ends a source that was described and not set up.
func (c *serverConn) dropDescribed(reason error) {
	if d := c.described; d != nil {
		d.source.Close(peerLeft(reason))
		c.described = nil
	}
}
