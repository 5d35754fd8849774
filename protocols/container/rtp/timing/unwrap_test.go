package timing

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestUnwrap(t *testing.T) {
	var u Unwrapper
	for i, c := range []struct {
		ts   uint32
		want int64
	}{
		{0xfffffff0, 0xfffffff0},
		{0x10, 0x100000010},
		{0xffffffff, 0xffffffff}, // back over the wrap
		{0x20, 0x100000020},
		{0x80000010, 0x180000010},
		{0xffffffff, 0x1ffffffff},
		{0, 0x200000000},
	} {
		if got := u.Unwrap(c.ts); got != c.want {
			t.Errorf("step %d: %#x, want %#x", i, got, c.want)
		}
	}
}

func TestUnwrapRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var u Unwrapper
	v := int64(rnd.Uint32())
	u.Unwrap(uint32(v))
	for range 100000 {
		v += rnd.Int64N(1<<32-1) - (1<<31 - 1)
		if v < 0 {
			v += 1 << 31
			u = Unwrapper{last: v, started: true}
		}
		if got := u.Unwrap(uint32(v)); got != v {
			t.Fatalf("%#x, want %#x", got, v)
		}
	}
}

func TestNTP(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want uint64
	}{
		{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(1970, 1, 1, 0, 0, 0, 5e8, time.UTC), 2208988800<<32 | 1<<31},
		{time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC), 0}, // the wrap
	} {
		if got := NTP(c.t); got != c.want {
			t.Errorf("NTP(%v) = %#x, want %#x", c.t, got, c.want)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	at := time.Date(2036, 2, 7, 6, 0, 0, 0, time.UTC)
	for range 10000 {
		d := time.Duration(rnd.Int64N(int64(48*time.Hour))) - 24*time.Hour
		if diff := ntpBetween(NTP(at), NTP(at.Add(d))) - d; diff > 1 || diff < -1 {
			t.Fatalf("%v is off by %d ns", d, diff)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	// The example of RFC 3550 6.4.1.
	got, ok := RoundTrip(0xb44db705<<32>>16|0xb710<<32|0x8000, 0, 0)
	if ok {
		t.Errorf("without a sender report: %v", got)
	}
	now := uint64(0xb7108000) << 16
	got, ok = RoundTrip(now, 0xb7052000, 0x00054000)
	if want := 6125 * time.Millisecond; !ok || got != want {
		t.Errorf("%v, %v, want %v", got, ok, want)
	}
	if got, ok = RoundTrip(now, 0xb7108000, 1); ok {
		t.Errorf("from the future: %v", got)
	}
}
