package transcode

// repeater conceals losses of a codec that has no means of its own, by going
// on with the last period of the sound, as ITU-T G.711 appendix I does.
type repeater struct {
	channels int
	past     []float32 // the newest samples, interleaved
	period   int       // samples per channel that are repeated; 0 before a loss
	at       int       // next one of them
}

// In samples at 8 kHz: a period of 5 to 15 ms is looked for where it fits the
// last 20 ms best.
const (
	minPeriod = 40
	maxPeriod = 120
	match     = 160
)

// push takes sound that has arrived.
func (r *repeater) push(pcm []float32) {
	r.period, r.at = 0, 0
	keep := (match + maxPeriod) * r.channels
	if len(pcm) >= keep {
		r.past = append(r.past[:0], pcm[len(pcm)-keep:]...)
		return
	}
	if over := len(r.past) + len(pcm) - keep; over > 0 {
		r.past = r.past[:copy(r.past, r.past[over:])]
	}
	r.past = append(r.past, pcm...)
}

// conceal appends n samples per channel that go on with the sound.
func (r *repeater) conceal(n int, dst []float32) []float32 {
	if len(r.past) < (match+maxPeriod)*r.channels {
		return append(dst, make([]float32, n*r.channels)...)
	}
	if r.period == 0 {
		r.period = r.find()
	}
	for range n {
		k := len(r.past) - (r.period-r.at)*r.channels
		dst = append(dst, r.past[k:k+r.channels]...)
		r.at = (r.at + 1) % r.period
	}
	return dst
}

// find returns the period at which the sound is most like itself.
func (r *repeater) find() int {
	best, period := float32(0), maxPeriod
	end := r.past[len(r.past)-match*r.channels:]
	for p := minPeriod; p <= maxPeriod; p++ {
		before := r.past[len(r.past)-(match+p)*r.channels:]
		var product, energy float32
		for i, x := range end {
			product += x * before[i]
			energy += before[i] * before[i]
		}
		// The square of the normalised correlation, where that is positive.
		if product > 0 && product*product > best*(energy+1e-9) {
			best, period = product*product/(energy+1e-9), p
		}
	}
	return period
}
