package enc

import (
	"math"
	"testing"
)

// TestQuality holds the encoder against ffmpeg's fast one at 128 kbit/s
// stereo, by signal-to-noise ratio and log-spectral distance, as two decoders
// hear it.
func TestQuality(t *testing.T) {
	const (
		toleranceSNR = 0.5 // dB
		toleranceLSD = 0.1 // dB
	)
	cfg := Config{SampleRate: 48000, Channels: 2, Bitrate: 128000}
	for _, m := range []struct {
		name  string
		sound func(rate int) []float32
	}{{"music", music}, {"speech", speech}, {"sweep", sweep}, {"mix", mix}} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			pcm := m.sound(cfg.SampleRate)
			theirs := ffmpegEncode(t, cfg, pcm)
			wantSNR := snr(pcm, theirs) - toleranceSNR
			wantLSD := logSpectralDistance(pcm, theirs, cfg.Channels) + toleranceLSD
			ours := encode(t, cfg, pcm)
			file := ours.file(t)
			for _, d := range []struct {
				name   string
				decode func(t testing.TB, file string, delay, channels int) []float32
			}{{"ffmpeg", ffmpegDecode}, {"faad", faadDecode}} {
				got := d.decode(t, file, ours.delay, cfg.Channels)
				if len(got) < len(pcm) {
					t.Fatalf("%s gives %d samples of %d", d.name, len(got), len(pcm))
				}
				gotSNR, gotLSD := snr(pcm, got), logSpectralDistance(pcm, got, cfg.Channels)
				t.Logf("%s: SNR %.2f dB (ffmpeg's encoder less tolerance %.2f), log-spectral distance %.2f dB (%.2f)",
					d.name, gotSNR, wantSNR, gotLSD, wantLSD)
				if gotSNR < wantSNR || gotLSD > wantLSD {
					t.Errorf("%s: worse than ffmpeg's fast encoder", d.name)
				}
			}
			if got := ours.bitrate(); math.Abs(got/float64(cfg.Bitrate)-1) > 0.05 {
				t.Errorf("%.0f bit/s, want %d", got, cfg.Bitrate)
			}
		})
	}
}
