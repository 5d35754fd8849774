package mpa

import "math"

// maxScale is how many scale factors a granule has at most, with those of the
// last band, which are never sent.
const maxScale = 40

// spectrum is the lines of a granule of one channel on their way from the main
// data to the subbands.
type spectrum struct {
	scale   [maxScale]int
	nowhere [maxScale]bool // the scale factor is none of the positions of intensity stereo
	x       [lines]float32
	end     int // lines from here on are 0
	parts   [39]part
	count   int // of parts
	sorted  [lines]float32
}

// part is a scale factor band, of one window where blocks are short.
type part struct {
	from, to int // lines
	window   int // of a short block, longPart for others
	scale    int // index of its scale factor
}

const longPart = 3

// largest is the largest quantised value: 15 and 13 bits more.
const largest = 15 + 1<<13 - 1

// powers are the powers of 4/3 of the quantised values.
var powers = func() (p [largest + 1]float32) {
	for i := range p {
		p[i] = float32(math.Pow(float64(i), 4.0/3))
	}
	return p
}()

// signed returns the value that the bit at the top of w gives its sign, and
// the bits after that.
func signed(value int, w uint64) (float32, uint64) {
	if value == 0 {
		return 0, w
	}
	if w>>63 == 1 {
		return -powers[value], w << 1
	}
	return powers[value], w << 1
}

// readLines reads the Huffman-coded values, up to end (2.4.1.7, 2.4.2.7).
func (s *spectrum) readLines(r *bitReader, g *granule, end int) {
	at, big := 0, 2*g.bigValues
	for i, limit := range [...]int{g.region[0], g.region[1], lines} {
		limit = min(limit, big)
		if book := bookOf(g.tables[i]); book != nil {
			at = s.readPairs(r, book, linBits[g.tables[i]], at, limit, end)
		}
		for ; at < limit; at++ {
			s.x[at] = 0
		}
	}
	quads := quadLookups[g.quadTable]
	for at+4 <= lines && r.pos < end {
		w := r.window()
		values, n := quads.find(w)
		w <<= n
		bits := n
		for k := range 4 {
			v := values >> (3 - k) & 1
			s.x[at+k], w = signed(v, w)
			bits += v
		}
		if r.pos += bits; r.pos > end {
			break
		}
		at += 4
	}
	s.end = at
	clear(s.x[at:])
}

// readPairs reads the lines from at to limit and returns how far it came.
func (s *spectrum) readPairs(r *bitReader, book lookup, lin, at, limit, end int) int {
	for ; at < limit && r.pos < end; at += 2 {
		w := r.window() // a pair has 47 bits at most
		values, n := book.find(w)
		w <<= n
		for k, v := range [2]int{values >> 4, values & 15} {
			if v == 15 && lin > 0 {
				v += int(w >> (64 - lin)) //nolint:gosec // 13 bits
				w <<= lin
				n += lin
			}
			s.x[at+k], w = signed(v, w)
			n += min(v, 1)
		}
		r.pos += n
	}
	return at
}

// preemphasis is what preflag adds to the scale factors (Table 3-B.6).
var preemphasis = [22]int{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2}

// divide lists the parts of a granule.
func (s *spectrum) divide(g *granule, b *bands, lowRate bool) {
	long, short := g.split(lowRate)
	s.count = 0
	for i := range long {
		s.parts[s.count] = part{b.long[i], b.long[i+1], longPart, i}
		s.count++
	}
	at := b.long[long]
	for i := short; i < len(b.short)-1; i++ {
		width := b.short[i+1] - b.short[i]
		for w := range 3 {
			s.parts[s.count] = part{at, at + width, w, s.count}
			at += width
			s.count++
		}
	}
}

// scaleLines gives the lines their size (2.4.3.4).
func (s *spectrum) scaleLines(g *granule, b *bands, lowRate bool) {
	s.divide(g, b, lowRate)
	step := 2
	if g.coarse {
		step = 4
	}
	for _, p := range s.parts[:s.count] {
		if p.from >= s.end {
			break
		}
		scale := s.scale[p.scale]
		quarters := g.gain - 210
		if p.window != longPart {
			quarters -= 8 * g.subblockGain[p.window]
		} else if g.preflag {
			scale += preemphasis[p.scale]
		}
		gain := float32(math.Exp2(float64(quarters-step*scale) / 4))
		for i := p.from; i < p.to; i++ {
			s.x[i] *= gain
		}
	}
}
