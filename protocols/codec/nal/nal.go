// Package nal handles sequences of NAL units in the two framings that H.264
// and H.265 share: each unit after its length (ISO/IEC 14496-15 5.3.4.2),
// which is what media.Packet carries, and the byte stream of Annex B. What is
// inside a unit is the affair of packages h264 and h265.
package nal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
)

// LengthSize is the number of length bytes before each unit of a
// media.Packet's payload.
const LengthSize = 4

// ErrFraming is returned when the lengths before the units do not add up to
// the size of the payload.
var ErrFraming = errors.New("nal: unit lengths do not match the payload's size")

// Units iterates over the units of a payload whose lengths have 4 bytes. It
// passes over empty units, ends at a length that leads out of the payload (see
// Check), and does not allocate; the units alias the payload.
func Units(payload []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(payload) >= LengthSize {
			n := uint64(binary.BigEndian.Uint32(payload))
			payload = payload[LengthSize:]
			if n > uint64(len(payload)) {
				return
			}
			if n > 0 && !yield(payload[:n:n]) {
				return
			}
			payload = payload[n:]
		}
	}
}

// Check returns ErrFraming unless the payload is made of whole units, each
// after its length in 4 bytes.
func Check(payload []byte) error {
	for len(payload) > 0 {
		if len(payload) < LengthSize {
			return ErrFraming
		}
		n := uint64(binary.BigEndian.Uint32(payload))
		if n > uint64(len(payload)-LengthSize) {
			return ErrFraming
		}
		payload = payload[LengthSize+n:]
	}
	return nil
}

// Append appends one unit after its length in 4 bytes.
func Append(dst, unit []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(unit))) //nolint:gosec // a unit is far below 4 GiB
	return append(dst, unit...)
}

// Join returns a payload of the given units, in one allocation.
func Join(units ...[]byte) []byte {
	size := 0
	for _, u := range units {
		size += LengthSize + len(u)
	}
	dst := make([]byte, 0, size)
	for _, u := range units {
		dst = Append(dst, u)
	}
	return dst
}

// AppendNew appends the unit to a list of units unless it has an equal one.
func AppendNew(list [][]byte, unit []byte) [][]byte {
	for _, u := range list {
		if bytes.Equal(u, unit) {
			return list
		}
	}
	return append(list, unit)
}

// Resize returns the payload with 4-byte lengths, given one whose lengths have
// size bytes (1 to 4). With size 4 it is the payload itself, else a copy in
// one allocation. Lengths that do not add up are ErrFraming.
func Resize(payload []byte, size int) ([]byte, error) {
	if size == LengthSize {
		return payload, Check(payload)
	}
	if size < 1 || size > LengthSize {
		return nil, errors.New("nal: length size is not 1 to 4 bytes")
	}
	units := 0
	for rest := payload; len(rest) > 0; units++ {
		n, ok := length(rest, size)
		if !ok {
			return nil, ErrFraming
		}
		rest = rest[size+n:]
	}
	dst := make([]byte, 0, len(payload)+units*(LengthSize-size))
	for rest := payload; len(rest) > 0; {
		n, _ := length(rest, size)
		dst = Append(dst, rest[size:size+n])
		rest = rest[size+n:]
	}
	return dst, nil
}

// length reads a length of size bytes and reports whether b holds that much.
func length(b []byte, size int) (int, bool) {
	if len(b) < size {
		return 0, false
	}
	n := 0
	for _, c := range b[:size] {
		n = n<<8 | int(c)
	}
	return n, n <= len(b)-size
}
