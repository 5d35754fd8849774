package hub

import (
	"context"
	"crypto/rand"
	"net/url"
	"sync/atomic"
	"time"
)

// Session is who publishes or plays, as the protocol knows it.
type Session struct {
	Stream    string // a path as ParseName takes it
	Protocol  string // "rtmp", "whep", ... ; lower case
	Remote    string // address of the peer
	UserAgent string
	User      string     // the name that came with the credential, if any
	Token     string     // credential that the peer gave; never logged
	Query     url.Values // the other parameters of the peer's URL
	// Latency overrides Config.ViewerLatency for one viewer if not 0.
	Latency time.Duration
	// Authorized says that the caller has checked the peer's rights itself.
	Authorized bool
	// Internal marks the server's own sessions (recorder, relay, demo): they
	// need no authorization and count against no limit.
	Internal bool
}

// Info is a snapshot of a session.
type Info struct {
	ID        string    `json:"id"`
	Action    Action    `json:"action"`
	Stream    string    `json:"stream"`
	Protocol  string    `json:"protocol"`
	Remote    string    `json:"remote_addr"`
	UserAgent string    `json:"user_agent,omitempty"`
	Started   time.Time `json:"start_time"`
	Bytes     int64     `json:"bytes"`
	Packets   int64     `json:"packets"`
	// Jumps counts how often a viewer fell behind and went on at a newer key
	// frame, Skipped what it missed there.
	Jumps   int64 `json:"jumps"`
	Skipped int64 `json:"skipped"`
	Standby bool  `json:"standby,omitempty"`
	// Details are the protocol's own figures, by SetDetails; nil where it has none.
	Details any `json:"details,omitempty"`
}

// session is what publishers and viewers have in common.
type session struct {
	Session
	id      string
	action  Action
	stream  *Stream
	started time.Time
	ctx     context.Context
	cancel  context.CancelCauseFunc

	bytes, packets, jumps, skipped atomic.Int64
	details                        atomic.Pointer[func() any]
}

func newSession(ctx context.Context, a Action, s Session) session {
	ctx, cancel := context.WithCancelCause(ctx)
	return session{
		Session: s, id: rand.Text()[:16], action: a, started: time.Now(),
		ctx: ctx, cancel: cancel,
	}
}

// ID returns the session's unguessable id.
func (s *session) ID() string { return s.id }

// Context ends with the session; context.Cause then says why.
func (s *session) Context() context.Context { return s.ctx }

// Stream returns the stream that the session belongs to.
func (s *session) Stream() *Stream { return s.stream }

// Kick ends the session with ErrKicked.
func (s *session) Kick() { s.cancel(ErrKicked) }

// Sent counts n bytes on the session's wire.
func (s *session) Sent(n int) { s.bytes.Add(int64(n)) }

// SetDetails says what Info has as Details: what f returns, which is called by any
// goroutine and is encoded as JSON.
func (s *session) SetDetails(f func() any) { s.details.Store(&f) }

// Info returns a snapshot.
func (s *session) Info() Info {
	var details any
	if f := s.details.Load(); f != nil {
		details = (*f)()
	}
	return Info{
		ID: s.id, Action: s.action, Stream: s.stream.name, Protocol: s.Protocol, Remote: s.Remote,
		UserAgent: s.UserAgent, Started: s.started, Bytes: s.bytes.Load(), Packets: s.packets.Load(),
		Jumps: s.jumps.Load(), Skipped: s.skipped.Load(), Details: details,
	}
}
