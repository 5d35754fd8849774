package rtp

import "math"

// bitReader reads the bit fields of AAC's payload formats, most significant bit
// first. Reading past the end yields zeros and sets over.
type bitReader struct {
	b    []byte
	pos  int // in bits
	over bool
}

// left returns the number of bits not yet read.
func (r *bitReader) left() int { return 8*len(r.b) - r.pos }

// skip passes over n bits.
func (r *bitReader) skip(n int) {
	if n > r.left() {
		r.over = true
		n = r.left()
	}
	r.pos += n
}

// uint reads n bits, 32 at most.
func (r *bitReader) uint(n int) uint32 {
	if n > r.left() {
		r.skip(n)
		return 0
	}
	var v uint32
	for range n {
		v = v<<1 | uint32(r.b[r.pos/8]>>(7-r.pos%8)&1)
		r.pos++
	}
	return v
}

// int reads a size of n bits, 32 at most; one above 31 bits becomes the largest.
func (r *bitReader) int(n int) int { return int(min(r.uint(n), math.MaxInt32)) }

// flag reads one bit.
func (r *bitReader) flag() bool { return r.uint(1) == 1 }

// appendBytes reads n bytes, which need not be aligned, and appends them.
func (r *bitReader) appendBytes(dst []byte, n int) []byte {
	if 8*n > r.left() {
		r.skip(8 * n)
		return dst
	}
	at, shift := r.pos/8, r.pos%8
	r.pos += 8 * n
	if shift == 0 {
		return append(dst, r.b[at:at+n]...)
	}
	for _, next := range r.b[at+1 : at+n+1] {
		dst = append(dst, r.b[at]<<shift|next>>(8-shift))
		at++
	}
	return dst
}
