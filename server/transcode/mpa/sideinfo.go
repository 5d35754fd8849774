package mpa

import header "sluice/protocols/codec/mpa"

// Block types (2.4.2.7).
const (
	normalBlock = iota
	startBlock
	shortBlock
	stopBlock
)

// sideInfo is what precedes the main data of a layer III frame (2.4.1.7).
type sideInfo struct {
	begin   int        // bytes by which the main data begin before the frame
	shared  [2][4]bool // scfsi: groups of scale factors that the second granule has from the first
	granule [2][2]granule
}

// granule is the side information of a granule of one channel.
type granule struct {
	length    int // of the main data, in bits
	bigValues int // pairs
	gain      int // global_gain
	compress  int // scalefac_compress

	blockType    int
	mixed        bool
	tables       [3]int
	subblockGain [3]int
	region       [2]int // where the second and the third region begin, in lines

	preflag   bool
	coarse    bool // scalefac_scale
	quadTable int
}

// sideSize returns the bytes of the side information.
func sideSize(h header.Header) int {
	switch {
	case h.LowRate && h.Channels == 1:
		return 9
	case h.LowRate || h.Channels == 1:
		return 17
	default:
		return 32
	}
}

// readSide reads the side information.
func (d *Decoder) readSide(h header.Header, r *bitReader) error {
	s := &d.side
	*s = sideInfo{}
	if h.LowRate {
		s.begin = r.bits(8)
		r.bits(d.channels) // private
	} else {
		s.begin = r.bits(9)
		r.bits(7 - 2*d.channels) // private
		for c := range d.channels {
			for i := range s.shared[c] {
				s.shared[c][i] = r.bits(1) == 1
			}
		}
	}
	for i := range d.granules {
		for c := range d.channels {
			if err := d.readGranule(h, r, &s.granule[i][c]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Decoder) readGranule(h header.Header, r *bitReader, g *granule) error {
	g.length, g.bigValues, g.gain = r.bits(12), r.bits(9), r.bits(8)
	if 2*g.bigValues > lines {
		return errBigValues
	}
	if h.LowRate {
		g.compress = r.bits(9)
	} else {
		g.compress = r.bits(4)
	}
	if r.bits(1) == 1 { // window_switching_flag
		g.blockType, g.mixed = r.bits(2), r.bits(1) == 1
		if g.blockType == normalBlock {
			return errBlockType
		}
		g.tables[0], g.tables[1] = r.bits(5), r.bits(5)
		for w := range g.subblockGain {
			g.subblockGain[w] = r.bits(3)
		}
		g.region = [2]int{d.lineUp.long[8], lines}
		if g.blockType == shortBlock {
			g.region[0] = 3 * d.lineUp.short[3]
		}
	} else {
		for i := range g.tables {
			g.tables[i] = r.bits(5)
		}
		first := r.bits(4) + 1
		second := first + r.bits(3) + 1
		g.region = [2]int{d.lineUp.long[first], d.lineUp.long[min(second, len(d.lineUp.long)-1)]}
	}
	if !h.LowRate {
		g.preflag = r.bits(1) == 1
	}
	g.coarse, g.quadTable = r.bits(1) == 1, r.bits(1)
	return nil
}

// split returns how many scale factor bands of long blocks there are, and at
// which band of short blocks those begin.
func (g *granule) split(lowRate bool) (long, short int) {
	switch {
	case g.blockType != shortBlock:
		return 22, 13
	case !g.mixed:
		return 0, 0
	case lowRate:
		return 6, 3
	default:
		return 8, 3
	}
}
