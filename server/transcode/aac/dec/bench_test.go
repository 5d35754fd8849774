package dec

import (
	"fmt"
	"testing"
)

// BenchmarkDecode reports CPU time per second of 48 kHz stereo sound.
func BenchmarkDecode(b *testing.B) {
	for _, rate := range []string{"64k", "128k", "256k"} {
		b.Run(rate, func(b *testing.B) {
			c := encode(b, fmt.Sprintf(clicks, 48000)+",volume=1.5", "-b:a", rate)
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
