package wire

import "fmt"

// Error is what is wrong with a message, or with a header of one.
type Error struct {
	// Status is the answer to a request that is wrong in this way.
	Status Status
	// Reason says what is wrong, for logs and for people.
	Reason string
	// CSeq is that of the request if it was read before the error, else "".
	CSeq string
}

// Error implements error.
func (e *Error) Error() string { return "rtsp: " + e.Reason }

func malformed(format string, args ...any) *Error {
	return &Error{Status: BadRequest, Reason: fmt.Sprintf(format, args...)}
}
