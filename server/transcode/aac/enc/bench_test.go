package enc

import (
	"testing"
	"time"
)

// BenchmarkEncode reports the time that one second of sound takes.
func BenchmarkEncode(b *testing.B) {
	for _, m := range []struct {
		name  string
		sound func(rate int) []float32
	}{{"music", music}, {"speech", speech}, {"mix", mix}} {
		b.Run(m.name, func(b *testing.B) {
			const rate = 48000
			pcm := m.sound(rate)
			e, err := New(Config{SampleRate: rate, Channels: 2, Bitrate: 128000})
			if err != nil {
				b.Fatal(err)
			}
			out := make([]byte, 0, 2*768)
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				if at+2*FrameLen > len(pcm) {
					at = 0
				}
				if _, err := e.Encode(pcm[at:at+2*FrameLen], out); err != nil {
					b.Fatal(err)
				}
				at += 2 * FrameLen
			}
			sound := time.Duration(b.N) * time.Second * FrameLen / rate
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/sound.Seconds(), "ms/s")
		})
	}
}

func TestNoAllocations(t *testing.T) {
	pcm := tones(48000, 2)
	e, err := New(Config{SampleRate: 48000, Channels: 2, Bitrate: 128000})
	if err != nil {
		t.Fatal(err)
	}
	out, at := make([]byte, 0, 2*768), 0
	if n := testing.AllocsPerRun(20, func() {
		if _, err := e.Encode(pcm[at:at+2*FrameLen], out); err != nil {
			t.Fatal(err)
		}
		at += 2 * FrameLen
	}); n > 0 {
		t.Errorf("%v allocations for a frame", n)
	}
}
