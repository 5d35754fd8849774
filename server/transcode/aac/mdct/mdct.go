// Package mdct is the modified discrete cosine transform of AAC and its inverse
// (ISO/IEC 14496-3 4.6.11), with the two window shapes.
//
// A transform of N window samples has M = N/2 coefficients. It is folded into a
// DCT-IV of M points, which in turn is an FFT of M/2 complex points.
package mdct

import (
	"math"
	"math/bits"
)

// Transform computes MDCTs of one size. It holds scratch memory: one goroutine
// at a time may use it.
type Transform struct {
	m     int         // coefficients
	twist []complex64 // rotation before and after the FFT
	fft   *fft
	buf   []complex64
	fold  []float32
}

// New returns a transform for windows of n samples, n a power of two of at
// least 16; AAC uses 2048 and 256. It panics on any other n.
func New(n int) *Transform {
	if n < 16 || bits.OnesCount(uint(n)) != 1 {
		panic("mdct: the window length must be a power of two of at least 16")
	}
	m := n / 2
	t := &Transform{
		m:     m,
		twist: make([]complex64, m/2),
		fft:   newFFT(m / 2),
		buf:   make([]complex64, m/2),
		fold:  make([]float32, m),
	}
	for i := range t.twist {
		t.twist[i] = unit(-math.Pi * float64(8*i+1) / float64(8*m))
	}
	return t
}

// Forward writes the N/2 coefficients of the N windowed samples of src to dst:
//
//	dst[k] = 2 * sum over n of src[n] * cos(2*Pi/N * (n + N/4 + 1/2) * (k + 1/2))
//
// The factor 2 is the one of ISO/IEC 14496-3: with samples of 16-bit magnitude
// the coefficients are those that AAC quantises. dst and src must not overlap.
func (t *Transform) Forward(dst, src []float32) {
	m, h := t.m, t.m/2
	dst = dst[:m]
	a, b, c, d := src[:h], src[h:m], src[m:m+h], src[m+h:2*m]
	for i := range h {
		t.fold[i] = -2 * (c[h-1-i] + d[i])
		t.fold[h+i] = 2 * (a[i] - b[h-1-i])
	}
	t.dct4(dst, t.fold)
}

// Inverse writes the N samples that belong to the N/2 coefficients of src to
// dst, aliased and not yet windowed:
//
//	dst[n] = 2/N * sum over k of src[k] * cos(2*Pi/N * (n + N/4 + 1/2) * (k + 1/2))
//
// Windowed and overlapped by half, the inverses of consecutive Forward
// transforms add up to the samples, if the squares of the two window slopes
// that meet add up to 1. dst and src must not overlap.
func (t *Transform) Inverse(dst, src []float32) {
	m, h := t.m, t.m/2
	t.dct4(t.fold, src)
	low, high := t.fold[:h], t.fold[h:m]
	a, b, c, d := dst[:h], dst[h:m], dst[m:m+h], dst[m+h:2*m]
	scale := 1 / float32(m)
	for i := range h {
		v, w := scale*high[i], -scale*low[i]
		a[i], b[h-1-i] = v, -v
		c[h-1-i], d[i] = w, w
	}
}

// dct4 writes the DCT-IV of src, M points, to dst:
//
//	dst[k] = sum over n of src[n] * cos(Pi/M * (n + 1/2) * (k + 1/2))
func (t *Transform) dct4(dst, src []float32) {
	m, n := t.m, t.m/2
	src, dst = src[:m], dst[:m]
	buf, twist := t.buf[:n], t.twist[:n]
	for i, w := range twist {
		buf[i] = mul(complex(src[2*i], src[m-1-2*i]), w)
	}
	out := t.fft.transform(buf)[:n]
	for i, w := range twist {
		v := mul(out[i], w)
		dst[2*i], dst[m-1-2*i] = real(v), -imag(v)
	}
}

// unit returns exp(i*angle).
func unit(angle float64) complex64 {
	sin, cos := math.Sincos(angle)
	return complex(float32(cos), float32(sin))
}

// mul is a*b in float32; the language's own product goes through float64.
func mul(a, b complex64) complex64 {
	return complex(real(a)*real(b)-imag(a)*imag(b), real(a)*imag(b)+imag(a)*real(b))
}
