package g711

import (
	"encoding/binary"
	"math"
	"testing"

	"sluice/server/transcode/internal/sndtest"
)

var laws = map[string]struct {
	law    Law
	decode func(byte) int
	encode func(int) byte
}{
	"alaw":  {ALaw, fromALaw, aLaw},
	"mulaw": {MuLaw, fromMuLaw, muLaw},
}

// Values of G.711 tables 1 and 2, scaled to 16 bits.
func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		law   string
		code  byte
		value int
	}{
		{"alaw", 0xd5, 8},
		{"alaw", 0x55, -8},
		{"alaw", 0xaa, 32256},
		{"alaw", 0x2a, -32256},
		{"alaw", 0x80, 5504},
		{"mulaw", 0xff, 0},
		{"mulaw", 0x80, 32124},
		{"mulaw", 0x00, -32124},
		{"mulaw", 0xfe, 8},
		{"mulaw", 0x7e, -8},
	} {
		if got := laws[c.law].decode(c.code); got != c.value {
			t.Errorf("%s %#02x is %d, want %d", c.law, c.code, got, c.value)
		}
	}
}

func TestEveryCodeComesBack(t *testing.T) {
	for name, l := range laws {
		for b := range 256 {
			if got := l.encode(l.decode(byte(b))); int(got) != b && !(name == "mulaw" && b == 0x7f) {
				t.Errorf("%s %#02x comes back as %#02x", name, b, got)
			}
		}
	}
}

// Every sample gets a code whose value is at most half a step away.
func TestEncodesWithinHalfAStep(t *testing.T) {
	for name, l := range laws {
		for v := -32635; v <= 32635; v++ {
			code := l.encode(v)
			step := 8 << (^code >> 4 & 7)
			if l.law == ALaw {
				step = 16 << max(0, int((code^0x55)>>4&7)-1)
			}
			if d := l.decode(code) - v; d < -step/2 || d > step/2 {
				t.Fatalf("%s: %d is coded as %d, with a step of %d", name, v, l.decode(code), step)
			}
		}
	}
}

func TestAgainstFFmpeg(t *testing.T) {
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	for name, l := range laws {
		out := sndtest.FFmpeg(t, codes, "-f", name, "-ar", "8000", "-ac", "1", "-i", "pipe:0", "-f", "s16le", "pipe:1")
		for i, x := range l.law.Decode(codes, nil) {
			want := float32(int16(binary.LittleEndian.Uint16(out[2*i:]))) / 32768
			if x != want {
				t.Errorf("%s: %#02x is %v, ffmpeg says %v", name, i, x, want)
			}
		}
	}
}

func TestTone(t *testing.T) {
	for name, l := range laws {
		in := sndtest.Tone(8000, 1, 8000, 440, 0.5)
		out := l.law.Decode(l.law.Encode(in, nil), nil)
		if got := sndtest.SNR(in, out); got < 36 {
			t.Errorf("%s: %.1f dB", name, got)
		}
	}
}

func TestClips(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	in := []float32{1, 2, inf, -1, -2, -inf, nan}
	for name, l := range laws {
		out := l.law.Decode(l.law.Encode(in, nil), nil)
		for i, want := range []float32{1, 1, 1, -1, -1, -1, 0} {
			if math.Abs(float64(out[i]-want)) > 0.02 {
				t.Errorf("%s: %v comes out as %v", name, in[i], out[i])
			}
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add(float32(0.3))
	f.Fuzz(func(t *testing.T, x float32) {
		for name, l := range laws {
			y := l.law.Decode(l.law.Encode([]float32{x}, nil), nil)[0]
			if x >= -1 && x <= 1 && math.Abs(float64(x-y)) > 0.02 {
				t.Errorf("%s: %v comes out as %v", name, x, y)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	in := sndtest.Tone(8000, 1, 160, 440, 0.5)
	dst := make([]byte, 0, 160)
	b.ReportAllocs()
	for b.Loop() {
		ALaw.Encode(in, dst)
	}
}
