package enc

import "math"

// quiet is the energy of a long window's coefficient below which all sound
// weighs the same: 22 dB over the noise of 16-bit samples.
const quiet = 30000

// measure sets what the coefficients of band b say.
func (c *channel) measure(b int, l *layout) {
	lo, hi := l.start[b], l.start[b+1]
	var energy, roots, top float32
	magnitude, power := c.magnitude[lo:hi], c.power[lo:hi]
	for i, x := range c.spectrum[lo:hi] {
		if x < 0 {
			x = -x
		}
		root := sqrt(x)
		p := root * sqrt(root)
		magnitude[i], power[i] = x, p
		energy += x * x
		roots += root
		top = max(top, p)
	}
	n := &c.bands[b]
	n.energy = energy
	n.trials.first = none
	if energy == 0 {
		return
	}
	n.least = 0
	if s := scaleUnit + int(math.Ceil(16.0/3*math.Log2(float64(top)/maxQuant))); s > 0 {
		n.least = s
	}
	n.slope = float32(math.Log2(4.0 / 27 * float64(roots) / float64(hi-lo)))
}

// weigh sets the weights of the bands.
func (c *channel) weigh(l *layout, plan *bandPlan) {
	var level [maxBands]float32
	for first := 0; first < l.bands; first += l.perGroup {
		e := level[:l.perGroup]
		for b := range e {
			e[b] = plan.gain * c.bands[first+b].energy / float32(l.width(first+b))
		}
		for b := 1; b < len(e); b++ {
			e[b] = max(e[b], e[b-1]*plan.up[b])
		}
		for b := len(e) - 2; b >= 0; b-- {
			e[b] = max(e[b], e[b+1]*plan.down[b])
		}
		for b, v := range e {
			c.bands[first+b].weight = plan.gain / sqrt(max(v, quiet))
		}
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
