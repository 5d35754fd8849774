package enc

import (
	"math/bits"

	"sluice/server/transcode/aac/tables"
)

// write appends the element (ISO/IEC 14496-3 4.4.2.1).
func (el *element) write(w *bitWriter, s *search) {
	w.put(el.id, 3)
	w.put(el.tag, 4)
	if el.id == idPair {
		w.flag(true) // common_window
		el.layout.write(w)
		el.writeMidSide(w)
	}
	for _, c := range el.channels {
		c.quantise(&el.layout)
		s.books.run(c, &el.layout)
		gain := c.firstScale(&el.layout)
		w.put(uint32(gain), 8) // global_gain
		if el.id != idPair {
			el.layout.write(w)
		}
		c.writeSections(w, sectionHeader(el.layout.short()))
		c.writeScales(w, gain)
		w.put(0, 3) // no pulse data, no temporal noise shaping, no gain control
		for _, s := range c.sections {
			if s.book != tables.ZeroBook {
				c.writeValues(w, tables.Spectral[s.book], el.layout.start[s.from], el.layout.start[s.to])
			}
		}
	}
}

// quantise sets the values of the bands as decided.
func (c *channel) quantise(l *layout) {
	for b := range l.bands {
		n := &c.bands[b]
		lo, hi := l.start[b], l.start[b+1]
		if !n.coded {
			clear(c.quantised[lo:hi])
			n.top = 0
			continue
		}
		n.top = quantise(c.quantised[lo:hi], c.power[lo:hi], n.scale)
	}
}

// write appends ics_info (ISO/IEC 14496-3 Table 4.6).
func (l *layout) write(w *bitWriter) {
	w.put(0, 1)
	w.put(uint32(l.sequence), 2)
	w.put(1, 1) // window_shape: Kaiser-Bessel derived
	if !l.short() {
		w.put(uint32(l.perGroup), 6)
		w.put(0, 1) // predictor_data_present
		return
	}
	w.put(uint32(l.perGroup), 4)
	for g, n := range l.windows[:l.groups] {
		if g > 0 {
			w.put(0, 1)
		}
		w.put(1<<(n-1)-1, uint(n-1))
	}
}

// writeMidSide appends ms_mask_present and ms_used.
func (el *element) writeMidSide(w *bitWriter) {
	used := el.midSide[:el.layout.bands]
	n := 0
	for _, u := range used {
		if u {
			n++
		}
	}
	switch n {
	case 0:
		w.put(0, 2)
	case len(used):
		w.put(2, 2)
	default:
		w.put(1, 2)
		for _, u := range used {
			w.flag(u)
		}
	}
}

// firstScale returns the first scale factor, to which the first difference is
// zero; any value does for a channel without one.
func (c *channel) firstScale(l *layout) int {
	for b := range c.bands[:l.bands] {
		if c.bands[b].coded {
			return c.bands[b].scale
		}
	}
	return scaleUnit
}

// writeSections appends section_data (ISO/IEC 14496-3 Table 4.52).
func (c *channel) writeSections(w *bitWriter, lengthBits uint) {
	more := 1<<lengthBits - 1
	for _, s := range c.sections {
		w.put(uint32(s.book), 4)
		n := s.to - s.from
		for ; n >= more; n -= more {
			w.put(uint32(more), lengthBits)
		}
		w.put(uint32(n), lengthBits)
	}
}

// writeScales appends scale_factor_data (ISO/IEC 14496-3 Table 4.53). Bands
// without values in a section that has a codebook repeat the last scale factor.
func (c *channel) writeScales(w *bitWriter, last int) {
	for _, s := range c.sections {
		if s.book == tables.ZeroBook {
			continue
		}
		for b := s.from; b < s.to; b++ {
			next := last
			if c.bands[b].coded {
				next = c.bands[b].scale
			}
			w.code(tables.ScaleFactors.Codes[next-last+maxDelta])
			last = next
		}
	}
}

// writeValues appends the codewords of coefficients lo to hi (ISO/IEC 14496-3
// 4.6.3.3).
func (c *channel) writeValues(w *bitWriter, book *tables.Book, lo, hi int) {
	for i := lo; i < hi; i += book.Dim {
		symbol := 0
		signs, count := uint32(0), uint(0)
		for j := i; j < i+book.Dim; j++ {
			q, negative := int(c.quantised[j]), c.spectrum[j] < 0
			switch {
			case !book.Unsigned && negative:
				q = -q
			case book.Unsigned && q > 0:
				q = min(q, book.Max)
				signs <<= 1
				if negative {
					signs |= 1
				}
				count++
			}
			symbol = symbol*book.Mod + q + book.Offset
		}
		w.code(book.Codes[symbol])
		w.put(signs, count)
		if book.Max == escape {
			w.escape(c.quantised[i])
			w.escape(c.quantised[i+1])
		}
	}
}

// code appends a codeword.
func (w *bitWriter) code(c tables.Code) { w.put(c.Bits, uint(c.Len)) }

// escape appends the escape sequence of a magnitude that has one.
func (w *bitWriter) escape(q int32) {
	if q < escape {
		return
	}
	n := uint(bits.Len32(uint32(q)) - 5)
	w.put(1<<(n+1)-2, n+1)
	w.put(uint32(q), n+4)
}
