package transcode

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/server/transcode/aac/dec"
)

var (
	surround51 = []dec.Speaker{dec.FrontLeft, dec.FrontRight, dec.FrontCenter, dec.LowFrequency, dec.BackLeft, dec.BackRight}
	surround71 = append(append([]dec.Speaker(nil), surround51...), dec.SideLeft, dec.SideRight)
)

func TestMix(t *testing.T) {
	const h = math.Sqrt2 / 2
	const n51, n71 = 1 + 2*h, 1 + 3*h // what a side's gains add up to
	for _, c := range []struct {
		name   string
		layout []dec.Speaker
		in     []float32
		out    []float32
	}{
		{"mono", mono, []float32{0.1, 0.2}, []float32{0.1, 0.2}},
		{"stereo", stereo, []float32{0.1, 0.2, 0.3, 0.4}, []float32{0.1, 0.2, 0.3, 0.4}},
		{"mono to stereo", mono, []float32{0.1, 0.2}, []float32{0.1, 0.1, 0.2, 0.2}},
		{"stereo to mono", stereo, []float32{0.1, 0.2, 1, 1}, []float32{0.15, 1}},
		{"5.1 left", surround51, []float32{1, 0, 0, 0, 0, 0}, []float32{1 / n51, 0}},
		{"5.1 right", surround51, []float32{0, 1, 0, 0, 0, 0}, []float32{0, 1 / n51}},
		{"5.1 centre", surround51, []float32{0, 0, 1, 0, 0, 0}, []float32{h / n51, h / n51}},
		{"5.1 LFE", surround51, []float32{0, 0, 0, 1, 0, 0}, []float32{0, 0}},
		{"5.1 surround", surround51, []float32{0, 0, 0, 0, 1, 0.5}, []float32{h / n51, h / 2 / n51}},
		{"5.1 all", surround51, []float32{1, 1, 1, 1, 1, 1}, []float32{1, 1}},
		{"5.1 to mono", surround51, []float32{1, 1, 1, 1, 1, 1}, []float32{1}},
		{"7.1 sides", surround71, []float32{0, 0, 0, 0, 0, 0, 1, 0}, []float32{h / n71, 0}},
		{"7.1 all", surround71, []float32{1, 1, 1, 1, 1, 1, 1, 1}, []float32{1, 1}},
		{
			"4.0 back",
			[]dec.Speaker{dec.FrontLeft, dec.FrontRight, dec.FrontCenter, dec.BackCenter},
			[]float32{0, 0, 0, 1},
			[]float32{0.5 / (1.5 + h), 0.5 / (1.5 + h)},
		},
		{"LFE alone", []dec.Speaker{dec.LowFrequency}, []float32{1}, []float32{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMixer(c.layout, len(c.out)*len(c.layout)/len(c.in))
			got := m.mix(c.in, nil)
			if d := cmp.Diff(c.out, got, cmpopts.EquateApprox(0, 1e-6)); d != "" {
				t.Error(d)
			}
		})
	}
}
