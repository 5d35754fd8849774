package enc

import "sluice/server/transcode/aac/tables"

// Syntactic element identifiers (ISO/IEC 14496-3 Table 4.85).
const (
	idSingle = 0 // SCE
	idPair   = 1 // CPE
	idLFE    = 3
	idEnd    = 7
)

// lfeBandwidth is the highest frequency in Hz of a low frequency effects
// channel.
const lfeBandwidth = 250

// element is one or two channels that are coded together.
type element struct {
	id, tag     uint32
	channels    []*channel
	long, short *bandPlan
	layout      layout
	attack      bool           // the next frame has short windows
	midSide     [maxBands]bool // ms_used: the bands of a pair that are coded as M/S
}

// channel is the state of one channel.
type channel struct {
	speaker int // place in the interleaved input
	input   input

	// Of the frame being coded, in the layout's order but for lines.
	lines     [FrameLen]float32 // coefficients as the transform leaves them
	spectrum  [FrameLen]float32
	magnitude [FrameLen]float32
	power     [FrameLen]float32 // magnitudes to the 0.75
	quantised [FrameLen]int32   // magnitudes
	bands     [maxBands]band
	sections  []section
}

// band is what is known and decided about one band of one channel.
type band struct {
	energy float32 // sum of the squared coefficients
	weight float32 // of a squared error
	least  int     // the lowest scale factor whose quantised values can be coded
	slope  float32 // log2 of the mean of 4/27 * sqrt(coefficient)
	trials trials

	// The decision.
	coded bool
	scale int   // scale factor, if coded
	top   int32 // largest quantised magnitude
	book  int   // codebook of the section that the band is in
}

// newElements returns the elements of a channel configuration (ISO/IEC
// 14496-3 Table 1.19), or nil for one that is not served.
func newElements(cfg Config, rateIndex int) []*element {
	width := bandwidth(cfg)
	long := newBandPlan(tables.LongBands(rateIndex), cfg.SampleRate, width)
	short := newBandPlan(tables.ShortBands(rateIndex), cfg.SampleRate, width)
	build := func(id, tag uint32, speakers ...int) *element {
		el := &element{id: id, tag: tag, long: long, short: short}
		for _, s := range speakers {
			el.channels = append(el.channels, &channel{speaker: s, sections: make([]section, 0, maxBands)})
		}
		return el
	}
	switch cfg.Channels {
	case 1:
		return []*element{build(idSingle, 0, 0)}
	case 2:
		return []*element{build(idPair, 0, 0, 1)}
	case 6:
		lfe := build(idLFE, 0, 3)
		lfe.long = newBandPlan(tables.LongBands(rateIndex), cfg.SampleRate, lfeBandwidth)
		lfe.short = nil
		return []*element{build(idSingle, 0, 2), build(idPair, 0, 0, 1), build(idPair, 1, 4, 5), lfe}
	default:
		return nil
	}
}

// bandwidth returns the highest frequency in Hz that is worth its bits: 12 kHz at
// 32 kbit/s for a channel, 20 kHz at 64.
func bandwidth(cfg Config) float64 {
	perChannel := float64(cfg.Bitrate) / float64(min(cfg.Channels, 5))
	return 4000 + perChannel/4
}

// analyse makes everything ready for the choice of scale factors: attack says
// that the samples behind the window have one, lambda is the price of a bit that
// the frame will probably have.
func (el *element) analyse(bank *filterbank, attack bool, lambda float32) {
	if el.short == nil {
		attack = false
	}
	short := el.layout.short()
	sequence := tables.OnlyLong
	switch {
	case el.attack || attack && short:
		sequence = tables.EightShort
	case attack:
		sequence = tables.LongStart
	case short:
		sequence = tables.LongStop
	}
	el.attack = attack
	for _, c := range el.channels {
		bank.transform(c.lines[:], c.input.samples[:windowLen], sequence)
	}
	plan := el.long
	if sequence == tables.EightShort {
		plan = el.short
	}
	el.layout.arrange(sequence, el.channels, plan)
	for _, c := range el.channels {
		c.order(&el.layout, plan)
		for b := range el.layout.bands {
			c.measure(b, &el.layout)
		}
		c.weigh(&el.layout, plan)
	}
	if len(el.channels) == 2 {
		el.chooseStereo(lambda)
	}
}
