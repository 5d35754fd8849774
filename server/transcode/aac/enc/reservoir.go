package enc

import "math"

// frameLimit is how many bits a frame may have for each channel but an LFE
// (ISO/IEC 14496-3 4.5.3).
const frameLimit = 6144

// How lambda is steered. An octave is a factor of two of lambda.
const (
	finest   = -8 // octave at which errors are below those of 24-bit samples
	coarsest = 60 // octave at which nothing is coded
	maxMove  = 4  // octaves in one try
	pull     = 1  // octaves between an empty and a full reservoir
	learning = 0.1
	// maxTries is after how many tries a frame may also be too small.
	maxTries = 8
)

// reservoir keeps the average of the frames' bits. The decoder's buffer holds
// what one frame leaves for later ones: a frame may take the mean and what is
// saved (ISO/IEC 14496-3 4.5.3). Lambda stays near what gives the mean, moves
// with the reservoir, and further only where the frame would not fit.
type reservoir struct {
	mean  float64 // bits for a frame
	size  float64 // bits that can be saved
	level float64 // bits that are saved

	base  float64 // octave that gives the mean
	slope float64 // bits that one octave less adds
	extra float64 // bits that frames have above the estimate

	// Of the frame being fitted:
	octave         float64 // log2 of lambda
	least, most    float64 // bits
	coarse, fine   float64 // octaves that gave too few and too many bits
	before, beside float64 // estimate and octave of the last try
	tries          int
}

func newReservoir(cfg Config) *reservoir {
	limit := frameLimit * float64(min(cfg.Channels, 5))
	r := &reservoir{mean: min(limit, float64(cfg.Bitrate)*FrameLen/float64(cfg.SampleRate))}
	r.size = limit - r.mean
	r.level = r.size
	r.slope = r.mean / 3
	return r
}

// lambda returns the price of a bit to use.
func (r *reservoir) lambda() float32 { return float32(math.Exp2(r.octave)) }

// begin starts a frame.
func (r *reservoir) begin() {
	r.most = r.mean + r.level
	r.least = min(r.mean-(r.size-r.level), 0.97*r.most)
	r.octave = r.base
	if r.size > 0 {
		r.octave += pull * (0.5 - r.level/r.size)
	}
	r.octave = min(max(r.octave, finest), coarsest)
	r.coarse, r.fine = math.Inf(1), math.Inf(-1)
	r.tries = 0
}

// accept takes the estimated bits at the present lambda. It reports whether
// they do; if not, lambda has changed.
func (r *reservoir) accept(estimate float32) bool {
	bits := float64(estimate) + r.extra
	if r.tries++; r.tries > 1 && r.octave != r.beside {
		r.slope = (r.before - bits) / (r.octave - r.beside)
	}
	r.slope = min(max(r.slope, r.mean/16), r.mean*2)
	r.before, r.beside = bits, r.octave
	goal := r.most - (r.most-r.least)/8
	switch {
	case bits > r.most:
		if r.octave >= coarsest {
			return true
		}
		r.fine = r.octave
	case bits < r.least:
		if r.octave <= finest || r.tries >= maxTries {
			return true
		}
		r.coarse = r.octave
		goal = r.least + (r.most-r.least)/8
	default:
		return true
	}
	move := (bits - goal) / r.slope
	r.octave += min(max(move, -maxMove), maxMove)
	switch {
	case r.tries >= maxTries && r.fine < r.coarse:
		r.octave = min(r.coarse, r.fine+maxMove)
	case r.tries >= maxTries:
		r.octave = r.fine + maxMove
	case r.octave <= r.fine || r.octave >= r.coarse:
		r.octave = (r.fine + r.coarse) / 2
	}
	r.octave = min(max(r.octave, finest), coarsest)
	return false
}

// spend takes the bits that the frame came to. It reports whether it may have
// them; if not, the frame has to be fitted again.
func (r *reservoir) spend(bits int) bool {
	b := float64(bits)
	extra := b - (r.before - r.extra)
	if b > r.most && r.octave < coarsest {
		r.extra = extra
		r.coarse = math.Inf(1)
		return false
	}
	r.extra += learning * (extra - r.extra)
	r.base += learning * (r.octave + (b-r.mean)/r.slope - r.base)
	r.base = min(max(r.base, finest), coarsest)
	r.level = min(max(r.level+r.mean-b, 0), r.size)
	return true
}
