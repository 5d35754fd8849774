package dec

import "encoding/binary"

// bitReader reads bits, the most significant one first. Behind the end of the
// data it reads zeros and over reports it, so that a parser may check once
// for many reads; its loops must be bounded by something else.
type bitReader struct {
	data []byte
	pos  int // in bits
}

// window returns the next bits, at least 57 of them, at the top of the word.
func (r *bitReader) window() uint64 {
	return window(r.data, r.pos)
}

func window(data []byte, pos int) uint64 {
	i := pos >> 3
	if i+8 <= len(data) {
		return binary.BigEndian.Uint64(data[i:]) << (pos & 7)
	}
	return lastWindow(data, i) << (pos & 7)
}

// lastWindow is window's word where fewer than eight bytes are left.
func lastWindow(data []byte, i int) (w uint64) {
	for k := range 8 {
		w <<= 8
		if i+k < len(data) {
			w |= uint64(data[i+k])
		}
	}
	return w
}

// bits returns the next n bits, at most 32.
func (r *bitReader) bits(n int) int {
	w := r.window() >> (64 - n)
	r.pos += n
	return int(w)
}

func (r *bitReader) bit() bool { return r.bits(1) == 1 }

// skip passes n bits and fails if there are fewer.
func (r *bitReader) skip(n int) error {
	r.pos += n
	if r.over() {
		return ErrTruncated
	}
	return nil
}

// align goes on to the next byte.
func (r *bitReader) align() { r.pos = (r.pos + 7) &^ 7 }

// over reports whether more bits were read than there are.
func (r *bitReader) over() bool { return r.pos > 8*len(r.data) }
