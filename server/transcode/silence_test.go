package transcode

import (
	"testing"

	"sluice/server/media"
	"sluice/server/transcode/aac/dec"
)

// TestSilence decodes the one frame again and again: it must stay silent.
func TestSilence(t *testing.T) {
	s, err := Silence()
	if err != nil {
		t.Fatal(err)
	}
	if s.Track.Codec != media.AAC || s.Track.SampleRate != 48000 || s.Samples != 1024 || len(s.Payload) > 32 {
		t.Errorf("%+v, %d samples, %d bytes", s.Track, s.Samples, len(s.Payload))
	}
	d, err := dec.New(s.Track.Config)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		pcm := make([]float32, 2*s.Samples)
		if n, err := d.Decode(s.Payload, pcm); err != nil || n != len(pcm) {
			t.Fatalf("%d samples, %v", n, err)
		}
		for _, x := range pcm {
			if x != 0 {
				t.Fatalf("a sample of %v", x)
			}
		}
	}
}
