package enc

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"sluice/protocols/codec/aac"
)

// encoded is a stream of our own.
type encoded struct {
	cfg    Config
	frames [][]byte
	delay  int
}

// encode encodes pcm and as much silence as brings its end out.
func encode(t testing.TB, cfg Config, pcm []float32) encoded {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := encoded{cfg: cfg, delay: e.Delay()}
	block := make([]float32, FrameLen*cfg.Channels)
	for at := 0; at < len(pcm)+(e.Delay()+FrameLen)*cfg.Channels; at += len(block) {
		clear(block)
		copy(block, pcm[min(at, len(pcm)):])
		frame, err := e.Encode(block, nil)
		if err != nil {
			t.Fatal(err)
		}
		out.frames = append(out.frames, frame)
	}
	return out
}

// bitrate returns the average in bits per second.
func (e encoded) bitrate() float64 {
	bits := 0
	for _, f := range e.frames {
		bits += 8 * len(f)
	}
	return float64(bits) * float64(e.cfg.SampleRate) / float64(len(e.frames)*FrameLen)
}

// file writes the stream as ADTS and returns the file's name.
func (e encoded) file(t testing.TB) string {
	t.Helper()
	config, err := aac.NewConfig(e.cfg.SampleRate, e.cfg.Channels)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, f := range e.frames {
		if out, err = aac.AppendADTS(out, config, len(f)); err != nil {
			t.Fatal(err)
		}
		out = append(out, f...)
	}
	name := filepath.Join(t.TempDir(), "ours.aac")
	if err := os.WriteFile(name, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// ffmpegDecode decodes a file with ffmpeg, which must have nothing to complain
// about, and drops what stands before the sample at delay.
func ffmpegDecode(t testing.TB, file string, delay, channels int) []float32 {
	t.Helper()
	out, errs := run(t, nil, "ffmpeg", "-v", "error", "-i", file, "-f", "f32le", "-")
	if len(errs) > 0 {
		t.Fatalf("ffmpeg complains: %s", errs)
	}
	return floats(out)[delay*channels:]
}

// faadDecode does the same with faad, which leaves the first frame out.
func faadDecode(t testing.TB, file string, delay, channels int) []float32 {
	t.Helper()
	out, _ := run(t, nil, "faad", "-q", "-w", "-f", "2", "-b", "4", file)
	return floats(out)[(delay-FrameLen)*channels:]
}

// ffmpegEncode encodes and decodes pcm with ffmpeg's own fast AAC encoder, and
// returns the samples in line with pcm.
func ffmpegEncode(t testing.TB, cfg Config, pcm []float32) []float32 {
	t.Helper()
	var raw bytes.Buffer
	if err := binary.Write(&raw, binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "theirs.aac")
	run(t, raw.Bytes(), "ffmpeg", "-v", "error", "-f", "f32le", "-ar", strconv.Itoa(cfg.SampleRate),
		"-ac", strconv.Itoa(cfg.Channels), "-i", "-", "-c:a", "aac", "-b:a", strconv.Itoa(cfg.Bitrate),
		"-aac_coder", "fast", name)
	const priming = 1024
	return ffmpegDecode(t, name, priming, cfg.Channels)
}

func floats(raw []byte) []float32 {
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

func run(t testing.TB, input []byte, name string, args ...string) (stdout, stderr []byte) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, errs.Bytes())
	}
	return out, errs.Bytes()
}
