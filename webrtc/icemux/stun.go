package icemux

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// STUN, RFC 8489 sections 5 and 14.
const (
	stunHeader   = 20
	stunCookie   = 0x2112A442
	stunUsername = 0x0006
	// stunClass masks the two bits of the message type that hold the class.
	stunClass   = 0x0110
	stunRequest = 0x0000
)

// isSTUN reports whether b is a STUN message (RFC 7983 section 7).
func isSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0] < 4 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// isRequest reports whether a STUN message is a request.
func isRequest(b []byte) bool {
	return binary.BigEndian.Uint16(b)&stunClass == stunRequest
}

// attributes iterates over the attributes of a STUN message, up to the first that
// is cut short.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for b := b[stunHeader:]; len(b) >= 4; {
			typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
			b = b[4:]
			if n > len(b) || !yield(typ, b[:n]) {
				return
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

// localUfrag returns the receiver's half of a STUN message's USERNAME, or nil.
func localUfrag(b []byte) []byte {
	for typ, value := range attributes(b) {
		if typ == stunUsername {
			name, _, _ := bytes.Cut(value, []byte{':'})
			return name
		}
	}
	return nil
}
