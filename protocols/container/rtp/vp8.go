package rtp

import (
	"encoding/binary"
	"fmt"

	"sluice/server/media"
)

// vp8Descriptor is the size of the payload descriptor that vp8Packetizer
// writes: the mandatory byte, the extension bits and a picture ID of two bytes
// (RFC 7741 4.2).
const vp8Descriptor = 4

// vp8Packetizer packs VP8 (RFC 7741). It treats a frame as one partition, as
// all senders in use do.
type vp8Packetizer struct {
	size int
	id   uint16 // picture ID of the next frame, 15 bits of it
}

// Append implements Packetizer.
func (z *vp8Packetizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	if len(p.Payload) == 0 {
		return dst, fmt.Errorf("%w: empty VP8 frame", ErrMalformed)
	}
	parts, size := divide(len(p.Payload), z.size-vp8Descriptor)
	buf := make([]byte, 0, len(p.Payload)+parts*vp8Descriptor)
	for rest := p.Payload; len(rest) > 0; {
		n := min(size, len(rest))
		from := len(buf)
		first := byte(0x80) // X
		if from == 0 {
			first |= 0x10 // S
		}
		buf = append(buf, first, 0x80) // I
		buf = binary.BigEndian.AppendUint16(buf, 0x8000|z.id)
		buf = append(buf, rest[:n]...)
		rest = rest[n:]
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)], Marker: len(rest) == 0})
	}
	z.id = (z.id + 1) & 0x7fff
	return dst, nil
}
