package enc

import "math"

const (
	// The slopes of masking in dB for each critical band, towards higher and
	// towards lower frequencies.
	spreadUp   = 15
	spreadDown = 30
)

// bandPlan is what does not change about the scale factor bands of one kind of
// window, at the encoder's sample rate and bandwidth.
type bandPlan struct {
	offsets []uint16  // of all bands of a window
	coded   int       // how many of them are coded
	up      []float32 // how much of band b-1 masks in b
	down    []float32 // how much of band b+1 masks in b
	gain    float32   // the energy of a long window's coefficients over these
}

func (p *bandPlan) width(b int) int { return int(p.offsets[b+1] - p.offsets[b]) }

// newBandPlan returns the plan for windows with the given bands, of which
// those that begin below bandwidth, in Hz, are coded.
func newBandPlan(offsets []uint16, rate int, bandwidth float64) *bandPlan {
	all := len(offsets) - 1
	lines := int(offsets[all])
	hz := float64(rate) / 2 / float64(lines)
	p := &bandPlan{
		offsets: offsets,
		up:      make([]float32, all),
		down:    make([]float32, all),
		gain:    float32(FrameLen / lines),
	}
	before := 0.0
	for b := range all {
		low, high := float64(offsets[b])*hz, float64(offsets[b+1])*hz
		if low < bandwidth {
			p.coded = b + 1
		}
		centre := bark((low + high) / 2)
		if b > 0 {
			p.up[b] = float32(math.Pow(10, -spreadUp*(centre-before)/10))
			p.down[b-1] = float32(math.Pow(10, -spreadDown*(centre-before)/10))
		}
		before = centre
	}
	return p
}

// bark returns the critical band rate of a frequency in Hz (Zwicker and
// Terhardt).
func bark(f float64) float64 {
	return 13*math.Atan(0.00076*f) + 3.5*math.Atan(math.Pow(f/7500, 2))
}
