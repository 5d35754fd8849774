package enc

import "sluice/server/transcode/aac/tables"

// books is the number of codebooks that the encoder uses, with the zero book.
const books = tables.EscapeBook + 1

// section is a run of bands of one group with the same codebook.
type section struct {
	book     int
	from, to int // bands
}

// bookSearch finds the cheapest sections: the state is a band's codebook.
type bookSearch struct {
	cost [2][books]float32
	came [maxBands][books]int8 // codebook of the band before
}

// sectionHeader returns how many bits of a section's length there are at a
// time (ISO/IEC 14496-3 Table 4.52); all ones say that more follow.
func sectionHeader(short bool) (lengthBits uint) {
	if short {
		return 3
	}
	return 5
}

// run splits the bands of c into sections by the values that they are
// quantised to.
func (s *bookSearch) run(c *channel, l *layout) {
	const bookNumber = 4
	header := float32(bookNumber + sectionHeader(l.short()))
	c.sections = c.sections[:0]
	for first := 0; first < l.bands; first += l.perGroup {
		cur, next := &s.cost[0], &s.cost[1]
		for k := range cur {
			cur[k] = infinite
		}
		best, bestBook := float32(0), 0
		for b := first; b < first+l.perGroup; b++ {
			c.bookCosts(b, l, next)
			start, startBook := best+header, bestBook
			best = infinite
			for k := range next {
				stay, from := cur[k], k
				if start < stay {
					stay, from = start, startBook
				}
				s.came[b][k] = int8(from)
				next[k] += stay
				if next[k] < best {
					best, bestBook = next[k], k
				}
			}
			cur, next = next, cur
		}
		for b := first + l.perGroup - 1; b >= first; b-- {
			c.bands[b].book = bestBook
			bestBook = int(s.came[b][bestBook])
		}
		c.join(first, first+l.perGroup)
	}
}

// bookCosts sets the bits of a band in every codebook. A band without values
// has no scale factor in the zero book and a difference of zero, one bit, in
// any other.
func (c *channel) bookCosts(b int, l *layout, cost *[books]float32) {
	for k := range cost {
		cost[k] = infinite
	}
	n := &c.bands[b]
	class, extra := bookClass(n.top), float32(0)
	if class == tables.ZeroBook {
		cost[tables.ZeroBook] = 0
		class, extra = 1, deltaBits[maxDelta]
	}
	q := c.quantised[l.start[b]:l.start[b+1]]
	for ; class <= tables.EscapeBook; class += 2 {
		bits := bookBits(q, class)
		cost[class] = float32(bits&0xffff) + extra
		if class < tables.EscapeBook {
			cost[class+1] = float32(bits>>16) + extra
		}
	}
}

// join appends the sections of bands first to end by their books.
func (c *channel) join(first, end int) {
	for b := first; b < end; b++ {
		if book := c.bands[b].book; b > first && book == c.bands[b-1].book {
			c.sections[len(c.sections)-1].to = b + 1
		} else {
			c.sections = append(c.sections, section{book: book, from: b, to: b + 1})
		}
	}
}
