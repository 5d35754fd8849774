package enc

import (
	"math"

	"sluice/server/transcode/aac/tables"
)

const (
	// tries is how many scale factors are tried for a band, triesBelow how many
	// of them below the nominal one.
	tries      = 8
	triesBelow = 3
	// holeCost is the price of energy that goes missing, in units of a squared
	// error: a hole in the spectrum is heard as such.
	holeCost = 0.25
	// hopeless is the energy of a band, in units of the noise level, below
	// which no scale factor is tried.
	hopeless = 0.1
	// farthest is a cost in bits that no scale factor difference exceeds: a
	// path that is so much dearer than another cannot win any more.
	farthest = 20
	// fresh is the state before the first scale factor, after those that are
	// scale factors.
	fresh = maxScale + 1
	// stay marks a band without scale factor, which leaves the state as it was.
	stay = -1
)

// none is the first scale factor of a band that none was tried for.
const none = -1

// trials are the results of quantising one band with some scale factors.
type trials struct {
	first int // scale factor of the first entry, or none
	done  [tries]bool
	bits  [tries]float32 // infinite if no value is left
	loss  [tries]float32 // weighted error
}

// search finds the scale factors of a channel: the cheapest path through its
// bands (Viterbi's algorithm). The state is the last scale factor, which the
// next one is coded as a difference to.
type search struct {
	cost [2][fresh + 1]float32
	// from is the state that the best path to each state came from, or stay.
	from    [maxBands][fresh + 1]int16
	scratch [FrameLen]int32
	books   bookSearch
}

// reach is the range of states, but for fresh, that paths have come to; it is
// empty if low > high.
type reach struct{ low, high int }

// run decides which bands of c are coded and with which scale factors. It
// returns an estimate of their bits, without those of sections and headers.
func (s *search) run(c *channel, l *layout, lambda float32) float32 {
	cur, next := &s.cost[0], &s.cost[1]
	cur[fresh] = 0
	live := reach{low: fresh, high: -1}
	level := noiseLevel(lambda)
	logLevel := math.Log2(float64(level))
	for b := range l.bands {
		n, from := &c.bands[b], &s.from[b]
		hole := (1 + holeCost) * n.weight * n.energy
		for i := live.low; i <= live.high; i++ {
			next[i], from[i] = cur[i]+hole, stay
		}
		next[fresh], from[fresh] = cur[fresh]+hole, stay
		if n.weight*n.energy > hopeless*level*float32(l.width(b)) {
			s.try(c, l, b, n.nominal(logLevel))
			live = n.trials.extend(next, cur, from, lambda, live)
		}
		cur, next = next, cur
	}
	return s.trace(c, l, cur, live)
}

// nominal returns the scale factor that makes about the error at which a bit is
// worth its price. A coefficient x has a mean squared error of 4/27 * sqrt(x) *
// step^1.5, from the slope of the power law; level is log2 of the noise level.
func (n *band) nominal(level float64) int {
	step := (level - math.Log2(float64(n.weight)) - float64(n.slope)) / 1.5
	return scaleUnit + int(math.Round(4*step))
}

// try quantises band b with the scale factors around the nominal one, unless
// it was done before.
func (s *search) try(c *channel, l *layout, b, nominal int) {
	n := &c.bands[b]
	t := &n.trials
	first := min(max(nominal-triesBelow, n.least, 0), maxScale+1-tries)
	if t.first != first {
		t.move(first)
	}
	lo, hi := l.start[b], l.start[b+1]
	q := s.scratch[lo:hi]
	for k := range tries {
		if t.done[k] {
			continue
		}
		t.done[k] = true
		top := quantise(q, c.power[lo:hi], first+k)
		if top == 0 {
			t.bits[k] = infinite
			continue
		}
		err, energy := distortion(q, c.magnitude[lo:hi], first+k)
		missing := sqrt(n.energy) - sqrt(energy)
		t.loss[k] = n.weight * (err + holeCost*missing*missing)
		t.bits[k] = bestBits(bookBits(q, bookClass(top)))
	}
}

// move changes the first scale factor and keeps what is known.
func (t *trials) move(first int) {
	old := *t
	t.done = [tries]bool{}
	t.first = first
	if old.first == none {
		return
	}
	for k := range tries {
		if j := first + k - old.first; j >= 0 && j < tries && old.done[j] {
			t.done[k], t.bits[k], t.loss[k] = true, old.bits[j], old.loss[j]
		}
	}
}

// extend lets the paths that end in cur go on to the scale factors tried, where
// that is cheaper than what stands in next, and returns the new reach.
func (t *trials) extend(next, cur *[fresh + 1]float32, from *[fresh + 1]int16, lambda float32, live reach) reach {
	wide := reach{min(live.low, t.first), max(live.high, t.first+tries-1)}
	for i := wide.low; i <= wide.high; i++ {
		if i < live.low || i > live.high {
			next[i] = infinite
		}
	}
	best := next[fresh]
	for k, bits := range t.bits {
		to := t.first + k
		cost, at := cur[fresh]+lambda, fresh
		for p := max(live.low, to-maxDelta); p <= min(live.high, to+maxDelta); p++ {
			if v := cur[p] + lambda*deltaBits[to-p+maxDelta]; v < cost {
				cost, at = v, p
			}
		}
		cost += t.loss[k] + lambda*bits
		if cost < next[to] {
			next[to] = cost
			from[to] = int16(at)
		}
		best = min(best, next[to])
	}
	best += farthest * lambda
	for wide.low <= wide.high && next[wide.low] > best {
		wide.low++
	}
	for wide.high >= wide.low && next[wide.high] > best {
		wide.high--
	}
	if wide.low > wide.high {
		return reach{low: fresh, high: -1}
	}
	return wide
}

// trace follows the best path back and notes its decisions.
func (s *search) trace(c *channel, l *layout, cost *[fresh + 1]float32, live reach) (bits float32) {
	at := fresh
	for i := live.low; i <= live.high; i++ {
		if cost[i] < cost[at] {
			at = i
		}
	}
	for b := l.bands - 1; b >= 0; b-- {
		n, from := &c.bands[b], int(s.from[b][at])
		n.coded = from != stay
		if !n.coded {
			continue
		}
		n.scale = at
		bits += n.trials.bits[at-n.trials.first]
		if from < fresh {
			bits += deltaBits[at-from+maxDelta]
		}
		at = from
	}
	return bits
}

// deltaBits has the bits of each scale factor difference, from -maxDelta on.
var deltaBits = func() (bits [2*maxDelta + 1]float32) {
	for i, code := range tables.ScaleFactors.Codes {
		bits[i] = float32(code.Len)
	}
	return bits
}()

var infinite = float32(math.Inf(1))
