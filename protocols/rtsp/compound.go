package rtsp

import (
	"iter"

	"github.com/pion/rtcp"
)

// compound iterates over the packets of a compound RTCP packet (RFC 3550 6.1). The
// last one may be cut short.
func compound(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) >= 4 {
			n := min(4+4*(int(b[2])<<8|int(b[3])), len(b))
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// controls iterates over those of its packets that make sense: what some cameras
// put behind a sender report does not.
func controls(b []byte) iter.Seq[rtcp.Packet] {
	return func(yield func(rtcp.Packet) bool) {
		for one := range compound(b) {
			if list, err := rtcp.Unmarshal(one); err == nil && !yield(list[0]) {
				return
			}
		}
	}
}

// isBye reports whether an RTCP packet says goodbye (RFC 3550 6.6).
func isBye(b []byte) bool {
	for one := range compound(b) {
		if one[1] == uint8(rtcp.TypeGoodbye) {
			return true
		}
	}
	return false
}
