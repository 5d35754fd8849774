package enc

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/server/transcode/aac/dec"
)

// The sounds of TestStreams last half a second.

// noise is white noise in every channel, at full scale.
func noise(rate, channels int) []float32 {
	rnd := rand.New(rand.NewPCG(4, 4))
	pcm := make([]float32, rate/2*channels)
	for i := range pcm {
		pcm[i] = 2*rnd.Float32() - 1
	}
	return pcm
}

// square is a square wave of full scale.
func square(rate, channels int) []float32 {
	pcm := make([]float32, rate/2*channels)
	for i := range pcm {
		pcm[i] = float32(i/channels*440*2/rate%2*2 - 1)
	}
	return pcm
}

// tones is another tone in each channel, with a break to silence and clicks.
func tones(rate, channels int) []float32 {
	pcm := make([]float32, rate/2*channels)
	for i := range pcm {
		at, c := i/channels, i%channels
		if at%4000 < 3000 {
			pcm[i] = float32(0.4 * math.Sin(2*math.Pi*float64(40+13*c)*float64(at)/float64(rate)))
		}
		if at%3001 == 0 {
			pcm[i] += 0.5
		}
	}
	return pcm
}

// poison is noise with everything in it that is not a sample.
func poison(rate, channels int) []float32 {
	pcm := noise(rate, channels)
	for i := range pcm {
		switch i % 1000 {
		case 10:
			pcm[i] = float32(math.NaN())
		case 20:
			pcm[i] = float32(math.Inf(1))
		case 30:
			pcm[i] = -math.MaxFloat32
		case 40:
			pcm[i] = math.SmallestNonzeroFloat32
		}
	}
	return pcm
}

func silence(rate, channels int) []float32 { return make([]float32, rate/2*channels) }

// TestStreams has three decoders take every sample rate and channel
// configuration, at low and high bitrates, with sound that leaves an encoder
// no rest.
func TestStreams(t *testing.T) {
	sounds := []func(rate, channels int) []float32{noise, square, tones, poison, silence}
	for i, rate := range []int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000} {
		for j, channels := range []int{1, 2, 6} {
			for k, bitrate := range []int{MinBitrate, 48000 * channels, MaxBitrate} {
				sound := (i + j + k) % len(sounds)
				t.Run(fmt.Sprintf("%d Hz, %d channels, %d bit/s, sound %d", rate, channels, bitrate, sound), func(t *testing.T) {
					t.Parallel()
					pcm := sounds[sound](rate, channels)
					cfg := Config{SampleRate: rate, Channels: channels, Bitrate: bitrate}
					s := encode(t, cfg, pcm)
					for i, f := range s.frames {
						if 8*len(f) > frameLimit*min(channels, 5) {
							t.Fatalf("frame %d has %d bytes", i, len(f))
						}
					}
					want := len(s.frames) * FrameLen * channels
					if got := len(decode(t, s)); got != want {
						t.Errorf("our decoder gives %d samples, want %d", got, want)
					}
					file := s.file(t)
					if got := len(ffmpegDecode(t, file, 0, channels)); got != want {
						t.Errorf("ffmpeg gives %d samples, want %d", got, want)
					}
					// faad has no room for the rate doubling that it suspects at low rates.
					if got := len(faadDecode(t, file, FrameLen, channels)); got < want-FrameLen*channels {
						t.Errorf("faad gives %d samples, want %d", got, want-FrameLen*channels)
					}
				})
			}
		}
	}
}

// decode decodes a stream with our own decoder.
func decode(t testing.TB, s encoded) []float32 {
	t.Helper()
	e, err := New(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dec.New(e.Config())
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	block := make([]float32, FrameLen*s.cfg.Channels)
	for i, f := range s.frames {
		n, err := d.Decode(f, block)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		out = append(out, block[:n]...)
	}
	return out
}

// TestDelay looks for a click where Delay says that it is.
func TestDelay(t *testing.T) {
	for _, channels := range []int{1, 2, 6} {
		const at = 5000
		pcm := make([]float32, 12000*channels)
		for c := range channels {
			pcm[at*channels+c] = 0.9
		}
		s := encode(t, Config{SampleRate: 48000, Channels: channels, Bitrate: 64000 * channels}, pcm)
		got := decode(t, s)[s.delay*channels:]
		for c := range channels {
			if channels == 6 && c == 3 {
				continue // a click is out of the LFE's band
			}
			best := 0
			for i := range len(got) / channels {
				if got[i*channels+c] > got[best*channels+c] {
					best = i
				}
			}
			if best != at {
				t.Errorf("%d channels: click of channel %d at %d, want %d", channels, c, best, at)
			}
		}
	}
}

// TestChannels has another tone in each channel and finds it there.
func TestChannels(t *testing.T) {
	const rate = 48000
	for _, channels := range []int{1, 2, 6} {
		pcm := make([]float32, rate*channels)
		for i := range pcm {
			pcm[i] = float32(0.3 * math.Sin(2*math.Pi*float64(50+20*(i%channels))*float64(i/channels)/rate))
		}
		s := encode(t, Config{SampleRate: rate, Channels: channels, Bitrate: 64000 * channels}, pcm)
		for name, got := range map[string][]float32{
			"dec":    decode(t, s)[s.delay*channels:],
			"ffmpeg": ffmpegDecode(t, s.file(t), s.delay, channels),
		} {
			for c := range channels {
				pick := func(x []float32) (y []float32) {
					for i := c; i < len(x); i += channels {
						y = append(y, x[i])
					}
					return y
				}
				if r := snr(pick(pcm), pick(got)); r < 40 {
					t.Errorf("%d channels, %s: channel %d has %.1f dB", channels, name, c, r)
				}
			}
		}
	}
}

// TestBitrate measures the average over ten seconds.
func TestBitrate(t *testing.T) {
	half := mix(44100)
	pcm := slices.Concat(half, half)
	mono := make([]float32, len(pcm)/2)
	for i := range mono {
		mono[i] = pcm[2*i]
	}
	for _, c := range []Config{
		{44100, 1, 32000},
		{44100, 1, 64000},
		{44100, 2, 48000},
		{44100, 2, 96000},
		{44100, 2, 128000},
		{44100, 2, 320000},
	} {
		sound := pcm
		if c.Channels == 1 {
			sound = mono
		}
		if got := encode(t, c, sound).bitrate(); math.Abs(got/float64(c.Bitrate)-1) > 0.05 {
			t.Errorf("%d channels: %.0f bit/s, want %d", c.Channels, got, c.Bitrate)
		}
	}
}

// TestReservoir checks that the stream never takes more from a decoder's buffer
// than is in it.
func TestReservoir(t *testing.T) {
	cfg := Config{SampleRate: 48000, Channels: 2, Bitrate: 128000}
	pcm := slices.Concat(silence(48000, 2), noise(48000, 2), tones(48000, 2), silence(48000, 2), square(48000, 2))
	mean := float64(cfg.Bitrate) * FrameLen / float64(cfg.SampleRate)
	fill := 2 * float64(frameLimit)
	for i, f := range encode(t, cfg, pcm).frames {
		fill -= float64(8 * len(f))
		if fill < 0 {
			t.Fatalf("frame %d: the buffer lacks %.0f bits", i, -fill)
		}
		fill = min(fill+mean, 2*frameLimit)
	}
}

func TestDeterministic(t *testing.T) {
	cfg := Config{SampleRate: 48000, Channels: 2, Bitrate: 96000}
	pcm := slices.Concat(tones(48000, 2), noise(48000, 2))
	if !slices.EqualFunc(encode(t, cfg, pcm).frames, encode(t, cfg, pcm).frames, slices.Equal[[]byte]) {
		t.Error("the same samples give other frames")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want []byte // nil for an error
	}{
		{Config{48000, 2, 128000}, []byte{0x11, 0x90}},
		{Config{44100, 1, 64000}, []byte{0x12, 0x08}},
		{Config{96000, 6, 512000}, []byte{0x10, 0x30}},
		{Config{8000, 1, 16000}, []byte{0x15, 0x88}},
		{Config{7350, 1, 16000}, nil},
		{Config{48001, 2, 128000}, nil},
		{Config{0, 2, 128000}, nil},
		{Config{48000, 0, 128000}, nil},
		{Config{48000, 3, 128000}, nil},
		{Config{48000, 2, 15999}, nil},
		{Config{48000, 2, 512001}, nil},
	} {
		e, err := New(c.cfg)
		switch {
		case c.want == nil && !errors.Is(err, ErrConfig):
			t.Errorf("%+v: error %v, want ErrConfig", c.cfg, err)
		case c.want != nil && err != nil:
			t.Errorf("%+v: %v", c.cfg, err)
		case c.want != nil && !slices.Equal(e.Config(), c.want):
			t.Errorf("%+v: config %x, want %x", c.cfg, e.Config(), c.want)
		}
	}
	e, err := New(Config{48000, 2, 128000})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := e.Encode(make([]float32, 2047), []byte{1}); err == nil || !slices.Equal(out, []byte{1}) {
		t.Errorf("a short block gives %x, %v", out, err)
	}
}
