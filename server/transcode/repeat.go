package transcode

// repeater conceals losses of a codec that has no means of its own, by going
// on with the last period of the sound, as ITU-T G.711 appendix I does.
type repeater struct {
	channels int
	shortest int       // period in samples
	past     []float32 // the newest samples, interleaved
	period   int       // samples per channel that are repeated; 0 before a loss
	at       int       // next one of them
}

// A period of 5 to 15 ms is looked for where it fits the last 20 ms best.
// longest and match are in shortest periods.
const (
	longest = 3
	match   = 4
)

func newRepeater(rate, channels int) repeater {
	return repeater{channels: channels, shortest: rate / 200}
}

// keep returns how many samples of all channels are looked at.
func (r *repeater) keep() int { return (match + longest) * r.shortest * r.channels }

// push takes sound that has arrived.
func (r *repeater) push(pcm []float32) {
	r.period, r.at = 0, 0
	keep := r.keep()
	pcm = pcm[max(0, len(pcm)-keep):]
	if over := len(r.past) + len(pcm) - keep; over > 0 {
		r.past = r.past[:copy(r.past, r.past[over:])]
	}
	r.past = append(r.past, pcm...)
}

// conceal appends n samples per channel that go on with the sound.
func (r *repeater) conceal(n int, dst []float32) []float32 {
	if len(r.past) < r.keep() {
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
	best, period := float32(0), longest*r.shortest
	end := r.past[longest*r.shortest*r.channels:]
	for p := r.shortest; p <= longest*r.shortest; p++ {
		before := r.past[(longest*r.shortest-p)*r.channels:]
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
