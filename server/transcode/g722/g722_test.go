package g722

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/server/transcode/internal/pcm"
	"sluice/server/transcode/internal/sndtest"
)

// ffmpeg's codec is the measure: the standard defines every bit.
func TestAgainstFFmpeg(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	noise := make([]float32, SampleRate)
	for i := range noise {
		noise[i] = rnd.Float32()*2 - 1
	}
	for name, in := range map[string][]float32{
		"music": sndtest.Music(SampleRate, 1, 2*SampleRate),
		"loud":  sndtest.Tone(SampleRate, 1, SampleRate, 1000, 0.99),
		"noise": noise,
		"zero":  make([]float32, SampleRate),
	} {
		ours := NewEncoder().Encode(in, nil)
		raw := make([]byte, 0, 2*len(in))
		for _, x := range in {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(pcm.Int16(x)))
		}
		theirs := sndtest.FFmpeg(t, raw, "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0",
			"-c:a", "g722", "-f", "g722", "pipe:1")
		if !bytes.Equal(ours, theirs[:min(len(ours), len(theirs))]) {
			t.Errorf("%s: the codes differ", name)
		}
		decodesAsFFmpeg(t, name, ours)
	}
	anything := make([]byte, SampleRate)
	for i := range anything {
		anything[i] = byte(rnd.Uint32())
	}
	decodesAsFFmpeg(t, "anything", anything)
}

func decodesAsFFmpeg(t *testing.T, name string, src []byte) {
	t.Helper()
	out := NewDecoder().Decode(src, nil)
	raw := sndtest.FFmpeg(t, src, "-f", "g722", "-i", "pipe:0", "-f", "s16le", "pipe:1")
	if len(out) != 2*len(src) || len(raw) != 2*len(out) {
		t.Fatalf("%s: %d bytes, %d samples, %d of ffmpeg's", name, len(src), len(out), len(raw)/2)
	}
	for i, x := range out {
		if want := pcm.Float(int16(binary.LittleEndian.Uint16(raw[2*i:]))); x != want {
			t.Fatalf("%s: sample %d is %v, ffmpeg says %v", name, i, x, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	in := sndtest.Tone(SampleRate, 1, SampleRate, 1000, 0.5)
	out := NewDecoder().Decode(NewEncoder().Encode(in, nil), nil)
	if lag := sndtest.Lag(in[:4000], out[:4000], 30); lag%16 != Delay%16 {
		t.Errorf("the output comes %d samples late, not %d", lag, Delay)
	}
	if snr := sndtest.SNR(in[1000:], out[1000+Delay:]); snr < 30 {
		t.Errorf("SNR %.1f dB", snr)
	}
}

func TestStrangeSamples(t *testing.T) {
	in := []float32{2, -2, float32(math.Inf(1)), float32(math.NaN())}
	if got := NewEncoder().Encode(in, nil); len(got) != 2 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(NewEncoder().Encode(sndtest.Music(SampleRate, 1, 320), nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, x := range NewDecoder().Decode(src, nil) {
			if x < -1 || x > 1 {
				t.Fatalf("sample %v", x)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	src := NewEncoder().Encode(sndtest.Music(SampleRate, 1, 320), nil)
	d := NewDecoder()
	dst := make([]float32, 0, 320)
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(src, dst)
	}
}
