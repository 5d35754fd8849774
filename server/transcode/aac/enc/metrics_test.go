package enc

import (
	"math"
	"math/cmplx"
)

// snr returns the ratio of the reference's energy to that of the difference,
// in dB.
func snr(ref, got []float32) float64 {
	var s, n float64
	for i, x := range ref[:min(len(ref), len(got))] {
		d := float64(x) - float64(got[i])
		s += float64(x) * float64(x)
		n += d * d
	}
	return 10 * math.Log10(s/n)
}

const lsdSize = 2048

// logSpectralDistance returns the mean over frames of the root-mean-square
// difference of the log power spectra in dB, over all bins from 0 to half the
// rate and all channels: Hann windows of 2048 samples, half overlapped, with
// a floor of -96 dB below a full-scale sine so that inaudible bins do not count.
func logSpectralDistance(ref, got []float32, channels int) float64 {
	floor := math.Pow(lsdSize/4, 2) * math.Pow(10, -9.6)
	a, b := make([]complex128, lsdSize), make([]complex128, lsdSize)
	var sum float64
	frames := 0
	n := min(len(ref), len(got)) / channels
	for at := 0; at+lsdSize <= n; at += lsdSize / 2 {
		for c := range channels {
			for i := range lsdSize {
				w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/lsdSize)
				j := (at+i)*channels + c
				a[i], b[i] = complex(w*float64(ref[j]), 0), complex(w*float64(got[j]), 0)
			}
			fft(a)
			fft(b)
			var d2 float64
			for k := range lsdSize / 2 {
				pa := cmplx.Abs(a[k]) * cmplx.Abs(a[k])
				pb := cmplx.Abs(b[k]) * cmplx.Abs(b[k])
				d := 10 * math.Log10((pa+floor)/(pb+floor))
				d2 += d * d
			}
			sum += math.Sqrt(d2 / (lsdSize / 2))
			frames++
		}
	}
	return sum / float64(frames)
}

// fft transforms x in place; its length is a power of two.
func fft(x []complex128) {
	n := len(x)
	if n == 1 {
		return
	}
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		step := cmplx.Rect(1, -2*math.Pi/float64(size))
		for at := 0; at < n; at += size {
			w := complex(1, 0)
			for k := at; k < at+size/2; k++ {
				u, v := x[k], x[k+size/2]*w
				x[k], x[k+size/2] = u+v, u-v
				w *= step
			}
		}
	}
}
