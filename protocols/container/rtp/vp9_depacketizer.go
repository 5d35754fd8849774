package rtp

import (
	"encoding/binary"
	"fmt"
	"slices"

	"sluice/protocols/codec/vp9"
	"sluice/server/media"
)

// vp9MaxFrames is the number of frames of the fullest superframe (VP9
// specification, annex B).
const vp9MaxFrames = 8

// vp9Assembler is the pictureFormat of VP9 (RFC 9628). The layer frames of a
// picture become one superframe.
type vp9Assembler struct {
	unit   unitBuffer
	starts [vp9MaxFrames]int // of the layer frames in unit
	frames int
	open   bool // the last layer frame has not ended
	base   bool // the first layer frame is of spatial layer 0

	width, height int // by the scalability structure of this picture, of its highest layer

	track *media.Track
}

func (*vp9Assembler) place([]byte) place { return anyplace }

func (a *vp9Assembler) slices() int { return a.frames }

func (a *vp9Assembler) inForce() *media.Track { return a.track }

func (a *vp9Assembler) reset() {
	a.unit.b, a.frames, a.open, a.width, a.height = a.unit.b[:0], 0, false, 0, 0
}

func (a *vp9Assembler) push(payload []byte) error {
	d, err := parseVP9Descriptor(payload)
	if err != nil {
		return err
	}
	if d.begin == a.open {
		return fmt.Errorf("%w: VP9 layer frame out of place", ErrMalformed)
	}
	if d.begin {
		if a.frames == vp9MaxFrames {
			return fmt.Errorf("%w: over %d layer frames", ErrTooLarge, vp9MaxFrames)
		}
		if a.frames == 0 {
			a.base = d.spatial == 0
		}
		a.starts[a.frames] = len(a.unit.b)
		a.frames++
	}
	if d.width > 0 {
		a.width, a.height = d.width, d.height
	}
	a.open = !d.end
	return a.unit.add(d.data...)
}

func (a *vp9Assembler) finish(afterGap bool) (Unit, error) {
	if a.open {
		return Unit{}, fmt.Errorf("%w: VP9 layer frame without its end", ErrMalformed)
	}
	if afterGap && !a.base {
		return Unit{}, ErrLost
	}
	h, err := vp9.ParseHeader(a.unit.b)
	if err != nil {
		return Unit{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if h.Key {
		if err := a.describe(); err != nil {
			return Unit{}, err
		}
	}
	if a.track == nil {
		return Unit{}, fmt.Errorf("%w: VP9 before the first key frame", ErrNoConfig)
	}
	return Unit{Track: a.track, Key: h.Key, Payload: a.superframe()}, nil
}

// describe makes a new track when the key picture needs one.
func (a *vp9Assembler) describe() error {
	t, err := vp9.Track(a.unit.b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if a.frames > 1 && a.width > 0 {
		t.Width, t.Height = a.width, a.height
	}
	if !t.Same(a.track) {
		a.track = t
	}
	return nil
}

// superframe returns a copy of the unit, with a superframe index when it has
// several layer frames (VP9 specification, annex B).
func (a *vp9Assembler) superframe() []byte {
	if a.frames == 1 {
		return slices.Clone(a.unit.b)
	}
	const sizeBytes = 4
	marker := byte(0xc0 | (sizeBytes-1)<<3 | (a.frames - 1))
	out := make([]byte, 0, len(a.unit.b)+2+sizeBytes*a.frames)
	out = append(append(out, a.unit.b...), marker)
	for i := range a.frames {
		end := len(a.unit.b)
		if i+1 < a.frames {
			end = a.starts[i+1]
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(end-a.starts[i]))
	}
	return append(out, marker)
}

// vp9Descriptor is what is used of a payload descriptor (RFC 9628 4.2).
type vp9Descriptor struct {
	begin, end    bool // of a layer frame
	spatial       byte // SID, 0 without layer indices
	width, height int  // of the highest layer, 0 when it is not there
	data          []byte
}

// parseVP9Descriptor reads a payload descriptor.
func parseVP9Descriptor(b []byte) (vp9Descriptor, error) {
	flags := b[0]
	d := vp9Descriptor{begin: flags&vp9Begin != 0, end: flags&vp9End != 0}
	r := vp9Reader{b: b[1:]}
	if flags&vp9PictureID != 0 && r.byte()&0x80 != 0 {
		r.byte()
	}
	if flags&vp9Layers != 0 {
		d.spatial = r.byte() >> 1 & 7
		if flags&vp9Flexible == 0 {
			r.byte() // TL0PICIDX
		}
	}
	if flags&vp9Flexible != 0 && flags&vp9Predicted != 0 {
		for range 3 {
			if r.byte()&1 == 0 {
				break
			}
		}
	}
	if flags&vp9Structure != 0 {
		d.width, d.height = r.structure()
	}
	if r.over || len(r.b) == 0 {
		return d, fmt.Errorf("%w: VP9 payload of %d bytes", ErrMalformed, len(b))
	}
	d.data = r.b
	return d, nil
}

// vp9Reader reads bytes; past the end they are zero, and over is set.
type vp9Reader struct {
	b    []byte
	over bool
}

func (r *vp9Reader) byte() byte {
	if len(r.b) == 0 {
		r.over = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// structure reads a scalability structure (RFC 9628 4.2.1) and returns the size
// of the highest layer, 0 when it is not there.
func (r *vp9Reader) structure() (width, height int) {
	head := r.byte()
	if head&0x10 != 0 { // Y
		for range head>>5 + 1 { // N_S
			width = int(r.byte())<<8 | int(r.byte())
			height = int(r.byte())<<8 | int(r.byte())
		}
	}
	if head&0x08 != 0 { // G
		for range r.byte() { // N_G
			for range r.byte() >> 2 & 3 { // R
				r.byte()
			}
		}
	}
	return width, height
}
