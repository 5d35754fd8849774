package rtp

import (
	"errors"

	"sluice/server/media"
)

// DefaultMaxUnit is the size in bytes above which a Depacketizer drops an
// access unit, unless told otherwise.
const DefaultMaxUnit = 8 << 20

// Reasons for which a Depacketizer drops an access unit, besides ErrMalformed
// and ErrTooLarge.
var (
	// ErrLost is returned when packets are missing.
	ErrLost = errors.New("rtp: packets of an access unit are missing")

	// ErrNoConfig is returned for pictures before the parameter sets or the key
	// frame that describe them. Asking the sender for a key frame brings them.
	ErrNoConfig = errors.New("rtp: no decoder configuration yet")

	// ErrUnsupported is returned for what a payload format offers and nobody
	// uses, such as interleaving.
	ErrUnsupported = errors.New("rtp: not supported")
)

// Unit is one access unit or audio frame that came by RTP.
type Unit struct {
	// Track describes the stream from this unit on; never nil. It is another
	// pointer only when the description changed.
	Track *media.Track

	// Payload is in the form of media.Packet, and newly allocated or part of a
	// packet's payload that the Depacketizer was given.
	Payload []byte

	// Timestamp is the RTP timestamp, for pictures that of their presentation.
	Timestamp uint32

	// Key is as in media.Packet.
	Key bool

	// Lost says that units before this one were dropped, or their packets were
	// missing.
	Lost bool
}

// Depacketizer takes the RTP packets of one source, in sequence order and
// without duplicates, and hands out access units.
type Depacketizer interface {
	// Append takes the next packet and appends the units that it completes to
	// dst; lost says that packets before it are missing. The packet's payload
	// must not change any more, as units of sound may alias it.
	//
	// An error says that an access unit was dropped, and why. The stream goes
	// on after it, and units in dst are good. Until the next unit with Key,
	// pictures may refer to what is missing: the caller leaves them out and asks
	// the sender for a key frame. Gaps in sound are no error.
	Append(dst []Unit, p Packet, lost bool) ([]Unit, error)

	// Track returns the description in force: at first what the SDP tells, nil
	// when that comes in band.
	Track() *media.Track

	// Flush appends the unit that only waited for the next packet to be
	// complete. It is for the end of a stream.
	Flush(dst []Unit) []Unit
}

// DepacketizerConfig is how a Depacketizer goes about its work. The zero value
// is right for RTSP.
type DepacketizerConfig struct {
	// MaxUnit is the largest access unit in bytes; DefaultMaxUnit when 0.
	MaxUnit int

	// TrustMarker says that the sender sets the marker bit exactly on the last
	// packet of each picture, as WebRTC senders do. Without it H264 and H265
	// units end at the next timestamp until the sender is known to do so, which
	// delays the first pictures by one.
	TrustMarker bool
}

// unitBuffer collects the bytes of an access unit, up to a limit.
type unitBuffer struct {
	b   []byte
	max int
}

// add appends b, or returns ErrTooLarge.
func (u *unitBuffer) add(b ...byte) error {
	if len(u.b)+len(b) > u.max {
		return ErrTooLarge
	}
	u.b = append(u.b, b...)
	return nil
}
