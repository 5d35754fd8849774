// Package bits reads and writes the bit fields and Exp-Golomb codes of codec
// headers, most significant bit first.
package bits

import (
	"io"
	"math"
	"math/bits"
)

// Reader reads bit fields from a byte slice. Reading past the end yields
// zeros and makes Err return an error, so a parser checks once, after its
// last field; its loops must be bounded by themselves.
type Reader struct {
	buf  []byte
	pos  int // in bits
	over bool
}

// NewReader returns a Reader at the first bit of b, which it does not copy.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Uint reads an unsigned field of n bits, 0 to 32 (u(n) in H.264 7.2).
func (r *Reader) Uint(n int) uint32 {
	if n > r.Left() {
		r.over = true
		r.pos = len(r.buf) * 8
		return 0
	}
	var v uint64
	end := r.pos + n
	for i := r.pos / 8; i*8 < end; i++ {
		v = v<<8 | uint64(r.buf[i])
	}
	v >>= uint(-end) & 7
	r.pos = end
	return uint32(v & (1<<n - 1))
}

// Int reads a size of n bits, 0 to 32; one above 31 bits becomes the largest.
func (r *Reader) Int(n int) int { return int(min(r.Uint(n), math.MaxInt32)) }

// Flag reads one bit.
func (r *Reader) Flag() bool { return r.Uint(1) == 1 }

// Skip passes over n bits; n may be any non-negative number.
func (r *Reader) Skip(n int) {
	if n > r.Left() {
		r.over = true
		n = r.Left()
	}
	r.pos += n
}

// UE reads an unsigned Exp-Golomb code (H.264 9.1). A code of more than 32
// bits after its zeros is an error.
func (r *Reader) UE() uint32 {
	zeros := 0
	for !r.Flag() {
		zeros++
		if zeros > 32 || r.over {
			r.over = true
			return 0
		}
	}
	if zeros == 0 {
		return 0
	}
	v := uint64(1)<<zeros - 1 + uint64(r.Uint(zeros))
	if v > 1<<32-1 {
		r.over = true
		return 0
	}
	return uint32(v)
}

// SE reads a signed Exp-Golomb code (H.264 9.1.1).
func (r *Reader) SE() int32 {
	v := r.UE()
	if v&1 == 1 {
		return int32(v/2 + 1) //nolint:gosec // the top value wraps to the one negative that has no positive
	}
	return -int32(v / 2) //nolint:gosec // v/2 fits in 31 bits
}

// AppendBytes reads n bytes, which need not be aligned, and appends them.
func (r *Reader) AppendBytes(dst []byte, n int) []byte {
	if 8*n > r.Left() {
		r.Skip(8 * n)
		return dst
	}
	at, shift := r.pos/8, r.pos%8
	r.pos += 8 * n
	if shift == 0 {
		return append(dst, r.buf[at:at+n]...)
	}
	for _, next := range r.buf[at+1 : at+n+1] {
		dst = append(dst, r.buf[at]<<shift|next>>(8-shift))
		at++
	}
	return dst
}

// Align moves to the next byte boundary, counted from the reader's start.
func (r *Reader) Align() { r.Skip(-r.pos & 7) }

// Pos returns the number of bits read.
func (r *Reader) Pos() int { return r.pos }

// Left returns the number of bits not yet read.
func (r *Reader) Left() int { return len(r.buf)*8 - r.pos }

// Err returns io.ErrUnexpectedEOF once a read went past the end or met an
// impossible code, nil before.
func (r *Reader) Err() error {
	if r.over {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// Writer appends bit fields to a byte slice; the last byte is filled with
// zero bits.
type Writer struct {
	buf  []byte
	free int // unused low bits of the last byte
}

// NewWriter returns a Writer that appends to b, starting at a byte boundary.
func NewWriter(b []byte) *Writer { return &Writer{buf: b} }

// Uint writes the low n bits of v, n at most 32.
func (w *Writer) Uint(v uint32, n int) {
	for n > 0 {
		if w.free == 0 {
			w.buf = append(w.buf, 0)
			w.free = 8
		}
		take := min(n, w.free)
		part := byte(v>>(n-take)) & (1<<take - 1)
		w.buf[len(w.buf)-1] |= part << (w.free - take)
		w.free -= take
		n -= take
	}
}

// Flag writes one bit.
func (w *Writer) Flag(v bool) {
	if v {
		w.Uint(1, 1)
	} else {
		w.Uint(0, 1)
	}
}

// UE writes an unsigned Exp-Golomb code; v must be below 1<<32-1.
func (w *Writer) UE(v uint32) {
	n := bits.Len32(v + 1)
	w.Uint(0, n-1)
	w.Uint(v+1, n)
}

// Align fills the last byte.
func (w *Writer) Align() { w.free = 0 }

// Bytes returns the slice with all that was written.
func (w *Writer) Bytes() []byte { return w.buf }
