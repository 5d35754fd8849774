package mpa

import "encoding/binary"

// bitReader reads bits, the most significant one first. Behind the end of the
// data it reads zeros; its users look at pos.
type bitReader struct {
	data []byte
	pos  int // in bits
}

// window returns the next bits, at least 57 of them, at the top of the word.
func (r *bitReader) window() uint64 {
	i := r.pos >> 3
	if i+8 <= len(r.data) {
		return binary.BigEndian.Uint64(r.data[i:]) << (r.pos & 7)
	}
	var last [8]byte
	copy(last[:], r.data[min(i, len(r.data)):])
	return binary.BigEndian.Uint64(last[:]) << (r.pos & 7)
}

// bits returns the next n bits, at most 32.
func (r *bitReader) bits(n int) int {
	w := r.window() >> (64 - n)
	r.pos += n
	return int(w) //nolint:gosec // 32 bits
}

// left returns how many bits there are to come, less than 0 when too many
// were read.
func (r *bitReader) left() int { return 8*len(r.data) - r.pos }
