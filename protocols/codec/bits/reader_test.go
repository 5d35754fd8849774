package bits

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	type field struct {
		v uint32
		n int
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	var fields []field
	w := NewWriter(nil)
	for range 10000 {
		n := rnd.IntN(33)
		v := uint32(rnd.Uint64() & (1<<n - 1))
		if rnd.IntN(2) == 0 {
			n, v = -1, v>>rnd.IntN(32)&0x7fffffff
			w.UE(v)
		} else {
			w.Uint(v, n)
		}
		fields = append(fields, field{v, n})
	}
	r := NewReader(w.Bytes())
	for i, f := range fields {
		var got uint32
		if f.n < 0 {
			got = r.UE()
		} else {
			got = r.Uint(f.n)
		}
		if got != f.v {
			t.Fatalf("field %d (%d bits): got %d, want %d", i, f.n, got, f.v)
		}
	}
	if r.Err() != nil || r.Left() >= 8 {
		t.Errorf("err %v, %d bits left", r.Err(), r.Left())
	}
}

func TestReadingPastTheEnd(t *testing.T) {
	r := NewReader([]byte{0, 0})
	if r.UE() != 0 || r.Err() == nil {
		t.Error("a code without an end is not an error")
	}
	r = NewReader([]byte{0xff})
	if r.Skip(9); r.Err() == nil || r.Left() != 0 {
		t.Error("skipping past the end is not an error")
	}
	r = NewReader([]byte{0xff})
	if r.Uint(9) != 0 || r.Err() == nil {
		t.Error("reading past the end is not an error")
	}
}

func TestSigned(t *testing.T) {
	w := NewWriter(nil)
	for v := range uint32(5) {
		w.UE(v)
	}
	r := NewReader(w.Bytes())
	for _, want := range []int32{0, 1, -1, 2, -2} {
		if got := r.SE(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

// TestAppendBytes reads bytes at each place in a byte, and past the end.
func TestAppendBytes(t *testing.T) {
	for shift := range 8 {
		w := NewWriter(nil)
		w.Uint(0, shift)
		for _, b := range []byte{1, 0xfe, 3} {
			w.Uint(uint32(b), 8)
		}
		r := NewReader(w.Bytes())
		r.Skip(shift)
		if got := r.AppendBytes([]byte{9}, 2); string(got) != "\x09\x01\xfe" || r.Uint(8) != 3 || r.Err() != nil {
			t.Errorf("%d bits in: % x, %v", shift, got, r.Err())
		}
		if got := r.AppendBytes(nil, 1); len(got) != 0 || r.Err() == nil {
			t.Errorf("%d bits in: % x past the end", shift, got)
		}
	}
}

func TestInt(t *testing.T) {
	r := NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0x80})
	if a, b := r.Int(32), r.Int(1); a != math.MaxInt32 || b != 1 {
		t.Errorf("%d, %d", a, b)
	}
}
