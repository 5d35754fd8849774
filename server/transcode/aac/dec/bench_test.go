package dec

import (
	"fmt"
	"testing"
)

// BenchmarkDecode reports CPU time per second of 48 kHz stereo sound.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct{ name, source, rate string }{
		{"clicks 128k", clicks, "128k"}, {"voice 128k", voice, "128k"}, {"hiss 256k", hiss, "256k"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := encode(b, fmt.Sprintf(bench.source, 48000), "-b:a", bench.rate)
			d, err := New(c.asc)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]float32, 2*FrameLen)
			b.ReportAllocs()
			frames := 0
			for b.Loop() {
				if _, err := d.Decode(c.frames[frames%len(c.frames)], dst); err != nil {
					b.Fatal(err)
				}
				frames++
			}
			seconds := float64(frames) * FrameLen / 48000
			b.ReportMetric(b.Elapsed().Seconds()*1000/seconds, "ms/s")
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(stereoASC); err != nil {
			b.Fatal(err)
		}
	}
}
