package tables

import "testing"

func TestBooksAreCompletePrefixCodes(t *testing.T) {
	books := map[int]*Book{0: ScaleFactors}
	for i := 1; i < len(Spectral); i++ {
		books[i] = Spectral[i]
	}
	for number, b := range books {
		size := 1
		for range b.Dim {
			size *= b.Mod
		}
		if len(b.Codes) != size {
			t.Errorf("book %d: %d codewords for %d tuples", number, len(b.Codes), size)
		}
		const maxLen = 19
		kraft := 0 // in units of 2^-maxLen
		for i, c := range b.Codes {
			if c.Len < 1 || c.Len > maxLen || c.Bits>>c.Len != 0 {
				t.Fatalf("book %d, symbol %d: codeword %#x of %d bits", number, i, c.Bits, c.Len)
			}
			kraft += 1 << (maxLen - c.Len)
			for j, d := range b.Codes[:i] {
				if n := min(c.Len, d.Len); c.Bits>>(c.Len-n) == d.Bits>>(d.Len-n) {
					t.Fatalf("book %d: the codewords of %d and %d share a prefix", number, i, j)
				}
			}
		}
		if kraft != 1<<maxLen {
			t.Errorf("book %d: Kraft sum %d/%d", number, kraft, 1<<maxLen)
		}
	}
}

// TestKnownCodewords pins single codewords of each book, as printed in ISO/IEC
// 14496-3 annex 4.A, so that a slip in the canonical form cannot pass.
func TestKnownCodewords(t *testing.T) {
	for _, c := range []struct {
		book   *Book
		symbol int
		want   Code
	}{
		{ScaleFactors, 60, Code{0, 1}},
		{ScaleFactors, 0, Code{0x3ffe8, 18}},
		{ScaleFactors, 120, Code{0x7fff3, 19}},
		{Spectral[1], 0, Code{0x7f8, 11}},
		{Spectral[1], 40, Code{0, 1}},
		{Spectral[2], 80, Code{0x1f6, 9}},
		{Spectral[3], 62, Code{0xffff, 16}},
		{Spectral[4], 62, Code{0xfff, 12}},
		{Spectral[5], 0, Code{0x1fff, 13}},
		{Spectral[6], 80, Code{0x7fc, 11}},
		{Spectral[7], 63, Code{0xfff, 12}},
		{Spectral[8], 0, Code{0x00e, 5}},
		{Spectral[9], 13, Code{0x0004, 3}},
		{Spectral[10], 0, Code{0x022, 6}},
		{Spectral[11], 0, Code{0, 4}},
	} {
		if got := c.book.Codes[c.symbol]; got != c.want {
			t.Errorf("mod %d, symbol %d: %#x of %d bits, want %#x of %d",
				c.book.Mod, c.symbol, got.Bits, got.Len, c.want.Bits, c.want.Len)
		}
	}
}

func TestValuesInvertTheNumbering(t *testing.T) {
	for number, b := range Spectral[1:] {
		for symbol := range b.Codes {
			v := b.Values(symbol)
			back := 0
			for i := range b.Dim {
				if m := max(v[i], -v[i]); int(m) > b.Max || b.Unsigned && v[i] < 0 {
					t.Fatalf("book %d, symbol %d: value %d", number+1, symbol, v[i])
				}
				back = back*b.Mod + int(v[i]) + b.Offset
			}
			if back != symbol {
				t.Fatalf("book %d: symbol %d gives %v, which is symbol %d", number+1, symbol, v, back)
			}
		}
	}
}

func TestBands(t *testing.T) {
	for i := range sampleRates {
		checkBands(t, LongBands(i), FrameLen, TNSMaxBands(i, false))
		checkBands(t, ShortBands(i), ShortLen, TNSMaxBands(i, true))
	}
}

func checkBands(t *testing.T, bands []uint16, end, tnsMax int) {
	t.Helper()
	if n := len(bands) - 1; n > MaxBands || tnsMax > n {
		t.Errorf("%d bands, TNS up to %d", n, tnsMax)
	}
	if bands[0] != 0 || int(bands[len(bands)-1]) != end {
		t.Errorf("bands run from %d to %d, want 0 to %d", bands[0], bands[len(bands)-1], end)
	}
	for i, from := range bands[:len(bands)-1] {
		if width := int(bands[i+1]) - int(from); width < 4 || width%4 != 0 {
			t.Errorf("band %d is %d coefficients wide", i, width)
		}
	}
}

func TestRates(t *testing.T) {
	for i := range 12 {
		if rate := SampleRate(i); rate == 0 || RateIndex(rate) != i {
			t.Errorf("index %d: rate %d, index %d", i, rate, RateIndex(rate))
		}
	}
	for _, c := range []struct{ rate, index int }{{200000, 0}, {50000, 3}, {46008, 4}, {7350, 11}, {1, 11}, {-1, 11}} {
		if got := RateIndex(c.rate); got != c.index {
			t.Errorf("RateIndex(%d) = %d, want %d", c.rate, got, c.index)
		}
	}
	if SampleRate(13) != 0 || SampleRate(15) != 0 || SampleRate(-1) != 0 || SampleRate(12) != 7350 {
		t.Error("SampleRate does not refuse reserved indexes")
	}
}
