package tables

// Code is one codeword: the Len low bits of Bits, most significant bit first.
type Code struct {
	Bits uint32
	Len  uint8
}

// Book is one Huffman codebook. Its symbols number the tuples of Dim values:
// the symbol of (v0, v1, ...) is ((v0+Offset)*Mod + v1+Offset)*Mod + ...
// (ISO/IEC 14496-3 4.6.3.3).
type Book struct {
	// Dim is the number of values that one codeword stands for: 4 or 2 for
	// spectral books, 1 for scale factors.
	Dim int
	// Mod and Offset number the tuples.
	Mod, Offset int
	// Unsigned books code magnitudes: the sign of each non-zero value of the
	// tuple follows the codeword as one bit, 1 for negative.
	Unsigned bool
	// Max is the largest magnitude in the book. In the escape book a value of
	// Max says that an escape sequence follows, after the sign bits.
	Max int
	// Codes holds the codeword of each symbol.
	Codes []Code
}

// Values returns the tuple of a symbol of a spectral book; the first Dim
// entries have a meaning.
func (b *Book) Values(symbol int) (v [4]int8) {
	for i := b.Dim - 1; i >= 0; i-- {
		v[i] = int8(symbol%b.Mod - b.Offset)
		symbol /= b.Mod
	}
	return v
}

// ScaleFactors is the codebook of differences between scale factors: the
// symbol is the difference plus 60 (ISO/IEC 14496-3 Table 4.A.1).
var ScaleFactors = &Book{Dim: 1, Mod: 121, Offset: 60, Max: 60, Codes: scaleFactorBook.codes()}

// Spectral holds the codebooks of quantised coefficients by number, 1 to 11;
// entry 0 is nil (ISO/IEC 14496-3 Tables 4.A.2 to 4.A.12).
var Spectral = [12]*Book{
	1:  {Dim: 4, Mod: 3, Offset: 1, Max: 1, Codes: spectralBooks[1].codes()},
	2:  {Dim: 4, Mod: 3, Offset: 1, Max: 1, Codes: spectralBooks[2].codes()},
	3:  {Dim: 4, Mod: 3, Unsigned: true, Max: 2, Codes: spectralBooks[3].codes()},
	4:  {Dim: 4, Mod: 3, Unsigned: true, Max: 2, Codes: spectralBooks[4].codes()},
	5:  {Dim: 2, Mod: 9, Offset: 4, Max: 4, Codes: spectralBooks[5].codes()},
	6:  {Dim: 2, Mod: 9, Offset: 4, Max: 4, Codes: spectralBooks[6].codes()},
	7:  {Dim: 2, Mod: 8, Unsigned: true, Max: 7, Codes: spectralBooks[7].codes()},
	8:  {Dim: 2, Mod: 8, Unsigned: true, Max: 7, Codes: spectralBooks[8].codes()},
	9:  {Dim: 2, Mod: 13, Unsigned: true, Max: 12, Codes: spectralBooks[9].codes()},
	10: {Dim: 2, Mod: 13, Unsigned: true, Max: 12, Codes: spectralBooks[10].codes()},
	11: {Dim: 2, Mod: 17, Unsigned: true, Max: 16, Codes: spectralBooks[11].codes()},
}

// canonical is a Huffman code as its shape: how many codewords there are of
// each length, from 1 bit on, and the symbols in the order of their
// codewords. Every AAC codebook is canonical, so this says all of it.
type canonical struct {
	counts  []int
	symbols []uint16
}

// codes returns the codeword of each symbol.
func (c canonical) codes() []Code {
	out := make([]Code, len(c.symbols))
	next, word := 0, uint32(0)
	for i, count := range c.counts {
		for range count {
			out[c.symbols[next]] = Code{Bits: word, Len: uint8(i + 1)}
			next++
			word++
		}
		word <<= 1
	}
	return out
}
