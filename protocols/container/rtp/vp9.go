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

// Sizes of what vp9Packetizer writes: flags and a picture ID of two bytes,
// then a reference, or a scalability structure with one layer's size.
const (
	vp9Head      = 3
	vp9Reference = 1
	vp9Size      = 5
)

// vp9Packetizer packs VP9 in flexible mode (RFC 9628 4.2). It sends a
// superframe as one layer frame, and names the picture before as the reference
// of each that is no key frame: that claims more than the truth where pictures
// are disposable, and never less.
type vp9Packetizer struct {
	size int
	id   uint16 // picture ID of the next frame, 15 bits of it
}

// Append implements Packetizer.
func (z *vp9Packetizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	if len(p.Payload) == 0 {
		return dst, fmt.Errorf("%w: empty VP9 frame", ErrMalformed)
	}
	parts, size := divide(len(p.Payload), z.size-vp9Head-vp9Size)
	buf := make([]byte, 0, len(p.Payload)+parts*(vp9Head+vp9Reference)+vp9Size)
	for rest := p.Payload; len(rest) > 0; {
		n := min(size, len(rest))
		from := len(buf)
		buf = z.appendDescriptor(buf, p, from == 0, n == len(rest))
		buf = append(buf, rest[:n]...)
		rest = rest[n:]
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)], Marker: len(rest) == 0})
	}
	z.id = (z.id + 1) & 0x7fff
	return dst, nil
}

// appendDescriptor appends the descriptor of one packet. The first of a key
// frame has the scalability structure, which tells receivers the size.
func (z *vp9Packetizer) appendDescriptor(dst []byte, p *media.Packet, begin, end bool) []byte {
	flags := byte(vp9PictureID | vp9Flexible)
	if begin {
		flags |= vp9Begin
	}
	if end {
		flags |= vp9End
	}
	if !p.Key {
		dst = append(dst, flags|vp9Predicted)
		dst = binary.BigEndian.AppendUint16(dst, 0x8000|z.id)
		return append(dst, 1<<1) // P_DIFF 1, N 0
	}
	w, h := p.Track.Width, p.Track.Height
	if !begin || w < 1 || h < 1 || w > 0xffff || h > 0xffff {
		return binary.BigEndian.AppendUint16(append(dst, flags), 0x8000|z.id)
	}
	dst = binary.BigEndian.AppendUint16(append(dst, flags|vp9Structure), 0x8000|z.id)
	dst = append(dst, 0x10) // N_S 0 (one layer), Y (its size follows), no G
	dst = binary.BigEndian.AppendUint16(dst, uint16(w))
	return binary.BigEndian.AppendUint16(dst, uint16(h))
}
