package mdct

import "math"

// fft is a complex Fourier transform of a power of two of points: radix 4 in
// Stockham's order, which needs no bit reversal, and one radix 2 pass at the
// end where the size asks for it.
type fft struct {
	n       int
	twiddle [][3]complex64 // w^p, w^2p, w^3p for w = exp(-2*Pi*i/n), p < n/4
	scratch []complex64
}

func newFFT(n int) *fft {
	f := &fft{n: n, twiddle: make([][3]complex64, n/4), scratch: make([]complex64, n)}
	for p := range f.twiddle {
		for k := range 3 {
			f.twiddle[p][k] = unit(-2 * math.Pi * float64(p*(k+1)) / float64(n))
		}
	}
	return f
}

// transform computes sum over j of x[j]*exp(-2*Pi*i*j*k/n) for each k. The
// result stands in x or in the scratch memory, whichever is returned.
func (f *fft) transform(x []complex64) []complex64 {
	y := f.scratch
	n, stride := f.n, 1
	for ; n >= 4; n, stride = n/4, stride*4 {
		f.pass4(y, x, n/4, stride)
		x, y = y, x
	}
	if n == 2 {
		half := x[stride : 2*stride]
		for i, a := range x[:stride] {
			b := half[i]
			x[i], half[i] = a+b, a-b
		}
	}
	return x
}

// pass4 does stride interleaved transforms from 4*m points to four times m
// points.
func (f *fft) pass4(dst, src []complex64, m, stride int) {
	quarter := m * stride
	s0, s1 := src[:quarter], src[quarter:2*quarter]
	s2, s3 := src[2*quarter:3*quarter], src[3*quarter:4*quarter]
	for p := range m {
		w := &f.twiddle[p*stride]
		in, out := p*stride, 4*p*stride
		a, b := s0[in:in+stride], s1[in:in+stride]
		c, d := s2[in:in+stride], s3[in:in+stride]
		d0, d1 := dst[out:out+stride], dst[out+stride:out+2*stride]
		d2, d3 := dst[out+2*stride:out+3*stride], dst[out+3*stride:out+4*stride]
		for q := range a {
			ac, amc := a[q]+c[q], a[q]-c[q]
			bd, bmd := b[q]+d[q], b[q]-d[q]
			jbd := complex(imag(bmd), -real(bmd)) // -i * (b - d)
			d0[q] = ac + bd
			d1[q] = mul(amc+jbd, w[0])
			d2[q] = mul(ac-bd, w[1])
			d3[q] = mul(amc-jbd, w[2])
		}
	}
}
