package rtsp

import (
	"context"
	"net"
	"time"

	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
)

// Action is what a peer asks for.
type Action string

// The actions.
const (
	ActionPublish Action = "publish"
	ActionPlay    Action = "play"
)

// Handler serves the sessions of a Server. Its methods are called concurrently,
// by one goroutine a connection. A *StatusError that they return is the answer
// to the peer; other errors are answered as internal ones.
type Handler interface {
	// Authorize checks what the request asks for. Where credentials are missing
	// or wrong the error has the status wire.Unauthorized, and the server adds
	// its challenges.
	Authorize(ctx context.Context, r *Request, a Action) error

	// Secrets returns the passwords with which a user may do it, for Digest.
	Secrets(r *Request, a Action, user string) []string

	// Publish begins a publisher of these media.
	Publish(ctx context.Context, r *Request, media []sdp.Media) (Recorder, error)

	// Play begins a player, and waits until it is known what can be played.
	Play(ctx context.Context, r *Request) (Source, error)
}

// Recorder takes what one publisher sends. Its methods are for one goroutine at
// a time, but for Context.
type Recorder interface {
	// Context ends when the publisher must; context.Cause says why.
	Context() context.Context
	// Record begins, once the tracks are set up. What is set up and can't be
	// taken is passed over; where that is all, the error is a *StatusError, and
	// the publisher may set up more and try again.
	Record(r Recording) error
	// RTP takes a packet of a track, which is its to keep. The error ends the
	// publisher.
	RTP(track int, packet []byte, now time.Time) error
	// RTCP takes a packet of a track.
	RTCP(track int, packet []byte, now time.Time)
	// Tick does what is due, and returns when it wants to be called next.
	Tick(now time.Time) (next time.Time, err error)
	// Close ends the publisher; nil means that the peer has ended.
	Close(reason error)
}

// Recording is how a publisher's media come.
type Recording struct {
	// Tracks are the numbers of the media descriptions that were set up.
	Tracks []int
	// Ordered says that the transport keeps order and loses nothing.
	Ordered bool
	// Jitter is how long a missing packet is waited for where it does not.
	Jitter time.Duration
	// Report sends an RTCP packet to the publisher.
	Report func(track int, packet []byte)
}

// Source is a stream for one player.
type Source interface {
	// Context ends when the player must; context.Cause says why.
	Context() context.Context
	// Description describes what can be played. Track n has the control
	// attribute trackID=n.
	Description() *sdp.Session
	// SSRC returns the source of a track's packets; false where there is no
	// such track.
	SSRC(track int) (uint32, bool)
	// Start prepares to play from the live point on, or where newer from where
	// the player paused, and returns what is known of the beginning.
	Start(ctx context.Context, out *output) ([]Begin, error)
	// Run sends until ctx is done or the player must end.
	Run(ctx context.Context) error
	// Goodbye tells the player that there is no more.
	Goodbye()
	// RTCP takes a packet of the player.
	RTCP(track int, packet []byte, now time.Time)
	// Close ends the player; nil means that the peer has ended.
	Close(reason error)
}

// Begin is where a track begins (RFC 2326 12.33).
type Begin struct {
	Track int
	Seq   uint16
	Time  uint32
}

// Request is a request with what the connection knows of its peer.
type Request struct {
	*wire.Request
	Target
	Remote    net.Addr
	UserAgent string
	TLS, WS   bool
	// Token is the credential that came in the URL or as the password of Basic,
	// User the name that came with it.
	Token, User string
	// Verified says that Digest has proved that the peer knows a secret of
	// User.
	Verified bool
}

// StatusError is an error as an answer.
type StatusError struct {
	Status wire.Status
	Reason string // for people; "" stands for the status's own phrase
}

// Error implements error.
func (e *StatusError) Error() string {
	if e.Reason == "" {
		return "rtsp: " + e.Status.String()
	}
	return "rtsp: " + e.Reason
}
