package enc

import "math"

// quiet is the energy of a long window's coefficient below which all sound
// weighs the same: 22 dB over the noise of 16-bit samples.
const quiet = 30000

// noiseFlatness is the least spectral flatness, the geometric over the
// arithmetic mean of the energies, of a band that is noise. It is 0.28 for
// white noise in the mean.
const noiseFlatness = 0.15

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
	n.coarse = float32(math.Log2(27.0 / 4 * float64(hi-lo) / float64(roots)))
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

// findNoise marks the bands that noise may stand for. In M/S bands it may not:
// decoders undo M/S for coded coefficients only.
func (c *channel) findNoise(el *element, plan *bandPlan) {
	l := &el.layout
	for b := range l.bands {
		n := &c.bands[b]
		n.noisy = false
		if b%l.perGroup < plan.noise || el.midSide[b] || n.energy == 0 {
			continue
		}
		magnitude := c.magnitude[l.start[b]:l.start[b+1]]
		if flatness(magnitude, n.energy) < noiseFlatness {
			continue
		}
		n.noisy = true
		perWindow := float64(n.energy) / float64(l.windows[b/l.perGroup])
		n.noise = int(math.Round(2 * math.Log2(perWindow)))
	}
}

// flatness returns the spectral flatness of coefficients with this sum of
// squares; their number is a multiple of 4.
func flatness(magnitude []float32, energy float32) float32 {
	logs := 0.0
	for m := magnitude; len(m) >= 4; m = m[4:] {
		p := float64(m[0]) * float64(m[1]) * float64(m[2]) * float64(m[3])
		logs += math.Log(p*p + 1e-30)
	}
	n := float64(len(magnitude))
	return float32(math.Exp(logs/n) * n / float64(energy))
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
