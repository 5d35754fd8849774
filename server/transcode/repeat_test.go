package transcode

import (
	"math"
	"testing"

	"sluice/server/transcode/internal/sndtest"
)

// A tone goes on through a loss as if nothing were missing.
func TestRepeaterGoesOnWithATone(t *testing.T) {
	for _, hz := range []float64{100, 200, 400, 1000} {
		tone := sndtest.Tone(g711Rate, 1, g711Rate, hz, 0.5)
		r := newRepeater(g711Rate, 1)
		for i := 0; i < 4000; i += 160 {
			r.push(tone[i : i+160])
		}
		got := r.conceal(160, nil)
		got = r.conceal(160, got)
		if snr := sndtest.SNR(tone[4000:4320], got); snr < 15 {
			t.Errorf("%v Hz: %.1f dB", hz, snr)
		}
	}
}

func TestRepeaterBeforeAnySound(t *testing.T) {
	r := newRepeater(48000, 2)
	r.push(make([]float32, 20))
	got := r.conceal(100, nil)
	if len(got) != 200 || sndtest.RMS(got) != 0 {
		t.Errorf("%d samples, level %v", len(got), sndtest.RMS(got))
	}
	r.push(make([]float32, 20000)) // silence has no period
	if got := r.conceal(100, nil); len(got) != 200 || math.IsNaN(sndtest.RMS(got)) {
		t.Errorf("%d samples", len(got))
	}
}
