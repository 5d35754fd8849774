package mpa

import "strconv"

// rootBits is how many bits the first step of a lookup takes; longer codewords
// need a second step.
const rootBits = 9

// lookup finds the codeword at the top of a bit window. An entry is
//
//	bits 0-4  length of the codeword, 0 if this is a link
//	bits 5-   the codeword's values; link: where the second table begins,
//	          above 4 bits for the number of bits that index it
type lookup []uint32

// find returns the values of the codeword at the top of w, and its length.
func (t lookup) find(w uint64) (values, length int) {
	e := t[w>>(64-rootBits)]
	if e&31 == 0 {
		e = t[e>>9+uint32(w<<rootBits>>(64-e>>5&15))] //nolint:gosec // at most 15 bits
	}
	return int(e >> 5), int(e & 31)
}

var (
	bookLookups = lookups(bookTrees[:])
	quadLookups = lookups(quadTrees[:])
)

func lookups(trees []string) []lookup {
	list := make([]lookup, len(trees))
	for i, tree := range trees {
		if tree != "" {
			list[i] = newLookup(codesOf(tree))
		}
	}
	return list
}

// bookOf returns the lookup of a table, nil for one whose values are all 0.
func bookOf(table int) lookup {
	switch {
	case table >= 24:
		table = 24
	case table >= 16:
		table = 16
	}
	return bookLookups[table]
}

// code is a codeword: the length low bits of word.
type code struct {
	word, length, values uint32
}

// codesOf reads a tree.
func codesOf(tree string) (list []code) {
	type fork struct{ word, length uint32 }
	open := []fork{{}} // branches to come, the next one last
	for at := 0; len(open) > 0; {
		f := open[len(open)-1]
		open = open[:len(open)-1]
		if tree[at] == '.' {
			open = append(open, fork{f.word<<1 | 1, f.length + 1}, fork{f.word << 1, f.length + 1})
			at++
			continue
		}
		values, _ := strconv.ParseUint(tree[at:at+2], 16, 8)
		list = append(list, code{f.word, f.length, uint32(values)})
		at += 2
	}
	return list
}

func newLookup(codes []code) lookup {
	var longest [1 << rootBits]uint32 // bits behind the root by root prefix
	for _, c := range codes {
		if c.length > rootBits {
			prefix := c.word >> (c.length - rootBits)
			longest[prefix] = max(longest[prefix], c.length-rootBits)
		}
	}
	size := 1 << rootBits
	var links [1 << rootBits]uint32
	for prefix, extra := range longest {
		if extra > 0 {
			links[prefix] = uint32(size)<<9 | extra<<5 //nolint:gosec // some hundreds
			size += 1 << extra
		}
	}
	t := make(lookup, size)
	copy(t, links[:])
	for _, c := range codes {
		table, free := t[:1<<rootBits], rootBits-int(c.length)
		first := c.word
		if free < 0 {
			link := t[c.word>>-free]
			extra := link >> 5 & 15
			table, first = t[link>>9:], c.word&(1<<-free-1)
			free += int(extra)
		}
		for i := range uint32(1) << free {
			table[first<<free+i] = c.values<<5 | c.length
		}
	}
	return t
}
