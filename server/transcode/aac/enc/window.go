package enc

import (
	"sluice/server/transcode/aac/mdct"
	"sluice/server/transcode/aac/tables"
)

const (
	shortLen  = tables.ShortLen
	windowLen = 2 * FrameLen
	// flat is how far a start or stop window is flat on its short side.
	flat = (FrameLen - shortLen) / 2
	// lookahead is how far behind the window an attack must be known: the
	// windows of the next frame are short enough up to there.
	lookahead = flat + shortLen
)

// attackRatio is by how much the energy of the high frequencies of one
// subblock must exceed that of the ones before to be an attack, and
// attackFloor its least value in squared 16-bit units.
const (
	subblock    = 128
	attackRatio = 6
	attackFloor = 100 * subblock
)

// input holds the samples of one channel from the start of the window to the
// end of the look-ahead.
type input struct {
	samples [windowLen + lookahead]float32
	last    float32 // the sample before the next one
	energy  float32 // running energy of the high frequencies
}

// push moves on by a frame: it takes every stride-th sample of pcm, and
// reports whether there is an attack in them.
func (in *input) push(pcm []float32, stride int) (attack bool) {
	copy(in.samples[:], in.samples[FrameLen:])
	fresh := in.samples[len(in.samples)-FrameLen:]
	for i := range fresh {
		fresh[i] = sanitise(pcm[i*stride])
	}
	for ; len(fresh) > 0; fresh = fresh[subblock:] {
		var sum float32
		for _, x := range fresh[:subblock] {
			d := x - in.last
			in.last = x
			sum += d * d
		}
		if sum > attackFloor && sum > attackRatio*in.energy {
			attack = true
		}
		in.energy += 0.3 * (sum - in.energy)
	}
	return attack
}

// filterbank transforms windows of samples (ISO/IEC 14496-3 4.6.11). It uses the
// Kaiser-Bessel derived shape throughout: its better rejection of what is far away
// keeps the quiet bands of tonal sound empty.
type filterbank struct {
	long, short           *mdct.Transform
	longSlope, shortSlope []float32
	scratch               [windowLen]float32
}

func newFilterbank() *filterbank {
	return &filterbank{
		long:       mdct.New(windowLen),
		short:      mdct.New(2 * shortLen),
		longSlope:  mdct.KBD(windowLen, 4),
		shortSlope: mdct.KBD(2*shortLen, 6),
	}
}

// transform writes the coefficients of a window of samples to dst, those of
// eight short windows one after the other.
func (f *filterbank) transform(dst, samples []float32, sequence tables.WindowSequence) {
	if sequence == tables.EightShort {
		w := f.scratch[:2*shortLen]
		for i := range maxGroups {
			copy(w, samples[flat+i*shortLen:])
			rise(w, f.shortSlope)
			fall(w, f.shortSlope)
			f.short.Forward(dst[i*shortLen:], w)
		}
		return
	}
	w := f.scratch[:]
	copy(w, samples)
	if sequence == tables.LongStop {
		clear(w[:flat])
		rise(w[flat:], f.shortSlope)
	} else {
		rise(w, f.longSlope)
	}
	if sequence == tables.LongStart {
		fall(w[:windowLen-flat], f.shortSlope)
		clear(w[windowLen-flat:])
	} else {
		fall(w, f.longSlope)
	}
	f.long.Forward(dst, w)
}

// rise applies a slope to the start of w.
func rise(w, slope []float32) {
	w = w[:len(slope)]
	for i, s := range slope {
		w[i] *= s
	}
}

// fall applies a slope, mirrored, to the end of w.
func fall(w, slope []float32) {
	w = w[len(w)-len(slope):]
	for i, s := range slope {
		w[len(w)-1-i] *= s
	}
}
