package nal

import (
	"bytes"
	"iter"
)

// AppendAnnexB appends a payload of 4-byte lengths as a byte stream, a 4-byte
// start code before each unit (H.264 Annex B). Empty units vanish. The result
// never is longer than the payload: a caller that makes room for len(payload)
// has one allocation.
func AppendAnnexB(dst, payload []byte) []byte {
	for u := range Units(payload) {
		dst = append(dst, 0, 0, 0, 1)
		dst = append(dst, u...)
	}
	return dst
}

// AnnexB returns a payload of 4-byte lengths as a byte stream, in one
// allocation.
func AnnexB(payload []byte) []byte {
	return AppendAnnexB(make([]byte, 0, len(payload)), payload)
}

// FromAnnexB returns the units of a byte stream as a payload of 4-byte
// lengths, in one allocation.
func FromAnnexB(stream []byte) []byte {
	size := 0
	for u := range SplitAnnexB(stream) {
		size += LengthSize + len(u)
	}
	dst := make([]byte, 0, size)
	for u := range SplitAnnexB(stream) {
		dst = Append(dst, u)
	}
	return dst
}

// SplitAnnexB iterates over the units of a byte stream with 3-byte or 4-byte
// start codes, without allocation; the units alias the stream. What stands
// before the first start code, the zero bytes after a unit and empty units are
// passed over (H.264 B.1.1).
func SplitAnnexB(stream []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := bytes.Index(stream, startCode)
		if start < 0 {
			return
		}
		for rest := stream[start+len(startCode):]; ; {
			unit, end := rest, bytes.Index(rest, startCode)
			if end >= 0 {
				unit = rest[:end]
			}
			if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 && !yield(unit[:len(unit):len(unit)]) {
				return
			}
			if end < 0 {
				return
			}
			rest = rest[end+len(startCode):]
		}
	}
}

var startCode = []byte{0, 0, 1}

// Unescape appends the unit without its emulation prevention bytes (H.264
// 7.4.1) to dst, and stops when it has appended limit bytes: headers are small,
// and a hostile unit must not cost its size twice.
func Unescape(dst, unit []byte, limit int) []byte {
	zeros := 0
	for _, b := range unit {
		if limit == 0 {
			break
		}
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst = append(dst, b)
		limit--
	}
	return dst
}
