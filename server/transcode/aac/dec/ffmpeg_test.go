package dec

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// clip is an encoded stream: its configuration and raw data blocks.
type clip struct {
	file   string // FLV
	asc    []byte
	frames [][]byte
}

// encode has ffmpeg encode a lavfi source to AAC with the given options.
func encode(t testing.TB, source string, options ...string) clip {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clip.flv")
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", source, "-c:a", "aac"}, options...)
	run(t, "ffmpeg", append(args, "-f", "flv", file)...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := clip{file: file}
	for data = data[13:]; len(data) >= 15; {
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

// reference is ffmpeg's decoding of a file.
func reference(t testing.TB, file string) []float32 {
	t.Helper()
	raw := run(t, "ffmpeg", "-v", "error", "-i", file, "-f", "f32le", "-")
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		detail := ""
		if exit, ok := err.(*exec.ExitError); ok {
			detail = string(exit.Stderr)
		}
		t.Fatalf("%s %v: %v: %s", name, args, err, detail)
	}
	return out
}

// decodeAll decodes every frame of a clip and calls seen after each.
func decodeAll(t testing.TB, c clip, seen func(*Decoder)) (*Decoder, []float32) {
	t.Helper()
	d, err := New(c.asc)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]float32, FrameLen*len(d.info.Layout))
	var out []float32
	for i, f := range c.frames {
		n, err := d.Decode(f, frame)
		if err != nil || n != len(frame) {
			t.Fatalf("frame %d: %d values, %v", i, n, err)
		}
		if seen != nil {
			seen(d)
		}
		out = append(out, frame...)
	}
	return d, out
}

// snr returns the signal-to-noise ratio of got against want in dB.
func snr(got, want []float32) float64 {
	var signal, diff float64
	for i, w := range want {
		e := float64(w) - float64(got[i])
		signal += float64(w) * float64(w)
		diff += e * e
	}
	return 10 * math.Log10(signal/(diff+1e-30))
}

// features counts what frames use, to know that the comparisons cover it.
type features struct {
	frames, short, start, tns, ms, intensity, noise, pulse, kbd int
	books                                                       [16]int
}

func (f *features) add(d *Decoder) {
	f.frames++
	for i := range d.channels {
		s := &d.channels[i].stream
		f.short += count(s.short())
		f.start += count(s.sequence == 1)
		f.kbd += count(s.windowInfo.shape == 1)
		f.tns += count(s.tns.count > 0)
		f.pulse += count(s.pulse.count > 0)
		for _, b := range s.book[:s.groups*s.maxBand] {
			f.books[b]++
		}
	}
	for _, used := range d.mask.used {
		f.ms += count(used)
	}
	f.noise, f.intensity = f.books[13], f.books[14]+f.books[15]
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Sources, in lavfi's language. %d is the sample rate.
const (
	sweep = "aevalsrc=exprs='0.4*sin(2*PI*(60*t+%[1]d/10*t*t))|0.3*sin(2*PI*(%[1]d/3*t-%[1]d/20*t*t))':s=%[1]d:d=2"
	// clicks over tones and noise force short blocks.
	clicks = "aevalsrc=exprs='0.2*sin(880*PI*t)+0.5*(random(0)-0.5)*lt(mod(t,0.21),0.004)" +
		"|0.15*sin(1320*PI*t)+0.01*(random(1)-0.5)+0.5*(random(2)-0.5)*lt(mod(t,0.17),0.003)':s=%[1]d:d=2"
	hiss = "anoisesrc=d=2:a=0.3:c=pink:r=%[1]d:s=7,aformat=channel_layouts=stereo"
	// voice is a buzz whose formants move and which stops and starts.
	voice = "aevalsrc=exprs='0.5*pow(abs(sin(PI*(110*t+2*sin(5*t)))),20)*sin(2*PI*(700+300*sin(4*t))*t)" +
		"*gt(sin(7*t),-0.5)+0.003*(random(0)-0.5)|0.4*pow(abs(sin(PI*110*t)),20)*sin(2*PI*1800*t)*gt(sin(7*t),-0.4)':s=%[1]d:d=2"
)

func TestAgainstFFmpeg(t *testing.T) {
	type testCase struct {
		name, source string
		options      []string
	}
	var cases []testCase
	for _, rate := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000} {
		for i, s := range []string{sweep, clicks, hiss, voice} {
			options := []string{"-aac_pns", "0"}
			if i%2 == rate/1000%2 {
				options = append(options, "-aac_coder", "fast")
			}
			cases = append(cases, testCase{fmt.Sprintf("%d %s", rate, [...]string{"sweep", "clicks", "hiss", "voice"}[i]), fmt.Sprintf(s, rate), options})
		}
	}
	var all features
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			clip := encode(t, c.source, c.options...)
			var f features
			_, got := decodeAll(t, clip, func(d *Decoder) { f.add(d); all.add(d) })
			want := reference(t, clip.file)
			if len(got) != len(want) {
				t.Fatalf("%d values, ffmpeg has %d", len(got), len(want))
			}
			t.Logf("%.1f dB %+v", snr(got, want), f)
		})
	}
	t.Logf("%+v", all)
}
