// Package resample changes the sample rate of a stream of sound, by a bank of
// windowed sinc filters, one for each fraction of a sample that an output
// sample may lie behind an input sample.
//
// The rate can be bent a little while it runs, to follow a source whose clock
// is off. The package is pure.
package resample

import (
	"fmt"
	"math"
)

const (
	// MinRate is the lowest sample rate, in Hz.
	MinRate = 7350
	// MaxRate is the highest sample rate, in Hz.
	MaxRate = 96000

	// taps is the length of a filter in samples of the lower of the two
	// rates. With the window's beta the stop band lies 105 dB down and begins
	// 0.067 of that rate above the middle of the transition.
	taps = 48
	beta = 10.5

	// minPhases is how finely a sample is divided at least: a bent rate takes
	// the nearest filter below, which puts the error of a 1 kHz tone at 48 kHz
	// 80 dB down. It may be coarser where the output's rate is lower.
	minPhases = 1024
	// maxPhases bounds the filter bank's memory.
	maxPhases = 1280
)

// Resampler converts one stream. Output sample n lies at the time of input
// sample n*in/out: nothing is delayed on the stream's own clock, but the
// output for the newest Delay samples comes with later ones.
type Resampler struct {
	channels int
	taps     int
	phases   int
	bank     []float32 // phases filters of taps coefficients
	nominal  uint64    // step before Stretch
	step     uint64    // input per output sample
	pos      uint64    // of the next output's window in buf
	buf      []float32 // interleaved input that is still needed
	copying  bool      // equal rates: filter 0 is a copy
}

// unit is one phase in the fixed point of step and pos.
const unit = 1 << 32

// New returns a resampler from one rate to another, both in Hz, for
// interleaved samples of 1 or 2 channels.
//
// Rates whose ratio in lowest terms has a numerator up to 1280 (all usual
// ones) are exact. The filters of others are rounded to the nearest 1/1024
// sample, which leaves 60 to 80 dB between sound and error.
func New(in, out, channels int) (*Resampler, error) {
	switch {
	case in < MinRate || in > MaxRate || out < MinRate || out > MaxRate:
		return nil, fmt.Errorf("resample: %d to %d Hz; rates must be within %d-%d", in, out, MinRate, MaxRate)
	case channels < 1 || channels > 2:
		return nil, fmt.Errorf("resample: %d channels; mix to 1 or 2 first", channels)
	}
	r := &Resampler{channels: channels, taps: taps, copying: in == out}
	fine := minPhases
	if in > out {
		r.taps = (taps*in/out + 1) &^ 1
		fine = max(1, minPhases*out/in)
	}
	l := out / gcd(in, out)
	if l > maxPhases {
		l = minPhases
	}
	r.phases = (fine + l - 1) / l * l
	r.nominal = (uint64(r.phases)*uint64(in)<<32 + uint64(out)/2) / uint64(out)
	r.bank = filters(r.phases, r.taps, min(1, float64(out)/float64(in)))
	r.Reset()
	return r, nil
}

// Reset forgets the sound so far and any stretching.
func (r *Resampler) Reset() {
	// The first output's window ends half a filter after the first input.
	r.buf = append(r.buf[:0], make([]float32, (r.taps/2-1)*r.channels)...)
	r.pos = 0
	r.step = r.nominal
}

// Delay returns how many input samples per channel, rounded up, must follow
// the time of an output sample before that comes out.
func (r *Resampler) Delay() int { return r.taps / 2 }

// Lead returns how many input samples per channel, and what fraction, lie
// between the next output sample's time and the next input's.
func (r *Resampler) Lead() float64 {
	have := len(r.buf)/r.channels - (r.taps/2 - 1)
	return float64(have) - float64(r.pos)/(unit*float64(r.phases))
}

// Stretch makes the output longer by ppm millionths from now on, or shorter
// where ppm is negative. It is meant for corrections too small to be heard,
// up to some 3000.
func (r *Resampler) Stretch(ppm float64) {
	r.step = uint64(float64(r.nominal)/(1+ppm/1e6) + 0.5)
	if ppm == 0 {
		r.step = r.nominal // whatever the rounding
	}
}

// Process takes interleaved input of any length and appends to dst the output
// that it completes.
func (r *Resampler) Process(src, dst []float32) []float32 {
	r.buf = append(r.buf, src...)
	sample := uint64(r.phases) * unit
	end := uint64(len(r.buf)/r.channels-r.taps+1) * sample
	if len(r.buf)/r.channels < r.taps {
		end = 0
	}
	pos := r.pos
	for ; pos < end; pos += r.step {
		at, phase := pos/sample, pos%sample/unit
		x := r.buf[int(at)*r.channels : (int(at)+r.taps)*r.channels]
		if phase == 0 && r.copying {
			mid := (r.taps/2 - 1) * r.channels
			dst = append(dst, x[mid:mid+r.channels]...)
			continue
		}
		h := r.bank[int(phase)*r.taps : (int(phase)+1)*r.taps]
		if r.channels == 1 {
			dst = append(dst, dot(h, x))
		} else {
			left, right := dot2(h, x)
			dst = append(dst, left, right)
		}
	}
	used := min(int(pos/sample)*r.channels, len(r.buf))
	r.pos = pos - uint64(used/r.channels)*sample
	r.buf = r.buf[:copy(r.buf, r.buf[used:])]
	return dst
}

// dot returns the sum of products. Four sums side by side keep the processor's
// adders busy.
func dot(h, x []float32) float32 {
	var a, b, c, d float32
	for len(h) >= 4 && len(x) >= 4 {
		a += h[0] * x[0]
		b += h[1] * x[1]
		c += h[2] * x[2]
		d += h[3] * x[3]
		h, x = h[4:], x[4:]
	}
	for i := range min(len(h), len(x)) {
		a += h[i] * x[i]
	}
	return a + b + c + d
}

// dot2 is dot for the two channels of interleaved samples.
func dot2(h, x []float32) (left, right float32) {
	var a, b, c, d float32
	for len(h) >= 2 && len(x) >= 4 {
		a += h[0] * x[0]
		b += h[0] * x[1]
		c += h[1] * x[2]
		d += h[1] * x[3]
		h, x = h[2:], x[4:]
	}
	return a + c, b + d
}

// filters returns the bank: filter p, tap k weighs the input sample at
// distance k-(n/2-1)-p/phases from the output's time. cutoff is in halves of
// the input's rate.
func filters(phases, n int, cutoff float64) []float32 {
	bank := make([]float32, 0, phases*n)
	h := make([]float64, n)
	for p := range phases {
		sum := 0.0
		for k := range h {
			d := float64(k-(n/2-1)) - float64(p)/float64(phases)
			h[k] = sinc(cutoff*d) * kaiser(d/float64(n/2))
			sum += h[k]
		}
		for _, v := range h {
			bank = append(bank, float32(v/sum))
		}
	}
	return bank
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	if x == math.Trunc(x) {
		return 0
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window over -1 to 1, not normalised.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	// The modified Bessel function of order 0, by its power series.
	q := beta * beta * (1 - x*x) / 4
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= q / (k * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
