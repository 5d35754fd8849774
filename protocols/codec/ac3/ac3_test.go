package ac3

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"sluice/server/media"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The first ones are from ffmpeg's encoders.
var cases = []struct {
	name  string
	bytes string
	want  Header
}{
	{"AC-3, 192 kbit/s", "0b77 0000 14 40 43 e1", Header{SampleRate: 48000, Channels: 2, Samples: 1536, Size: 768}},
	{"AC-3, 44.1 kHz, long frame", "0b77 0000 55 40 43 e1", Header{SampleRate: 44100, Channels: 2, Samples: 1536, Size: 836}},
	{"AC-3, 32 kHz mono", "0b77 0000 88 40 21 00", Header{SampleRate: 32000, Channels: 1, Samples: 1536, Size: 384}},
	{"AC-3, 5.1", "0b77 0000 1e 40 e1 00", Header{SampleRate: 48000, Channels: 6, Samples: 1536, Size: 1792}},
	{"E-AC-3 stereo", "0b77 017f 34 87 00 00", Header{Enhanced: true, SampleRate: 48000, Channels: 2, Samples: 1536, Size: 768}},
	{"E-AC-3, one block, 5.1", "0b77 00ff 0f 87 00 00", Header{Enhanced: true, SampleRate: 48000, Channels: 6, Samples: 256, Size: 512}},
	{"E-AC-3, half rate", "0b77 00ff c4 87 00 00", Header{Enhanced: true, SampleRate: 24000, Channels: 2, Samples: 1536, Size: 512}},
	{"E-AC-3, dependent", "0b77 48ff 34 87 00 00", Header{Enhanced: true, Dependent: true, Substream: 1, SampleRate: 48000, Channels: 2, Samples: 1536, Size: 512}},
}

func TestParseHeader(t *testing.T) {
	for _, c := range cases {
		b := unhex(c.bytes)
		got, err := ParseHeader(b)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
		for n := range b {
			if _, err := ParseHeader(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut at %d: %v", c.name, n, err)
			}
		}
		track, err := Track(b)
		if err != nil || track.SampleRate != c.want.SampleRate || (track.Codec == media.EAC3) != c.want.Enhanced {
			t.Errorf("%s: track %+v, %v", c.name, track, err)
		}
	}
}

func TestBadHeaders(t *testing.T) {
	for _, s := range []string{
		"0b76 0000 14 40 43 e1", // sync word
		"0b77 0000 d4 40 43 e1", // fscod 3
		"0b77 0000 26 40 43 e1", // frmsizecod 38
		"0b77 0000 14 48 43 e1", // bsid 9
		"0b77 0000 14 88 43 e1", // bsid 17
		"0b77 c17f 34 87 00 00", // strmtyp 3
		"0b77 017f f4 87 00 00", // fscod2 3
		"0b77 0000 34 87 00 00", // 2 bytes
	} {
		if h, err := ParseHeader(unhex(s)); err == nil {
			t.Errorf("%s is %+v", s, h)
		}
	}
}

// TestFrameSize: dependent substreams go with the frame that they add to.
func TestFrameSize(t *testing.T) {
	first, second := make([]byte, 768), make([]byte, 512)
	copy(first, unhex(cases[4].bytes))
	copy(second, unhex(cases[7].bytes))
	for _, c := range []struct {
		name   string
		stream []byte
		want   int
	}{
		{"alone", first, 768},
		{"cut", first[:100], 768},
		{"two programs", append(bytes.Clone(first), first...), 768},
		{"with a dependent substream", append(append(bytes.Clone(first), second...), first...), 1280},
		{"which is cut", append(bytes.Clone(first), second[:20]...), 1280},
	} {
		if _, n, err := FrameSize(c.stream); err != nil || n != c.want {
			t.Errorf("%s: %d, %v; want %d", c.name, n, err, c.want)
		}
	}
}

// TestFFmpeg walks over what ffmpeg writes.
func TestFFmpeg(t *testing.T) {
	for _, c := range []struct {
		codec string
		rate  string
		want  media.Codec
	}{{"ac3", "48000", media.AC3}, {"ac3", "44100", media.AC3}, {"ac3", "32000", media.AC3}, {"eac3", "48000", media.EAC3}} {
		cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=r="+c.rate+":d=1", "-ac", "2", "-c:a", c.codec, "-f", c.codec, "-")
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("ffmpeg: %v", err)
		}
		track, err := Track(b)
		if err != nil || track.Codec != c.want || track.Channels != 2 {
			t.Errorf("%s at %s Hz: %+v, %v", c.codec, c.rate, track, err)
		}
		samples := 0
		for len(b) > 0 {
			h, n, err := FrameSize(b)
			if err != nil || n > len(b) {
				t.Fatalf("%s at %s Hz: %d bytes left: %d, %v", c.codec, c.rate, len(b), n, err)
			}
			samples += h.Samples
			b = b[n:]
		}
		if samples < track.SampleRate || samples > track.SampleRate+2*1536 {
			t.Errorf("%s at %s Hz: %d samples", c.codec, c.rate, samples)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, c := range cases {
		f.Add(unhex(c.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := FrameSize(b)
		if err != nil {
			return
		}
		if h.SampleRate < 16000 || h.Channels < 1 || h.Channels > 6 || h.Samples < 256 || h.Size < HeaderSize || n < h.Size {
			t.Fatalf("%+v, %d", h, n)
		}
	})
}
