package dec

import "math"

// noise generates the random vectors of perceptual noise substitution
// (ISO/IEC 14496-3 4.6.13).
type noise uint32

// next returns the next pseudo-random word; its high bits are the best ones.
func (n *noise) next() uint32 {
	*n = *n*1664525 + 1013904223
	return uint32(*n)
}

// fill makes x noise with an energy of the square of gain.
func (n *noise) fill(x []float32, gain float32) {
	energy := float32(0)
	for i := range x {
		v := float32(int32(n.next())) * (1.0 / (1 << 31))
		x[i] = v
		energy += v * v
	}
	if energy == 0 {
		return
	}
	gain /= float32(math.Sqrt(float64(energy)))
	for i := range x {
		x[i] *= gain
	}
}
