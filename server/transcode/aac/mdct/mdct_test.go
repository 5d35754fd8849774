package mdct

import (
	"math"
	"math/rand/v2"
	"testing"
)

var sizes = []int{16, 32, 64, 128, 256, 2048}

func noise(n int) []float32 {
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rnd.Float64()*2 - 1)
	}
	return x
}

// kernel is the cosine of the definition.
func kernel(n, i, k int) float64 {
	return math.Cos(2 * math.Pi / float64(n) * (float64(i) + float64(n)/4 + 0.5) * (float64(k) + 0.5))
}

// snr returns the signal-to-noise ratio of got in dB.
func snr(got []float32, want []float64) float64 {
	var signal, diff float64
	for i, w := range want {
		signal += w * w
		diff += (w - float64(got[i])) * (w - float64(got[i]))
	}
	return 10 * math.Log10(signal/diff)
}

func TestForwardIsTheDefinition(t *testing.T) {
	for _, n := range sizes {
		src, got, want := noise(n), make([]float32, n/2), make([]float64, n/2)
		for k := range want {
			for i, v := range src {
				want[k] += 2 * float64(v) * kernel(n, i, k)
			}
		}
		New(n).Forward(got, src)
		if db := snr(got, want); db < 130 {
			t.Errorf("%d samples: %.1f dB", n, db)
		}
	}
}

func TestInverseIsTheDefinition(t *testing.T) {
	for _, n := range sizes {
		src, got, want := noise(n/2), make([]float32, n), make([]float64, n)
		for i := range want {
			for k, v := range src {
				want[i] += 2 / float64(n) * float64(v) * kernel(n, i, k)
			}
		}
		New(n).Inverse(got, src)
		if db := snr(got, want); db < 130 {
			t.Errorf("%d samples: %.1f dB", n, db)
		}
	}
}

// TestReconstruction overlaps the inverses of windowed blocks, the window
// shape changing at every block as AAC allows.
func TestReconstruction(t *testing.T) {
	for _, n := range sizes {
		m := n / 2
		slopes := [][]float32{Sine(n), KBD(n, 4)}
		tr := New(n)
		src := noise(16 * m)
		got := make([]float32, len(src))
		block, coefs := make([]float32, n), make([]float32, m)
		for b := 0; b+2 <= 16; b++ {
			rise, fall := slopes[b%2], slopes[(b+1)%2]
			window := func() {
				for i := range m {
					block[i] *= rise[i]
					block[n-1-i] *= fall[i]
				}
			}
			copy(block, src[b*m:])
			window()
			tr.Forward(coefs, block)
			tr.Inverse(block, coefs)
			window()
			for i, v := range block {
				got[b*m+i] += v
			}
		}
		want := make([]float64, 14*m)
		for i := range want {
			want[i] = float64(src[m+i])
		}
		if db := snr(got[m:15*m], want); db < 125 {
			t.Errorf("%d samples: %.1f dB", n, db)
		}
	}
}

func TestWindowsArePowerComplementary(t *testing.T) {
	for name, w := range map[string][]float32{
		"sine 2048": Sine(2048), "sine 256": Sine(256), "KBD 2048": KBD(2048, 4), "KBD 256": KBD(256, 6),
	} {
		for i, v := range w {
			u := w[len(w)-1-i]
			if sum := float64(v)*float64(v) + float64(u)*float64(u); math.Abs(sum-1) > 1e-6 {
				t.Fatalf("%s: the squares at %d add up to %v", name, i, sum)
			}
			if i > 0 && v < w[i-1] {
				t.Fatalf("%s: falls at %d", name, i)
			}
		}
	}
}

func TestNewRefusesOtherSizes(t *testing.T) {
	for _, n := range []int{-2048, 0, 8, 24, 1920} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%d) gave a transform", n)
				}
			}()
			New(n)
		}()
	}
}

func BenchmarkForward2048(b *testing.B) { benchmark(b, 2048, (*Transform).Forward, 1024) }
func BenchmarkInverse2048(b *testing.B) { benchmark(b, 2048, (*Transform).Inverse, 2048) }
func BenchmarkInverse256(b *testing.B)  { benchmark(b, 256, (*Transform).Inverse, 256) }

func benchmark(b *testing.B, n int, f func(t *Transform, dst, src []float32), out int) {
	b.ReportAllocs()
	t, src, dst := New(n), noise(n), make([]float32, out)
	for b.Loop() {
		f(t, dst, src)
	}
}
