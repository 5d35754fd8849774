package pcm

import (
	"math"
	"testing"
)

func TestInt16(t *testing.T) {
	for i := -32768; i <= 32767; i++ {
		if got := Int16(Float(int16(i))); int(got) != i {
			t.Fatalf("%d comes back as %d", i, got)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		x    float32
		want int16
	}{{1, 32767}, {2, 32767}, {inf, 32767}, {-1, -32768}, {-2, -32768}, {-inf, -32768}, {nan, 0}, {1.4 / 32768, 1}, {-1.6 / 32768, -2}} {
		if got := Int16(c.x); got != c.want {
			t.Errorf("Int16(%v) = %d, want %d", c.x, got, c.want)
		}
	}
}

func TestFromL16(t *testing.T) {
	got := FromL16([]byte{0x40, 0, 0x80, 0, 1}, nil)
	if len(got) != 2 || got[0] != 0.5 || got[1] != -1 {
		t.Errorf("got %v", got)
	}
}
