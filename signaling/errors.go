package signaling

import (
	"errors"
	"fmt"
	"time"
)

// Code classes a refusal by what the client can do about it.
type Code int

// The codes and the HTTP status that each becomes.
const (
	// CodeInternal is a fault of the server: 500. The zero value.
	CodeInternal Code = iota
	// CodeBadOffer is SDP that can't be understood: 400.
	CodeBadOffer
	// CodeUnauthorized asks for credentials: 401.
	CodeUnauthorized
	// CodeForbidden refuses these credentials, or this client whatever it sends: 403.
	CodeForbidden
	// CodeNotFound is a stream that can't exist here: 404.
	CodeNotFound
	// CodeSessionEnded is a session that is over: 404.
	CodeSessionEnded
	// CodeNoPublisher is a stream that nobody publishes yet: 409 and Retry-After.
	CodeNoPublisher
	// CodePublisherExists is a stream that somebody else publishes: 409 and Retry-After.
	CodePublisherExists
	// CodeUnsupported is SDP that is understood but can't be served, for example
	// for its codecs: 422.
	CodeUnsupported
	// CodeOverloaded is a server at its limit: 503 and Retry-After.
	CodeOverloaded
)

// Error is a refusal with a text for the client.
type Error struct {
	// Code decides the status.
	Code Code
	// Detail tells the client what is wrong and what to do next. It is sent as it
	// is and holds no secret.
	Detail string
	// RetryAfter is when to try again, for the codes that say so. 0 takes the
	// server's default.
	RetryAfter time.Duration
	// Err is the cause for the log. It may be nil and is never sent.
	Err error
}

// Error returns the detail and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return "signaling: " + e.Detail
	}
	return fmt.Sprintf("signaling: %s: %v", e.Detail, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// asError returns the refusal that err is or wraps; any other error is CodeInternal.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Detail: "the server failed; try again, and tell its operator if that does not help", Err: err}
}
