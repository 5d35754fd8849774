package dec

import (
	"encoding/hex"
	"testing"
)

// FuzzDecode decodes whatever comes, with the damaged frame followed by a
// concealed one and by itself: samples stay within range, and the decoder
// writes whole frames or returns an error.
func FuzzDecode(f *testing.F) {
	for channels, kinds := range map[int][]elementKind{
		1: {singleElement}, 2: {pairElement}, 6: {singleElement, pairElement, pairElement, lfeElement},
	} {
		c := generate(f, generator{noise: true}, 48000, channels, 8, kinds...)
		for _, frame := range c.frames {
			f.Add(c.asc, frame)
		}
	}
	for _, c := range invalidCases {
		var w bitWriter
		c.write(&w)
		f.Add(monoASC, w.data)
	}
	f.Fuzz(func(t *testing.T, asc, frame []byte) {
		d, err := New(asc)
		if err != nil {
			return
		}
		dst := make([]float32, FrameLen*len(d.Info().Layout))
		for range 2 {
			if n, err := d.Decode(frame, dst); err == nil && n != len(dst) {
				t.Fatalf("%d values of %d", n, len(dst))
			}
			checkRange(t, dst)
			if _, err := d.Conceal(dst); err != nil {
				t.Fatal(err)
			}
			checkRange(t, dst)
		}
	})
}

// FuzzConfig parses whatever comes for a configuration.
func FuzzConfig(f *testing.F) {
	for _, c := range configCases {
		asc, err := hex.DecodeString(c.asc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(asc)
	}
	f.Fuzz(func(t *testing.T, asc []byte) {
		info, elements, err := parseConfig(asc)
		if err != nil {
			return
		}
		channels := 0
		for _, e := range elements {
			channels += e.width()
		}
		if channels != len(info.Layout) || channels == 0 || info.SampleRate <= 0 {
			t.Fatalf("%d channels in %v at %d Hz", channels, info.Layout, info.SampleRate)
		}
	})
}
