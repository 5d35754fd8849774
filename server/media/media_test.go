package media

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestClockRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int{90000, 48000, 44100, 1000} {
		values := []int64{0, 1, -1, 1<<32 - 1, 1 << 32, 1<<33 - 1, -(1 << 33), int64(rate) * 86400 * 365}
		for range 100000 {
			values = append(values, rnd.Int64N(1<<40)-1<<39)
		}
		for _, v := range values {
			if got := ToClock(FromClock(v, rate), rate); got != v {
				t.Fatalf("rate %d: %d came back as %d", rate, v, got)
			}
		}
	}
}

func TestClockRounds(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		rate int
		want int64
	}{
		{time.Second, 90000, 90000},
		{1499 * time.Microsecond, 1000, 1},
		{1500 * time.Microsecond, 1000, 2},
		{-1500 * time.Microsecond, 1000, -2},
		{33333333 * time.Nanosecond, 90000, 3000},
		{100 * 365 * 24 * time.Hour, 90000, 100 * 365 * 24 * 3600 * 90000},
	} {
		if got := ToClock(c.d, c.rate); got != c.want {
			t.Errorf("ToClock(%v, %d) = %d, want %d", c.d, c.rate, got, c.want)
		}
	}
}

func TestEveryCodecHasANameAndAKind(t *testing.T) {
	for c := H264; c <= Script; c++ {
		if c.String() == "" || c.Kind() == KindUnknown {
			t.Errorf("codec %d: name %q, kind %v", c, c, c.Kind())
		}
	}
	if got := Codec(200).String(); got != "codec(200)" {
		t.Errorf("unknown codec prints %q", got)
	}
}

func TestTracks(t *testing.T) {
	v, a := &Track{Codec: H264}, &Track{Codec: AAC, SampleRate: 48000, Channels: 2}
	ts := Tracks{}.With(a).With(v)
	if got := ts.Media(); len(got) != 2 || got[0] != v || got[1] != a {
		t.Fatalf("Media() = %v", got)
	}
	if ts.Get(Video) != v || ts.Get(Audio) != a || ts.Get(Data) != nil {
		t.Error("Get does not return what With put")
	}
	if ts = ts.Without(Video); ts.Video != nil || ts.Audio != a {
		t.Error("Without took the wrong track")
	}
	if !a.Same(&Track{Codec: AAC, SampleRate: 48000, Channels: 2}) || a.Same(v) || a.Same(nil) {
		t.Error("Same is wrong")
	}
}
