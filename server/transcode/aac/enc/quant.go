package enc

import (
	"math"
	"math/bits"

	"sluice/server/transcode/aac/tables"
)

const (
	// maxQuant is the largest magnitude that an escape code carries (ISO/IEC
	// 14496-3 4.6.3.3).
	maxQuant = 8191
	// scaleUnit is the scale factor that stands for a step of 1 (4.6.2.3.3).
	scaleUnit = 100
	maxScale  = 255
	// maxDelta bounds the difference between scale factors (4.6.2.3.2).
	maxDelta = 60
	// rounding is added before the fraction is cut: less than one half, as the
	// values between two steps are denser at the lower end, and smaller ones
	// take fewer bits.
	rounding = 0.34
)

var (
	// steps[s] is the step of scale factor s.
	steps = powers(0.25)
	// fineness[s] is steps[s]^-0.75: it scales coefficients that are already
	// raised to 0.75.
	fineness = powers(-0.75 * 0.25)
	// expanded[q] is q^(4/3).
	expanded = func() (t [maxQuant + 1]float32) {
		for q := range t {
			t[q] = float32(math.Pow(float64(q), 4.0/3))
		}
		return t
	}()
)

// powers returns 2^(exponent*(s-scaleUnit)) for every scale factor s.
func powers(exponent float64) (t [maxScale + 1]float32) {
	for s := range t {
		t[s] = float32(math.Exp2(exponent * float64(s-scaleUnit)))
	}
	return t
}

// quantise writes the magnitudes of a band at one scale factor to dst and
// returns the largest. power has the coefficients' magnitudes to the 0.75.
func quantise(dst []int32, power []float32, scale int) (top int32) {
	f := fineness[scale]
	dst = dst[:len(power)]
	for i, p := range power {
		q := int32(p*f + rounding)
		dst[i] = q
		top = max(top, q)
	}
	return top
}

// distortion returns the squared error of quantised magnitudes and the energy
// that is in them.
func distortion(q []int32, magnitude []float32, scale int) (err, energy float32) {
	step := steps[scale]
	magnitude = magnitude[:len(q)]
	for i, v := range q {
		y := expanded[v&maxQuant] * step
		d := magnitude[i] - y
		err += d * d
		energy += y * y
	}
	return err, energy
}

// bookClass returns the first of the two codebooks that are made for a largest
// magnitude of top, and 0 if all is zero.
func bookClass(top int32) int {
	switch {
	case top == 0:
		return tables.ZeroBook
	case top == 1:
		return 1
	case top == 2:
		return 3
	case top <= 4:
		return 5
	case top <= 7:
		return 7
	case top <= 12:
		return 9
	default:
		return tables.EscapeBook
	}
}

// bookLengths has the lengths of codewords with their sign bits by magnitudes,
// for both books of a class: that of the odd one in the low half of a word, of
// the even one in the high half, so that one sum adds up both.
type bookLengths struct {
	quads [2][1 << 8]uint32  // of books 1 to 4; the index has 2 bits for a value
	pairs [4][1 << 10]uint32 // of books 5 to 11, 5 bits
}

var lengths = newBookLengths()

func newBookLengths() *bookLengths {
	t := new(bookLengths)
	for book := 1; book <= tables.EscapeBook; book++ {
		b := tables.Spectral[book]
		bits := 5
		if b.Dim == 4 {
			bits = 2
		}
		for symbol, code := range b.Codes {
			v := b.Values(symbol)
			if min(v[0], v[1], v[2], v[3]) < 0 {
				continue
			}
			length, index := uint32(code.Len), 0
			for i, x := range v[:b.Dim] {
				index |= int(x) << (i * bits)
				if x > 0 && b.Unsigned {
					length++
				}
			}
			length <<= 16 * (1 - book%2)
			if b.Dim == 4 {
				t.quads[(book-1)/2][index] |= length
			} else {
				t.pairs[(book-5)/2][index] |= length
			}
		}
	}
	return t
}

// bookBits returns the bits of a band's codewords in the two books of a class,
// in the two halves of a word. In signed books the length can differ by a bit
// with the sign; this counts all values as positive.
func bookBits(q []int32, class int) (sum uint32) {
	switch class {
	case tables.ZeroBook:
	case 1, 3:
		t := &lengths.quads[class/2]
		for ; len(q) >= 4; q = q[4:] {
			sum += t[(q[0]|q[1]<<2|q[2]<<4|q[3]<<6)&255]
		}
	case 5, 7, 9:
		t := &lengths.pairs[(class-5)/2]
		for ; len(q) >= 2; q = q[2:] {
			sum += t[(q[0]|q[1]<<5)&1023]
		}
	default:
		t := &lengths.pairs[3]
		for ; len(q) >= 2; q = q[2:] {
			a, b := q[0], q[1]
			if a >= escape {
				sum += escapeBits(a)
				a = escape
			}
			if b >= escape {
				sum += escapeBits(b)
				b = escape
			}
			sum += t[(a|b<<5)&1023]
		}
	}
	return sum
}

// bestBits returns the bits of the better of the two books of a class.
func bestBits(packed uint32) float32 {
	odd, even := packed&0xffff, packed>>16
	if even > 0 && even < odd {
		return float32(even)
	}
	return float32(odd)
}

// escape is the value of the escape book that an escape sequence follows, for
// magnitudes from there on.
const escape = 16

// escapeBits is the length of the escape sequence of a magnitude: N ones, a
// zero and the N+4 bits below the leading one (ISO/IEC 14496-3 4.6.3.3).
func escapeBits(q int32) uint32 { return uint32(2*bits.Len32(uint32(q)) - 5) }
