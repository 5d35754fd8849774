package dec

import (
	"math"

	"sluice/server/transcode/aac/tables"
)

const (
	// concealFade is how much weaker each concealed frame is.
	concealFade = 0.7
	// concealMax is the number of frames in a row after which there is silence.
	concealMax = 24
)

// Conceal fills the place of a frame that is lost or does not decode: the
// spectrum of the last frame with other signs, which keeps its colour and not
// its pitch, and weaker each time, down to silence after half a second. dst and
// the result are as in Decode; dst must hold a frame.
func (d *Decoder) Conceal(dst []float32) (int, error) {
	if len(dst) < frameLen*len(d.channels) {
		return 0, ErrShortBuffer
	}
	gain := float32(concealFade)
	if d.lost++; d.lost > concealMax {
		gain = 0
	}
	for i := range d.channels {
		ch := &d.channels[i]
		sequence := tables.OnlyLong
		switch ch.lastSequence {
		case tables.EightShort:
			ch.spread()
			sequence = tables.LongStop
		case tables.LongStart:
			sequence = tables.LongStop
		}
		for k, v := range ch.lastSpec {
			if d.noise.next()>>31 == 1 {
				v = -v
			}
			ch.lastSpec[k] = v * gain
		}
		d.play(i, sequence, ch.lastShape, dst)
	}
	return frameLen * len(d.channels), nil
}

// spread turns the last frame's eight short spectra to a long one of the same
// energy at each frequency.
func (ch *channel) spread() {
	copy(ch.spec, ch.lastSpec)
	for k := range shortLen {
		for w := range maxWindows {
			ch.lastSpec[k*maxWindows+w] = ch.spec[w*shortLen+k] * math.Sqrt2 * 2
		}
	}
}
