package dec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/protocols/codec/aac"
	"sluice/server/transcode/aac/tables"
)

// clip is an encoded stream: its configuration and raw data blocks.
type clip struct {
	file   string // the same in a container that ffmpeg reads
	asc    []byte
	frames [][]byte
}

// encode has ffmpeg encode a lavfi source to AAC with the given options.
func encode(t testing.TB, source string, options ...string) clip {
	t.Helper()
	c := clip{file: filepath.Join(t.TempDir(), "clip.flv")}
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", source, "-c:a", "aac"}, options...)
	run(t, "ffmpeg", append(args, "-f", "flv", c.file)...)
	data, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	for data = data[13:]; len(data) >= 15; { // FLV tags
		size := int(binary.BigEndian.Uint32(data) & 0xffffff)
		body := data[11 : 11+size]
		switch {
		case data[0] != 8 || body[0]>>4 != 10:
		case body[1] == 0:
			c.asc = body[2:]
		default:
			c.frames = append(c.frames, body[2:])
		}
		data = data[11+size+4:]
	}
	if c.asc == nil || len(c.frames) == 0 {
		t.Fatal("ffmpeg wrote no AAC")
	}
	return c
}

// generate makes a clip of random frames that have the elements in kinds.
func generate(t testing.TB, g generator, rate, channels, frames int, kinds ...elementKind) clip {
	t.Helper()
	config, err := aac.NewConfig(rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	c := clip{file: filepath.Join(t.TempDir(), "clip.aac")}
	if c.asc, err = config.Append(nil); err != nil {
		t.Fatal(err)
	}
	g.rnd = newRand(uint64(rate + channels))
	g.rateIndex = tables.RateIndex(rate)
	var file []byte
	for range frames {
		f := g.frame(kinds...)
		if file, err = aac.AppendADTS(file, config, len(f)); err != nil {
			t.Fatal(err)
		}
		file = append(file, f...)
		c.frames = append(c.frames, f)
	}
	if err := os.WriteFile(c.file, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// reference is ffmpeg's decoding of a clip, clipped.
func reference(t testing.TB, c clip) []float32 {
	t.Helper()
	return samples(run(t, "ffmpeg", "-v", "error", "-i", c.file, "-f", "f32le", "-"))
}

func samples(raw []byte) []float32 {
	out := make([]float32, len(raw)/4)
	for i := range out {
		v := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		out[i] = min(max(v, -1), 1)
	}
	return out
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

// newDecoder returns a decoder for a clip and a buffer for its frames.
func newDecoder(t testing.TB, asc []byte) (*Decoder, []float32) {
	t.Helper()
	d, err := New(asc)
	if err != nil {
		t.Fatal(err)
	}
	return d, make([]float32, FrameLen*len(d.Info().Layout))
}

// decodeAll decodes every frame of a clip and calls seen after each.
func decodeAll(t testing.TB, c clip, seen func(*Decoder)) (out []float32) {
	t.Helper()
	d, dst := newDecoder(t, c.asc)
	for i, f := range c.frames {
		if n, err := d.Decode(f, dst); err != nil || n != len(dst) {
			t.Fatalf("frame %d: %d values, %v", i, n, err)
		}
		if seen != nil {
			seen(d)
		}
		out = append(out, dst...)
	}
	return out
}

// checkSNR demands that got is want within a signal-to-noise ratio in dB.
func checkSNR(t *testing.T, got, want []float32, least float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, the reference has %d", len(got), len(want))
	}
	var signal, diff float64
	for i, w := range want {
		e := float64(w) - float64(got[i])
		signal += float64(w) * float64(w)
		diff += e * e
	}
	if db := 10 * math.Log10(signal/diff); !(db >= least) {
		t.Errorf("%.1f dB against the reference, want %.0f", db, least)
	}
}

func rms(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(x)))
}

// features counts what frames use, to know that comparisons cover it.
type features struct {
	short, tns, ms, pulse, kbd int
	books                      [16]int
}

func (f *features) add(d *Decoder) {
	for i := range d.channels {
		s := &d.channels[i].stream
		f.short += count(s.short())
		f.kbd += count(s.shape == 1)
		f.tns += count(s.tns.count > 0)
		f.pulse += count(s.pulse.count > 0)
		for _, b := range s.book[:s.groups*s.maxBand] {
			f.books[b]++
		}
	}
	for _, used := range d.mask.used {
		f.ms += count(used)
	}
}

// demand fails the test if something, noise and pulses apart, never occurred.
func (f *features) demand(t *testing.T) {
	t.Helper()
	if f.short == 0 || f.tns == 0 || f.ms == 0 || f.kbd == 0 {
		t.Errorf("the frames don't cover everything: %+v", *f)
	}
	for i, n := range f.books {
		if n == 0 && i != tables.ReservedBook && i != tables.NoiseBook {
			t.Errorf("the frames never use codebook %d", i)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
