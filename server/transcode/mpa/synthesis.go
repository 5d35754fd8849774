package mpa

import "math"

// synthesis makes the samples of the subbands of one channel to sound (2.4.3.2.2).
type synthesis struct {
	v  [1024]float32 // the matrixed values of 16 slots
	at int           // where the newest begin
}

// half is how many cosines tell a value of the matrix once its rows are folded.
const half = subbands / 2

// foldedCosines are cos((2k+1) n pi/64).
var foldedCosines = func() (c [subbands][half]float32) {
	for n := range c {
		for k := range c[n] {
			c[n][k] = float32(math.Cos(float64((2*k+1)*n) * math.Pi / 64))
		}
	}
	return c
}()

// add takes one sample of each subband and writes 32 samples of sound, each
// stride values after the other, within [-1, 1].
func (s *synthesis) add(samples *[subbands]float32, dst []float32, stride int) {
	s.at = (s.at - 64) & 1023
	matrix(samples, (*[64]float32)(s.v[s.at:]))
	for j := range subbands {
		var sum float32
		for i := range 8 {
			sum += s.v[(s.at+i*128+j)&1023]*window[i*64+j] + s.v[(s.at+i*128+96+j)&1023]*window[i*64+32+j]
		}
		dst[j*stride] = min(max(sum, -1), 1)
	}
}

// matrix does the 64 sums of cos((16+i)(2k+1) pi/64). They are those of a
// cosine transform of 32 values, c, and its mirror images.
func matrix(samples *[subbands]float32, v *[64]float32) {
	var even, odd [half]float32
	for k := range half {
		even[k] = samples[k] + samples[subbands-1-k]
		odd[k] = samples[k] - samples[subbands-1-k]
	}
	var c [subbands]float32
	for n := 0; n < subbands; n += 2 {
		var a, b float32
		for k := range half {
			a += even[k] * foldedCosines[n][k]
			b += odd[k] * foldedCosines[n+1][k]
		}
		c[n], c[n+1] = a, b
	}
	for i := range 16 {
		v[i], v[48+i] = c[16+i], -c[i]
	}
	v[16] = 0
	for i := 17; i < 48; i++ {
		v[i] = -c[48-i]
	}
}
