package enc

import (
	"encoding/binary"
	"math"
	"testing"

	"sluice/server/transcode/aac/dec"
)

// FuzzEncode takes its samples as raw floats, so that they are anything that a
// float can be, repeats them for some frames and has every frame decoded.
func FuzzEncode(f *testing.F) {
	for _, sound := range []func(rate, channels int) []float32{noise, square, tones, poison, silence} {
		var raw []byte
		for _, x := range sound(8000, 1)[:150] {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		f.Add(uint8(3), uint8(1), uint32(128000), raw)
		f.Add(uint8(11), uint8(2), uint32(16000), raw[:100])
	}
	rates := []int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000}
	layouts := []int{1, 2, 6}
	f.Fuzz(func(t *testing.T, rate, layout uint8, bitrate uint32, raw []byte) {
		cfg := Config{
			SampleRate: rates[int(rate)%len(rates)],
			Channels:   layouts[int(layout)%len(layouts)],
			Bitrate:    MinBitrate + int(bitrate%(MaxBitrate-MinBitrate+1)),
		}
		e, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		d, err := dec.New(e.Config())
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]float32, FrameLen*cfg.Channels)
		back := make([]float32, len(pcm))
		samples := floats(raw)
		for at := range 5 {
			for i := range pcm {
				pcm[i] = 0
				if len(samples) > 0 {
					pcm[i] = samples[(at*len(pcm)+i)%len(samples)]
				}
			}
			frame, err := e.Encode(pcm, nil)
			if err != nil {
				t.Fatal(err)
			}
			if 8*len(frame) > frameLimit*min(cfg.Channels, 5) {
				t.Fatalf("frame of %d bytes", len(frame))
			}
			if n, err := d.Decode(frame, back); err != nil || n != len(back) {
				t.Fatalf("decoded %d samples: %v", n, err)
			}
		}
	})
}
