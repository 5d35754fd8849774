package enc

import "math"

// chooseStereo codes those bands of a pair as M/S that take fewer bits so.
//
// With M = (L+R)/2 and S = (L-R)/2 the errors of both go into both
// channels, so each weighs what the two channels' errors weigh together.
func (el *element) chooseStereo(lambda float32) {
	left, right := el.channels[0], el.channels[1]
	level := noiseLevel(lambda)
	for b := range el.layout.bands {
		lo, hi := el.layout.start[b], el.layout.start[b+1]
		l, r := &left.bands[b], &right.bands[b]
		var mid, side float32
		rs := right.spectrum[lo:hi]
		for i, x := range left.spectrum[lo:hi] {
			y := rs[i]
			mid += (x + y) * (x + y)
			side += (x - y) * (x - y)
		}
		weight := l.weight + r.weight
		unit := 1 / (level * float32(hi-lo))
		asPair := (1 + unit*l.weight*l.energy) * (1 + unit*r.weight*r.energy)
		asMidSide := (1 + unit*weight*mid/4) * (1 + unit*weight*side/4)
		el.midSide[b] = asMidSide < asPair
		if !el.midSide[b] {
			continue
		}
		for i, x := range left.spectrum[lo:hi] {
			y := rs[i]
			left.spectrum[lo+i], rs[i] = (x+y)/2, (x-y)/2
		}
		l.weight, r.weight = weight, weight
		left.measure(b, &el.layout)
		right.measure(b, &el.layout)
	}
}

// noiseLevel returns the weighted squared error of a coefficient that is
// worth its bits at a price of lambda: one more bit quarters it.
func noiseLevel(lambda float32) float32 { return lambda / (2 * math.Ln2) }
