package mdct

import "math"

// Sine returns the rising half, n/2 samples, of the sine window of n samples.
// The falling half is its mirror image.
func Sine(n int) []float32 {
	w := make([]float32, n/2)
	for i := range w {
		w[i] = float32(math.Sin(math.Pi / float64(n) * (float64(i) + 0.5)))
	}
	return w
}

// KBD returns the rising half, n/2 samples, of the Kaiser-Bessel derived
// window of n samples (ISO/IEC 14496-3 4.6.11.3.2). AAC's alpha is 4 for 2048
// samples and 6 for 256.
func KBD(n int, alpha float64) []float32 {
	sums := make([]float64, n/2+1)
	total := 0.0
	for i := range sums {
		x := 4*float64(i)/float64(n) - 1
		total += bessel0(math.Pi * alpha * math.Sqrt(1-x*x))
		sums[i] = total
	}
	w := make([]float32, n/2)
	for i := range w {
		w[i] = float32(math.Sqrt(sums[i] / total))
	}
	return w
}

// bessel0 is the modified Bessel function of the first kind and order zero.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
