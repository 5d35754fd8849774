package mpa

// scaleSizes are the numbers of bits of the scale factors of the lower and the
// upper bands, by scalefac_compress (2.4.2.7).
var scaleSizes = [16][2]int{
	{0, 0},
	{0, 1},
	{0, 2},
	{0, 3},
	{3, 0},
	{1, 1},
	{1, 2},
	{1, 3},
	{2, 1},
	{2, 2},
	{2, 3},
	{3, 1},
	{3, 2},
	{3, 3},
	{4, 2},
	{4, 3},
}

// longGroups are the groups of bands of long blocks that a granule may share.
var longGroups = [5]int{0, 6, 11, 16, 21}

// Scale factors stand in spectrum.scale in the order in which they are sent:
// those of long blocks by band, then those of short blocks by band and window.
// What is not sent is 0.

// readScale reads scale factors of MPEG-1. second is the second granule, which
// may share some of the first one's.
func (s *spectrum) readScale(r *bitReader, g *granule, shared [4]bool, second bool) {
	low, high := scaleSizes[g.compress][0], scaleSizes[g.compress][1]
	if g.blockType != shortBlock {
		for i, skip := range shared {
			bits := low
			if i >= 2 {
				bits = high
			}
			for b := longGroups[i]; b < longGroups[i+1]; b++ {
				if !skip || !second {
					s.scale[b] = r.bits(bits)
				}
			}
		}
		clear(s.scale[longGroups[4]:])
		return
	}
	const sizeAbove = 18 // of the six upper bands but the last, in three windows
	lower := 18
	if g.mixed {
		lower = 8 + 9
	}
	for i := range lower {
		s.scale[i] = r.bits(low)
	}
	for i := range sizeAbove {
		s.scale[lower+i] = r.bits(high)
	}
	clear(s.scale[lower+sizeAbove:])
}

// lowGroups are the sizes of the groups of scale factors at the lower sample
// rates, by the form of scalefac_compress, for long, short and mixed blocks
// (13818-3 2.4.3.2).
var lowGroups = [6][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
	{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
}

// lowSizes returns the form of scalefac_compress and how many bits each group's
// scale factors have.
func lowSizes(c int, intensity bool) (form int, bits [4]int) {
	if intensity {
		c >>= 1
		switch {
		case c < 180:
			return 3, [4]int{c / 36, c % 36 / 6, c % 6}
		case c < 244:
			c -= 180
			return 4, [4]int{c >> 4, c >> 2 & 3, c & 3}
		default:
			c -= 244
			return 5, [4]int{c / 3, c % 3}
		}
	}
	switch {
	case c < 400:
		return 0, [4]int{(c >> 4) / 5, (c >> 4) % 5, c >> 2 & 3, c & 3}
	case c < 500:
		c -= 400
		return 1, [4]int{(c >> 2) / 5, (c >> 2) % 5, c & 3}
	default:
		c -= 500
		return 2, [4]int{c / 3, c % 3}
	}
}

// readLowScale reads scale factors of MPEG-2 and 2.5. intensity is the right
// channel of a frame with intensity stereo: its scale factors may be positions, of
// which the largest of each size says that there is none.
func (s *spectrum) readLowScale(r *bitReader, g *granule, intensity bool) {
	kind := 0
	switch {
	case g.blockType == shortBlock && g.mixed:
		kind = 2
	case g.blockType == shortBlock:
		kind = 1
	}
	form, bits := lowSizes(g.compress, intensity)
	g.preflag = form == 2
	at := 0
	for i, n := range lowGroups[form][kind] {
		for range n {
			s.scale[at] = r.bits(bits[i])
			s.nowhere[at] = intensity && s.scale[at] == 1<<bits[i]-1 && bits[i] > 0
			at++
		}
	}
	clear(s.scale[at:])
	clear(s.nowhere[at:])
}
