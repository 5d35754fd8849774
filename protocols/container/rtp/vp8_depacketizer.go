package rtp

import (
	"fmt"
	"slices"

	"sluice/protocols/codec/vp8"
	"sluice/server/media"
)

// vp8Assembler is the pictureFormat of VP8 (RFC 7741).
type vp8Assembler struct {
	unit  unitBuffer
	track *media.Track
}

func (*vp8Assembler) place([]byte) place { return anyplace }

func (a *vp8Assembler) slices() int { return min(len(a.unit.b), 1) }

func (a *vp8Assembler) inForce() *media.Track { return a.track }

func (a *vp8Assembler) reset() { a.unit.b = a.unit.b[:0] }

func (a *vp8Assembler) push(payload []byte) error {
	start, data, err := parseVP8Descriptor(payload)
	if err != nil {
		return err
	}
	if start != (len(a.unit.b) == 0) {
		return fmt.Errorf("%w: VP8 frame that does not start where its timestamp does", ErrMalformed)
	}
	return a.unit.add(data...)
}

// parseVP8Descriptor reads a payload descriptor (RFC 7741 4.2) and returns what
// follows it, at least one byte; start says that a frame starts there.
func parseVP8Descriptor(b []byte) (start bool, data []byte, err error) {
	const extended, partitionStart, partition = 0x80, 0x10, 0x07
	const pictureID, tl0, temporal, keyIndex, long = 0x80, 0x40, 0x20, 0x10, 0x80
	first, n := b[0], 1
	if first&extended != 0 && len(b) > 1 {
		flags := b[1]
		n = 2
		if flags&pictureID != 0 {
			if len(b) > n && b[n]&long != 0 {
				n++
			}
			n++
		}
		if flags&tl0 != 0 {
			n++
		}
		if flags&(temporal|keyIndex) != 0 {
			n++
		}
	}
	if len(b) <= n {
		return false, nil, fmt.Errorf("%w: VP8 payload of %d bytes", ErrMalformed, len(b))
	}
	return first&partitionStart != 0 && first&partition == 0, b[n:], nil
}

func (a *vp8Assembler) finish(bool) (Unit, error) {
	h, err := vp8.ParseHeader(a.unit.b)
	if err != nil {
		return Unit{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case h.Key && (a.track == nil || a.track.Width != h.Width || a.track.Height != h.Height):
		a.track = &media.Track{Codec: media.VP8, Width: h.Width, Height: h.Height}
	case a.track == nil:
		return Unit{}, fmt.Errorf("%w: VP8 before the first key frame", ErrNoConfig)
	}
	return Unit{Track: a.track, Key: h.Key, Payload: slices.Clone(a.unit.b)}, nil
}
