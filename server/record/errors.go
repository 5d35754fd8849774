package record

import "errors"

// Why records end.
var (
	// ErrStopped: an operator has stopped the job.
	ErrStopped = errors.New("stopped by the operator")
	// ErrLimit: the request's duration is over.
	ErrLimit = errors.New("the duration asked for is recorded")
	// ErrClosing: the server stops, or its configuration has changed.
	ErrClosing = errors.New("the recorder stops")

	errPublisherLeft = errors.New("the publisher left")
	errRotated       = errors.New("the next file has begun")
	errCodecs        = errors.New("the codecs changed")
	errRecovered     = errors.New("recovered after a crash")
	errRemoved       = errors.New("somebody has removed the file")

	// errNothing says that a take has nothing in it that is worth keeping.
	errNothing = errors.New("nothing was recorded")
)
