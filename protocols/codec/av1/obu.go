// Package av1 reads what a gateway needs of AV1 (AV1 Bitstream & Decoding
// Process Specification): open bitstream units, the sequence header, key
// frames, and the configuration record of AV1-ISOBMFF. Clause numbers without
// another source are those of the bitstream specification.
package av1

import (
	"errors"
	"iter"
)

// Type is an obu_type (6.2.2).
type Type uint8

// The OBU types.
const (
	TypeSequenceHeader       Type = 1
	TypeTemporalDelimiter    Type = 2
	TypeFrameHeader          Type = 3
	TypeTileGroup            Type = 4
	TypeMetadata             Type = 5
	TypeFrame                Type = 6 // frame header and tile group in one
	TypeRedundantFrameHeader Type = 7
	TypeTileList             Type = 8
	TypePadding              Type = 15
)

// OBU is one open bitstream unit.
type OBU struct {
	Type      Type
	Extension bool  // the header has the layer ids
	Temporal  uint8 // temporal_id, 0 to 7
	Spatial   uint8 // spatial_id, 0 to 3
	Data      []byte
}

// ErrOBU is returned for bytes that are not a sequence of OBUs.
var ErrOBU = errors.New("av1: not a sequence of OBUs")

const (
	extensionBit = 0x04
	sizeBit      = 0x02
	maxLeb128    = 8
)

// parseOBU reads the first OBU of b and returns what follows it. One without a
// size field goes to the end of b.
func parseOBU(b []byte) (o OBU, rest []byte, err error) {
	if len(b) == 0 || b[0]&0x80 != 0 {
		return OBU{}, nil, ErrOBU
	}
	head := b[0]
	o = OBU{Type: Type(head >> 3 & 0xf), Extension: head&extensionBit != 0}
	b = b[1:]
	if o.Extension {
		if len(b) == 0 {
			return OBU{}, nil, ErrOBU
		}
		o.Temporal, o.Spatial = b[0]>>5, b[0]>>3&3
		b = b[1:]
	}
	size := uint64(len(b))
	if head&sizeBit != 0 {
		var n int
		if size, n = ReadLeb128(b); n == 0 || size > uint64(len(b)-n) {
			return OBU{}, nil, ErrOBU
		}
		b = b[n:]
	}
	o.Data = b[:size:size]
	return o, b[size:], nil
}

// Units iterates over the OBUs of a temporal unit in the low-overhead format
// (5.2), without allocation. It ends at what is no OBU (see Check).
func Units(payload []byte) iter.Seq[OBU] {
	return func(yield func(OBU) bool) {
		for len(payload) > 0 {
			o, rest, err := parseOBU(payload)
			if err != nil || !yield(o) {
				return
			}
			payload = rest
		}
	}
}

// Check returns ErrOBU unless the payload is a whole number of OBUs.
func Check(payload []byte) error {
	for len(payload) > 0 {
		var err error
		if _, payload, err = parseOBU(payload); err != nil {
			return err
		}
	}
	return nil
}

// Append appends the OBU with a size field, as media.Packet carries it.
func (o OBU) Append(dst []byte) []byte {
	dst = o.appendHeader(dst, sizeBit)
	dst = AppendLeb128(dst, uint64(len(o.Data)))
	return append(dst, o.Data...)
}

// AppendBare appends the OBU without a size field, as RTP carries it.
func (o OBU) AppendBare(dst []byte) []byte {
	return append(o.appendHeader(dst, 0), o.Data...)
}

func (o OBU) appendHeader(dst []byte, flags byte) []byte {
	if !o.Extension {
		return append(dst, byte(o.Type)<<3|flags)
	}
	return append(dst, byte(o.Type)<<3|flags|extensionBit, o.Temporal<<5|o.Spatial<<3)
}

// Normalize returns the temporal unit as media.Packet carries it: every OBU
// with its size field, without temporal delimiters. It is the payload itself
// when that is so already, else a copy in one allocation.
func Normalize(payload []byte) ([]byte, error) {
	size, change := 0, false
	for rest := payload; len(rest) > 0; {
		head := rest[0]
		o, after, err := parseOBU(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		if o.Type == TypeTemporalDelimiter {
			change = true
			continue
		}
		change = change || head&sizeBit == 0
		size += 2 + maxLeb128 + len(o.Data)
	}
	if !change {
		return payload, nil
	}
	dst := make([]byte, 0, size)
	for o := range Units(payload) {
		if o.Type != TypeTemporalDelimiter {
			dst = o.Append(dst)
		}
	}
	return dst, nil
}

// ReadLeb128 reads a leb128 value (4.10.5) and returns its length in bytes, 0
// when b does not start with one that fits in 32 bits.
func ReadLeb128(b []byte) (v uint64, n int) {
	for n < len(b) && n < maxLeb128 {
		v |= uint64(b[n]&0x7f) << (7 * n)
		n++
		if b[n-1]&0x80 == 0 {
			if v > 1<<32-1 {
				return 0, 0
			}
			return v, n
		}
	}
	return 0, 0
}

// AppendLeb128 appends v in as few bytes as it takes.
func AppendLeb128(dst []byte, v uint64) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// IsKey reports whether decoding can start at the temporal unit: its first
// frame is a shown key frame and it has a sequence header (7.6).
func IsKey(payload []byte) bool {
	sequence, reduced := false, false
	for o := range Units(payload) {
		switch o.Type {
		case TypeSequenceHeader:
			// seq_profile, still_picture, reduced_still_picture_header
			sequence, reduced = true, len(o.Data) > 0 && o.Data[0]&0x08 != 0
		case TypeFrame, TypeFrameHeader:
			if reduced || len(o.Data) == 0 {
				return sequence && reduced
			}
			// show_existing_frame 0, frame_type KEY_FRAME, show_frame 1
			return sequence && o.Data[0]&0xf0 == 0x10
		}
	}
	return false
}
