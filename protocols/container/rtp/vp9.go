package rtp

import (
	"encoding/binary"
	"fmt"

	"sluice/server/media"
)

// Bits of the first byte of a VP9 payload descriptor (RFC 9628 4.2).
const (
	vp9PictureID = 0x80 // I
	vp9Predicted = 0x40 // P: refers to earlier pictures
	vp9Layers    = 0x20 // L
	vp9Flexible  = 0x10 // F
	vp9Begin     = 0x08 // B: start of a layer frame
	vp9End       = 0x04 // E: end of a layer frame
	vp9Structure = 0x02 // V: scalability structure
)

// Sizes of what vp9Packetizer writes: flags, picture ID and layer indices at
// most, and a scalability structure with one layer's size.
const (
	vp9Head = 5
	vp9Size = 5
)

// vp9Packetizer packs VP9 in non-flexible mode (RFC 9628 4.2), as one layer: a
// superframe is sent as one layer frame, and each picture that is no key frame
// counts as one that refers to the picture before. That claims more than the
// truth where pictures are disposable, and never less.
type vp9Packetizer struct {
	size   int
	layers bool   // write layer indices
	id     uint16 // picture ID of the next frame, 15 bits of it
	tl0    uint8  // TL0PICIDX of the next frame
}

// Append implements Packetizer.
func (z *vp9Packetizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	if len(p.Payload) == 0 {
		return dst, fmt.Errorf("%w: empty VP9 frame", ErrMalformed)
	}
	parts, size := divide(len(p.Payload), z.size-vp9Head-vp9Size)
	buf := make([]byte, 0, len(p.Payload)+parts*vp9Head+vp9Size)
	for rest := p.Payload; len(rest) > 0; {
		n := min(size, len(rest))
		from := len(buf)
		buf = z.appendDescriptor(buf, p, from == 0, n == len(rest))
		buf = append(buf, rest[:n]...)
		rest = rest[n:]
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)], Marker: len(rest) == 0})
	}
	z.id = (z.id + 1) & 0x7fff
	z.tl0++
	return dst, nil
}

// appendDescriptor appends the descriptor of one packet. The first of a key
// frame has the scalability structure, which tells receivers the size.
func (z *vp9Packetizer) appendDescriptor(dst []byte, p *media.Packet, begin, end bool) []byte {
	flags := byte(vp9PictureID)
	if z.layers {
		flags |= vp9Layers
	}
	if begin {
		flags |= vp9Begin
	}
	if end {
		flags |= vp9End
	}
	if !p.Key {
		flags |= vp9Predicted
	}
	w, h := p.Track.Width, p.Track.Height
	structure := p.Key && begin && w > 0 && h > 0 && w <= 0xffff && h <= 0xffff
	if structure {
		flags |= vp9Structure
	}
	dst = binary.BigEndian.AppendUint16(append(dst, flags), 0x8000|z.id)
	if z.layers {
		dst = append(dst, 0, z.tl0) // TID, U, SID and D are 0
	}
	if structure {
		dst = append(dst, 0x10) // N_S 0 (one layer), Y (its size follows), no G
		dst = binary.BigEndian.AppendUint16(dst, uint16(w))
		dst = binary.BigEndian.AppendUint16(dst, uint16(h))
	}
	return dst
}
