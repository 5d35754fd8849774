package nal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

var cases = []struct {
	name    string
	units   [][]byte
	payload []byte
}{
	{"nothing", nil, nil},
	{"one unit", [][]byte{{0x65, 1, 2}}, []byte{0, 0, 0, 3, 0x65, 1, 2}},
	{"three units", [][]byte{{0x67}, {0x68, 9}, {0x65, 0, 0, 3, 1}}, []byte{0, 0, 0, 1, 0x67, 0, 0, 0, 2, 0x68, 9, 0, 0, 0, 5, 0x65, 0, 0, 3, 1}},
}

func TestFramings(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Join(c.units...); !bytes.Equal(got, c.payload) {
				t.Errorf("Join = %x", got)
			}
			if got := slices.Collect(Units(c.payload)); !slices.EqualFunc(got, c.units, bytes.Equal) {
				t.Errorf("Units = %x", got)
			}
			if got := FromAnnexB(AnnexB(c.payload)); !bytes.Equal(got, c.payload) {
				t.Errorf("through Annex B: %x", got)
			}
			for size := 1; size <= 4; size++ {
				var small []byte
				for _, u := range c.units {
					small = append(small, make([]byte, size-1)...)
					small = append(append(small, byte(len(u))), u...)
				}
				if got, err := Resize(small, size); err != nil || !bytes.Equal(got, c.payload) {
					t.Errorf("Resize from %d: %x, %v", size, got, err)
				}
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	for _, c := range cases {
		whole := map[int]bool{0: true}
		n := 0
		for _, u := range c.units {
			n += LengthSize + len(u)
			whole[n] = true
		}
		for n := range c.payload {
			if err := Check(c.payload[:n]); whole[n] != (err == nil) || err != nil && !errors.Is(err, ErrFraming) {
				t.Errorf("%s cut at %d: %v", c.name, n, err)
			}
			if _, err := Resize(c.payload[:n], 4); whole[n] != (err == nil) {
				t.Errorf("%s cut at %d: Resize: %v", c.name, n, err)
			}
		}
	}
}

func TestSplitAnnexB(t *testing.T) {
	for _, c := range []struct {
		stream []byte
		want   [][]byte
	}{
		{nil, nil},
		{[]byte{1, 2, 3}, nil},
		{[]byte{0, 0, 1}, nil},
		{[]byte{9, 0, 0, 1, 5, 0, 0, 0, 1, 6, 0, 0}, [][]byte{{5}, {6}}},
		{[]byte{0, 0, 0, 1, 0, 0, 1, 7, 0, 0, 3, 8}, [][]byte{{7, 0, 0, 3, 8}}},
	} {
		if got := slices.Collect(SplitAnnexB(c.stream)); !slices.EqualFunc(got, c.want, bytes.Equal) {
			t.Errorf("%x: %x, want %x", c.stream, got, c.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	in := []byte{1, 0, 0, 3, 1, 0, 0, 0, 3, 0, 0, 3}
	if got := Unescape(nil, in, 100); !bytes.Equal(got, []byte{1, 0, 0, 1, 0, 0, 0, 0, 0}) {
		t.Errorf("got %x", got)
	}
	if got := Unescape(nil, in, 4); len(got) != 4 {
		t.Errorf("limit not kept: %x", got)
	}
}

func FuzzNAL(f *testing.F) {
	for _, c := range cases {
		f.Add(c.payload, 4)
		f.Add(AnnexB(c.payload), 2)
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		out, err := Resize(b, size)
		if err == nil && Check(out) != nil {
			t.Fatalf("Resize made bad framing: %x", out)
		}
		p := FromAnnexB(b)
		if Check(p) != nil || !bytes.Equal(FromAnnexB(AnnexB(p)), p) {
			t.Fatalf("Annex B does not round-trip: %x", p)
		}
		if n := len(AnnexB(b)); n > len(b) {
			t.Fatalf("%d bytes became %d", len(b), n)
		}
	})
}

func BenchmarkUnits(b *testing.B) {
	p := Join(make([]byte, 20), make([]byte, 5), bytes.Repeat([]byte{7}, 10000))
	b.ReportAllocs()
	total := 0
	for b.Loop() {
		for u := range Units(p) {
			total += len(u)
		}
	}
	if total == 0 {
		b.Fatal("no units")
	}
}

func BenchmarkAnnexB(b *testing.B) {
	p := Join(make([]byte, 20), make([]byte, 5), bytes.Repeat([]byte{7}, 10000))
	b.ReportAllocs()
	for b.Loop() {
		AnnexB(p)
	}
}

func BenchmarkFromAnnexB(b *testing.B) {
	s := AnnexB(Join(bytes.Repeat([]byte{3}, 20), make([]byte, 5), bytes.Repeat([]byte{7}, 10000)))
	b.ReportAllocs()
	for b.Loop() {
		FromAnnexB(s)
	}
}
