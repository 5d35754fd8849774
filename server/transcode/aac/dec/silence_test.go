package dec

import (
	"slices"
	"testing"

	"sluice/protocols/codec/aac"
)

// TestSilence: the silence that is put between publishers is a frame of every
// layout.
func TestSilence(t *testing.T) {
	for _, channels := range []int{1, 2, 3, 4, 5, 6, 8} {
		cfg, err := aac.NewConfig(48000, channels)
		if err != nil {
			t.Fatal(err)
		}
		asc, err := cfg.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(asc)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]float32, FrameLen*channels)
		for range 2 {
			n, err := d.Decode(cfg.Silence(), pcm)
			if err != nil || n != len(pcm) || slices.Max(pcm) != 0 || slices.Min(pcm) != 0 {
				t.Errorf("%d channels: %d values, %v", channels, n, err)
			}
		}
	}
}
