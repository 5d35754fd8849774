package mpa

import (
	"fmt"
	"math"
	"strings"
	"testing"

	header "sluice/protocols/codec/mpa"
	"sluice/server/media"
	"sluice/server/transcode/internal/sndtest"
)

// frames cuts a file of MPEG audio.
func frames(tb testing.TB, b []byte) (list [][]byte) {
	tb.Helper()
	for len(b) > 0 {
		h, err := header.ParseHeader(b)
		if err != nil || h.Size > len(b) {
			tb.Fatalf("frame %d: %+v, %v, %d bytes", len(list), h, err, len(b))
		}
		list = append(list, b[:h.Size])
		b = b[h.Size:]
	}
	return list
}

func decoder(tb testing.TB, frame []byte) (*Decoder, *media.Track) {
	tb.Helper()
	h, err := header.ParseHeader(frame)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(h.Track())
	if err != nil {
		tb.Fatal(err)
	}
	return d, h.Track()
}

func decodeAll(tb testing.TB, list [][]byte) (pcm []float32) {
	tb.Helper()
	d, _ := decoder(tb, list[0])
	for i, f := range list {
		var err error
		if pcm, err = d.Decode(f, pcm); err != nil {
			tb.Fatalf("frame %d: %v", i, err)
		}
	}
	return pcm
}

// reference is what ffmpeg makes of the frames.
func reference(tb testing.TB, format string, b []byte) []float32 {
	tb.Helper()
	return sndtest.Floats(sndtest.FFmpeg(tb, b, "-f", "mp3", "-c:a", format+"float", "-i", "pipe:0", "-f", "f32le", "pipe:1"))
}

// clicks over tones and noise force short blocks and bits from the reservoir.
const source = "aevalsrc=exprs='0.2*sin(880*PI*t)+0.5*(random(0)-0.5)*lt(mod(t,0.21),0.004)" +
	"|0.15*sin(1320*PI*t)+0.01*(random(1)-0.5)+0.5*(random(2)-0.5)*lt(mod(t,0.17),0.003)':s=%d:d=0.6"

// leastSNR is asked of everything: what two float32 decoders' rounding leaves.
const leastSNR = 110

func TestEncodedAgainstFFmpeg(t *testing.T) {
	for _, c := range []struct {
		format string
		rate   int
		args   string
	}{
		{"mp3", 44100, "-ac 2 -b:a 128k"},
		{"mp3", 48000, "-ac 2 -q:a 4"},
		{"mp3", 32000, "-ac 2 -b:a 96k"},
		{"mp3", 24000, "-ac 2 -b:a 64k"},
		{"mp3", 22050, "-ac 1 -b:a 32k"},
		{"mp3", 12000, "-ac 1 -b:a 16k"},
		{"mp3", 8000, "-ac 1 -b:a 16k"},
		{"mp2", 48000, "-ac 2 -b:a 192k"},
		{"mp2", 44100, "-ac 1 -b:a 160k"},
		{"mp2", 44100, "-ac 2 -b:a 64k"},
		{"mp2", 32000, "-ac 2 -b:a 64k"},
		{"mp2", 24000, "-ac 2 -b:a 64k"},
	} {
		t.Run(fmt.Sprint(c.format, " ", c.rate, " ", c.args), func(t *testing.T) {
			t.Parallel()
			encoder := map[string]string{"mp3": "libmp3lame -write_xing 0 -id3v2_version 0", "mp2": "mp2"}[c.format]
			args := strings.Fields(fmt.Sprintf("-f lavfi -i %s -c:a %s %s -f %s pipe:1", fmt.Sprintf(source, c.rate), encoder, c.args, c.format))
			b := sndtest.FFmpeg(t, nil, args...)
			least := leastSNR
			if c.format == "mp3" && c.rate == 24000 {
				least = 50 // ffmpeg has two lines in another band
			}
			check(t, decodeAll(t, frames(t, b)), reference(t, c.format, b), least)
		})
	}
}

func check(t *testing.T, got, want []float32, least int) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d samples, ffmpeg has %d", len(got), len(want))
	}
	for i, v := range want {
		want[i] = min(max(v, -1), 1)
	}
	snr := sndtest.SNR(want, got)
	t.Logf("SNR %.1f dB", snr)
	if snr < float64(least) || math.IsNaN(snr) {
		t.Errorf("SNR %.1f dB, want %d", snr, least)
	}
}
