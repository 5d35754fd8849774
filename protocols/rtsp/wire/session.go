package wire

import (
	"strconv"
	"strings"
	"time"
)

// DefaultTimeout is the timeout of a session whose header tells none
// (RFC 2326 12.37).
const DefaultTimeout = 60 * time.Second

// maxTimeout bounds what a peer can say, in seconds.
const maxTimeout = 24 * 60 * 60

// Session is a Session header (RFC 2326 12.37).
type Session struct {
	ID string
	// Timeout is in whole seconds; 0 where it is not given.
	Timeout time.Duration
}

// ParseSession reads a Session header. A timeout that makes no sense counts as
// not given.
func ParseSession(s string) (Session, error) {
	id, rest, _ := strings.Cut(s, ";")
	out := Session{ID: strings.TrimSpace(id)}
	if out.ID == "" {
		return Session{}, malformed("an empty Session")
	}
	for part := range splitQuoted(rest, ';') {
		if name, value := parameter(part); name == "timeout" {
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				out.Timeout = time.Duration(min(n, maxTimeout)) * time.Second
			}
		}
	}
	return out, nil
}

// String returns the header's value.
func (s Session) String() string {
	if s.Timeout < time.Second {
		return s.ID
	}
	return s.ID + ";timeout=" + strconv.Itoa(int(s.Timeout/time.Second))
}
