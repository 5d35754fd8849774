package hub

import (
	"errors"
	"fmt"

	"sluice/server/media"
)

// The kinds of error that end a session or refuse one. Each protocol maps
// them to its own wire in one function. Test with errors.Is.
var (
	// ErrBadName: the stream name breaks the rules of ParseName.
	ErrBadName = errors.New("bad stream name")
	// ErrUnauthorized: no credentials, or wrong ones.
	ErrUnauthorized = errors.New("not authorized: give a valid token")
	// ErrNoPublisher: nobody publishes the stream, and none came in time.
	ErrNoPublisher = errors.New("nobody publishes this stream")
	// ErrBusy: the stream has a publisher, and the policy refuses a second.
	ErrBusy = errors.New("the stream already has a publisher")
	// ErrReplaced: another publisher took the stream over.
	ErrReplaced = errors.New("another publisher took the stream over")
	// ErrKicked: an operator ended the session.
	ErrKicked = errors.New("the session was ended by the operator")
	// ErrLimit: a configured limit is reached.
	ErrLimit = errors.New("a limit of this server is reached, try again later")
	// ErrShutdown: the server stops.
	ErrShutdown = errors.New("the server is stopping")
	// ErrClosed: the session was closed by its own side.
	ErrClosed = errors.New("session closed")
	// ErrChanged: the stream goes on in a form that this player can't take in
	// its stride.
	ErrChanged = errors.New("the stream has changed: play it anew")
	// ErrNothingPlayable: the stream has no track in a codec the viewer takes.
	ErrNothingPlayable = errors.New("the stream has no track this player can take")
)

// CodecError says that a protocol can't carry a codec.
type CodecError struct {
	Codec    media.Codec
	Protocol string
}

func (e *CodecError) Error() string {
	return fmt.Sprintf("%s can't be carried by %s", e.Codec, e.Protocol)
}
