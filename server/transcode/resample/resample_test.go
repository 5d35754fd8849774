package resample

import (
	"fmt"
	"math"
	"testing"

	"sluice/server/transcode/internal/sndtest"
)

func resampler(tb testing.TB, in, out, channels int) *Resampler {
	tb.Helper()
	r, err := New(in, out, channels)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		in, out int
		hz      []float64
		want    float64
	}{
		{44100, 48000, []float64{1000, 10000, 18000}, 100},
		{48000, 44100, []float64{1000, 10000, 18000}, 100},
		{48000, 48000, []float64{1000, 20000}, 140},
		{32000, 48000, []float64{1000, 13000}, 100},
		{22050, 48000, []float64{440, 9000}, 100},
		{8000, 48000, []float64{300, 3300}, 100},
		{16000, 48000, []float64{300, 6600}, 100},
		{96000, 48000, []float64{1000, 20000}, 100},
		{88200, 48000, []float64{1000, 20000}, 100},
		{7350, 48000, []float64{300, 3000}, 100},
		{48000, 8000, []float64{300, 3300}, 100},
		{44100, 8000, []float64{300, 3300}, 100},
		{48000, 16000, []float64{300, 6600}, 100},
		{47999, 48000, []float64{1000}, 75},
	} {
		for _, hz := range c.hz {
			in := sndtest.Tone(c.in, 2, c.in/2, hz, 0.5)
			out := resampler(t, c.in, c.out, 2).Process(in, nil)
			want := sndtest.Tone(c.out, 2, len(out)/2, hz, 0.5)
			skip := c.out / 10 * 2
			sinad := sndtest.SINAD(sndtest.Channel(out[skip:], 2, 0), c.out, hz)
			if sinad < c.want {
				t.Errorf("%d to %d, %v Hz: SINAD %.1f dB, want %v", c.in, c.out, hz, sinad, c.want)
			}
			// The same sine at the same time: no delay, and no change of level.
			if same := sndtest.SNR(want[skip:], out[skip:]); same < 55 {
				t.Errorf("%d to %d, %v Hz: %.1f dB against the ideal", c.in, c.out, hz, same)
			}
			t.Logf("%d to %d, %v Hz: SINAD %.1f dB", c.in, c.out, hz, sinad)
		}
	}
}

func TestStopBand(t *testing.T) {
	in := sndtest.Tone(48000, 1, 48000, 5000, 0.5)
	out := resampler(t, 48000, 8000, 1).Process(in, nil)
	if rms := sndtest.RMS(out[800:]); rms > 0.5e-5 {
		t.Errorf("5 kHz at a rate of 8000 Hz comes out at %.2g", rms)
	}
}

func TestChunksDoNotMatter(t *testing.T) {
	in := sndtest.Music(44100, 2, 44100)
	whole := resampler(t, 44100, 48000, 2).Process(in, nil)
	r := resampler(t, 44100, 48000, 2)
	var parts []float32
	for i, n := 0, 1; i < len(in); n = n*7%501 + 1 {
		m := min(2*n, len(in)-i)
		parts = r.Process(in[i:i+m], parts)
		i += m
		// Output sample k lies at input sample k*147/160, exactly.
		if lead := float64(i/2) - float64(len(parts)/2)*147/160; math.Abs(r.Lead()-lead) > 1e-6 {
			t.Fatalf("after %d in and %d out Lead() = %v, want %v", i/2, len(parts)/2, r.Lead(), lead)
		}
	}
	if len(parts) != len(whole) || sndtest.SNR(whole, parts) < 1e6 {
		t.Errorf("%d samples in parts, %d at once, or others", len(parts), len(whole))
	}
	if missing := len(in)/2 - r.Delay() - int(float64(len(whole)/2)*147/160); missing < -1 || missing > 1 {
		t.Errorf("%d samples more are held back than Delay says", missing)
	}
}

func TestEqualRatesCopy(t *testing.T) {
	in := sndtest.Music(48000, 2, 4800)
	r := resampler(t, 48000, 48000, 2)
	out := r.Process(in, nil)
	if len(out) != len(in)-r.Delay()*2 || math.IsInf(sndtest.SNR(in, out), 1) == false {
		t.Errorf("%d samples of %d, SNR %.1f", len(out), len(in), sndtest.SNR(in, out))
	}
}

func TestStretch(t *testing.T) {
	for _, ppm := range []float64{-2000, -100, 100, 2000} {
		r := resampler(t, 48000, 48000, 1)
		r.Stretch(ppm)
		in := sndtest.Tone(48000, 1, 4*48000, 1000, 0.5)
		out := r.Process(in, nil)
		want := float64(len(in)-r.Delay()) * (1 + ppm/1e6)
		if math.Abs(float64(len(out))-want) > 2 {
			t.Errorf("%v ppm: %d samples, want %.0f", ppm, len(out), want)
		}
		if got := sndtest.SINAD(out[4800:], 48000, 1000/(1+ppm/1e6)); got < 75 {
			t.Errorf("%v ppm: SINAD %.1f dB", ppm, got)
		}
		if r.Reset(); r.step != r.nominal {
			t.Error("Reset leaves the stretching")
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range [][3]int{{0, 48000, 1}, {48000, 7000, 1}, {192000, 48000, 1}, {48000, 48000, 0}, {48000, 48000, 6}} {
		if _, err := New(c[0], c[1], c[2]); err == nil {
			t.Errorf("New%v: no error", c)
		}
	}
}

func FuzzProcess(f *testing.F) {
	f.Add(uint16(44100), uint16(48000), 100.0, []byte{1, 200, 0, 3})
	f.Add(uint16(48000), uint16(8000), -3000.0, []byte{255})
	f.Fuzz(func(t *testing.T, in, out uint16, ppm float64, chunks []byte) {
		r, err := New(int(in), int(out), 1)
		if err != nil || math.IsNaN(ppm) || math.Abs(ppm) > 5000 || len(chunks) > 64 {
			return
		}
		r.Stretch(ppm)
		fed, got := 0, 0
		for _, n := range chunks {
			fed += int(n)
			got += len(r.Process(make([]float32, n), nil))
		}
		want := float64(fed-r.Delay()) * float64(out) / float64(in) * (1 + ppm/1e6)
		if math.Abs(float64(got)-max(want, 0)) > 2+float64(out)/float64(in)+float64(got)*1e-4 {
			t.Errorf("%d to %d Hz, %v ppm: %d samples of %d, want %.1f", in, out, ppm, got, fed, want)
		}
	})
}

func BenchmarkProcess(b *testing.B) {
	for _, c := range [][3]int{{44100, 48000, 2}, {44100, 48000, 1}, {48000, 8000, 1}, {48000, 48000, 2}} {
		b.Run(fmt.Sprintf("%d-%d-%dch", c[0], c[1], c[2]), func(b *testing.B) {
			r := resampler(b, c[0], c[1], c[2])
			in := sndtest.Music(c[0], c[2], 1024)
			dst := make([]float32, 0, 2*len(in))
			b.ReportAllocs()
			begin := sndtest.CPU()
			for b.Loop() {
				dst = r.Process(in, dst[:0])
			}
			b.ReportMetric((sndtest.CPU()-begin).Seconds()*1000/float64(b.N)*float64(c[0])/1024, "ms/s")
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		resampler(b, 44100, 48000, 2)
	}
}
