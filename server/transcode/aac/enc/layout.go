package enc

import (
	"math"

	"sluice/server/transcode/aac/tables"
)

const (
	// maxGroups is the number of short windows in a frame.
	maxGroups = FrameLen / shortLen
	// maxBands bounds the bands of a frame: a long window has up to 51, eight
	// short ones that stand alone have 15 each.
	maxBands = maxGroups * 15
	// groupStep is the change of the mean level in dB over which a short window
	// begins a new group.
	groupStep = 6
)

// layout is the order of the coefficients of one frame. A band is one scale
// factor band of a long window, or of all the short windows of one group; the
// coefficients of a band are contiguous, as in the bit stream (ISO/IEC
// 14496-3 4.5.2.3.5), so that coding needs no distinction beyond this type.
type layout struct {
	sequence tables.WindowSequence
	groups   int            // 1 for a long window
	windows  [maxGroups]int // short windows of each group, or 1
	perGroup int            // max_sfb: bands of each group that are coded
	bands    int            // groups * perGroup
	start    [maxBands + 1]int
}

func (l *layout) short() bool { return l.sequence == tables.EightShort }

// width returns the number of coefficients of band b.
func (l *layout) width(b int) int { return l.start[b+1] - l.start[b] }

// arrange sets the layout for a window sequence whose bands are plan's.
func (l *layout) arrange(sequence tables.WindowSequence, channels []*channel, plan *bandPlan) {
	l.sequence = sequence
	l.perGroup = plan.coded
	l.groups, l.windows[0] = 1, 1
	if l.short() {
		l.group(channels)
	}
	l.bands = 0
	at := 0
	for _, windows := range l.windows[:l.groups] {
		for b := range plan.coded {
			l.start[l.bands] = at
			l.bands++
			at += windows * plan.width(b)
		}
	}
	l.start[l.bands] = at
}

// group puts short windows together that sound alike: scale factors are spent
// once for each group.
func (l *layout) group(channels []*channel) {
	const parts = 8
	var before [2][parts]float64
	for w := range maxGroups {
		change := 0.0
		for i, c := range channels {
			lines := c.lines[w*shortLen : (w+1)*shortLen]
			for p := range parts {
				sum := 1.0
				for _, x := range lines[p*shortLen/parts : (p+1)*shortLen/parts] {
					sum += float64(x * x)
				}
				level := 10 * math.Log10(sum)
				change += math.Abs(level - before[i][p])
				before[i][p] = level
			}
		}
		switch {
		case w == 0:
			l.groups, l.windows[0] = 1, 1
		case change > groupStep*parts*float64(len(channels)):
			l.windows[l.groups] = 1
			l.groups++
		default:
			l.windows[l.groups-1]++
		}
	}
}

// order copies the coefficients from the transform's order to the layout's.
func (c *channel) order(l *layout, plan *bandPlan) {
	if !l.short() {
		c.spectrum = c.lines
		return
	}
	at, first := 0, 0
	for _, windows := range l.windows[:l.groups] {
		for b := range plan.coded {
			for w := first; w < first+windows; w++ {
				at += copy(c.spectrum[at:], c.lines[w*shortLen:][plan.offsets[b]:plan.offsets[b+1]])
			}
		}
		first += windows
	}
}
