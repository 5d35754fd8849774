package dec

import "sluice/server/transcode/aac/tables"

// rootBits is how many bits the first step of a Huffman lookup takes; longer
// codewords need a second step.
const rootBits = 10

// lookup finds the codeword at the top of a bit window. An entry is
//
//	bits 0-4   length of the codeword, 0 if this is a link
//	bits 5-8   number of sign bits that follow the codeword;
//	           link: number of bits that index the second table
//	bits 9-    payload; link: where the second table begins
type lookup []uint32

// find returns the entry of the codeword at the top of w.
func (t lookup) find(w uint64) uint32 {
	e := t[w>>(64-rootBits)]
	if e&31 == 0 {
		e = t[e>>9+uint32(w<<rootBits>>(64-e>>5&15))]
	}
	return e
}

// Payload fields of a spectral entry index the dequantisation tables: the
// magnitude, and above it the sign. Pairs have two fields of 6 bits, quads four of
// 3 bits; the first value is the lowest field.
const (
	pairSign = 1 << 5
	quadSign = 1 << 2
)

var (
	scaleLookup    = newLookup(tables.ScaleFactors, func(symbol int) (uint32, int) { return uint32(symbol), 0 })
	spectralLookup = spectralLookups()
)

func spectralLookups() (t [12]lookup) {
	for i, b := range tables.Spectral {
		if b == nil {
			continue
		}
		t[i] = newLookup(b, func(symbol int) (uint32, int) { return spectralPayload(b, symbol) })
	}
	return t
}

// spectralPayload returns the payload of a symbol and its number of sign bits.
func spectralPayload(b *tables.Book, symbol int) (payload uint32, signs int) {
	width, sign := 6, uint32(pairSign)
	if b.Dim == 4 {
		width, sign = 3, quadSign
	}
	values := b.Values(symbol)
	for i, v := range values[:b.Dim] {
		field := uint32(v)
		if v < 0 {
			field = uint32(-v) | sign
		}
		payload |= field << (i * width)
		if b.Unsigned && v != 0 {
			signs++
		}
	}
	return payload, signs
}

// newLookup builds the tables of a book; payload gives what the entry of a
// symbol carries and how many sign bits follow its codeword.
func newLookup(b *tables.Book, payload func(symbol int) (uint32, int)) lookup {
	var longest [1 << rootBits]int // bits behind the root by root prefix
	for _, c := range b.Codes {
		if extra := int(c.Len) - rootBits; extra > 0 {
			prefix := c.Bits >> extra
			longest[prefix] = max(longest[prefix], extra)
		}
	}
	size := 1 << rootBits
	var links [1 << rootBits]uint32
	for prefix, extra := range longest {
		if extra > 0 {
			links[prefix] = uint32(size)<<9 | uint32(extra)<<5
			size += 1 << extra
		}
	}
	t := make(lookup, size)
	copy(t, links[:])
	for symbol, c := range b.Codes {
		value, signs := payload(symbol)
		entry := value<<9 | uint32(signs)<<5 | uint32(c.Len)
		table, free := t[:1<<rootBits], rootBits-int(c.Len)
		first := int(c.Bits)
		if free < 0 {
			link := t[c.Bits>>-free]
			extra := int(link >> 5 & 15)
			table = t[link>>9:][:1<<extra]
			first = int(c.Bits) & (1<<-free - 1)
			free += extra
		}
		first <<= free
		for i := range 1 << free {
			table[first+i] = entry
		}
	}
	return t
}
