package enc

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/server/transcode/aac/tables"
)

// TestBookBits writes values in every codebook that holds them and counts the
// bits.
func TestBookBits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	for _, top := range []int32{1, 2, 4, 7, 12, 15, 16, 17, 31, 32, 1000, maxQuant} {
		for class := bookClass(top); class <= tables.EscapeBook; class += 2 {
			for book := class; book <= min(class+1, tables.EscapeBook); book++ {
				c := new(channel)
				q := c.quantised[:32]
				for i := range q {
					q[i] = rnd.Int32N(top + 1)
					c.spectrum[i] = 1
				}
				q[rnd.IntN(len(q))] = top
				var w bitWriter
				c.writeValues(&w, tables.Spectral[book], 0, len(q))
				want := uint32(8*len(w.buf)) + uint32(w.fill)
				got := bookBits(q, class)
				if book == class {
					got &= 0xffff
				} else {
					got >>= 16
				}
				if got != want {
					t.Errorf("values up to %d in book %d: counted %d bits, written %d", top, book, got, want)
				}
			}
		}
	}
}

// TestNominal checks the error that the nominal scale factor aims at.
func TestNominal(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	c := new(channel)
	l := &layout{bands: 1, perGroup: 1, groups: 1}
	l.start[1] = 64
	for i := range c.spectrum[:64] {
		c.spectrum[i] = float32(rnd.NormFloat64() * 1e5)
	}
	c.measure(0, l)
	n := &c.bands[0]
	n.weight = 0.5
	for _, log := range []float64{8, 12, 16, 20, 24} {
		scale := n.nominal(log)
		quantise(c.quantised[:64], c.power[:64], scale)
		err, energy := distortion(c.quantised[:64], c.magnitude[:64], scale)
		got := math.Log2(float64(n.weight * err / 64))
		if math.Abs(got-log) > 0.7 {
			t.Errorf("error of 2^%.1f at scale factor %d, want 2^%.0f", got, scale, log)
		}
		if ratio := float64(energy / n.energy); math.Abs(ratio-1) > 0.1 {
			t.Errorf("scale factor %d leaves %.3f of the energy", scale, ratio)
		}
	}
}
