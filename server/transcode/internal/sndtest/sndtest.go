// Package sndtest makes and measures sound for the tests of the codecs and
// pipelines. Samples are float32, interleaved, with full scale at 1.
//
// The functions that take long share nothing and are spared the race detector.
package sndtest

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
)

// Tone returns n samples per channel of a sine.
func Tone(rate, channels, n int, hz, amplitude float64) []float32 {
	pcm := make([]float32, 0, n*channels)
	for i := range n {
		x := float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
		for range channels {
			pcm = append(pcm, x)
		}
	}
	return pcm
}

// Music returns n samples per channel of plucked chords over soft noise, each
// channel a little different. The same time of it sounds the same at every
// rate above 16 kHz, but for the noise.
//
//go:norace
func Music(rate, channels, n int) []float32 {
	rnd := rand.New(rand.NewPCG(7, 7))
	notes := [...]float64{220, 261.63, 329.63, 440, 523.25, 659.26, 587.33, 493.88}
	pcm := make([]float32, n*channels)
	step := rate / 5
	for k := 0; k*step < n; k++ {
		for h := 1; h <= 10; h++ {
			w := 2 * math.Pi * notes[k*3%len(notes)] * float64(h) / float64(rate)
			a := 0.25 / float64(h)
			decay := math.Exp(-(2 + float64(h)) / float64(rate))
			for i := k * step; i < min(n, (k+4)*step); i++ {
				x := a * math.Sin(w*float64(i-k*step))
				for c := range channels {
					pcm[i*channels+c] += float32(x * (1 - 0.3*float64((k+c)%2)))
				}
				a *= decay
			}
		}
	}
	for i := range pcm {
		pcm[i] += float32(0.003 * rnd.NormFloat64())
	}
	return pcm
}

// Channel returns one channel of interleaved samples.
func Channel(pcm []float32, channels, c int) []float32 {
	out := make([]float32, 0, len(pcm)/channels)
	for i := c; i < len(pcm); i += channels {
		out = append(out, pcm[i])
	}
	return out
}

// SINAD returns how far all that is not the sine of hz lies below it, in dB.
// x is one channel.
//
//go:norace
func SINAD(x []float32, rate int, hz float64) float64 {
	// Least squares fit of a sine, a cosine and a constant; over many periods
	// they are nearly orthogonal, so a few rounds of projection settle it.
	res := make([]float64, len(x))
	for i, v := range x {
		res[i] = float64(v)
	}
	n := float64(len(x))
	w := 2 * math.Pi * hz / float64(rate)
	var amp [3]float64
	for range 4 {
		var s [3]float64
		for i, v := range res {
			s[0] += v * math.Sin(w*float64(i))
			s[1] += v * math.Cos(w*float64(i))
			s[2] += v
		}
		a, b, c := 2*s[0]/n, 2*s[1]/n, s[2]/n
		amp[0] += a
		amp[1] += b
		for i := range res {
			res[i] -= a*math.Sin(w*float64(i)) + b*math.Cos(w*float64(i)) + c
		}
	}
	noise := 0.0
	for _, v := range res {
		noise += v * v
	}
	return 10 * math.Log10((amp[0]*amp[0]+amp[1]*amp[1])/2/(noise/n))
}

// SNR returns the ratio of ref to got's difference from it, in dB, over the
// length that both have.
//
//go:norace
func SNR(ref, got []float32) float64 {
	var s, d float64
	for i := range min(len(ref), len(got)) {
		e := float64(ref[i]) - float64(got[i])
		s += float64(ref[i]) * float64(ref[i])
		d += e * e
	}
	return 10 * math.Log10(s/d)
}

// RMS returns the root mean square of x.
func RMS(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s / float64(max(1, len(x))))
}

// Lag returns by how many samples got comes after ref where the two fit best,
// within ±most. Both are one channel.
//
//go:norace
func Lag(ref, got []float32, most int) int {
	best, at := math.Inf(-1), 0
	for lag := -most; lag <= most; lag++ {
		var s, a, b float64
		for i := max(0, lag); i < len(got) && i-lag < len(ref); i++ {
			x, y := float64(ref[i-lag]), float64(got[i])
			s += x * y
			a += x * x
			b += y * y
		}
		if c := s / math.Sqrt(a*b+1e-12); c > best {
			best, at = c, lag
		}
	}
	return at
}

// Bytes returns samples as little-endian float32, ffmpeg's f32le.
func Bytes(pcm []float32) []byte {
	out := make([]byte, 0, 4*len(pcm))
	for _, x := range pcm {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

// Floats is the inverse of Bytes.
func Floats(b []byte) []float32 {
	out := make([]float32, 0, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return out
}

// FFmpeg runs ffmpeg with in on its input and returns its output. The
// arguments name them pipe:0 and pipe:1.
func FFmpeg(tb testing.TB, in []byte, args ...string) []byte {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error"}, args...)...)
	var out, diag bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &diag
	if err := cmd.Run(); err != nil {
		tb.Fatalf("ffmpeg %v: %v\n%s", args, err, diag.Bytes())
	}
	return out.Bytes()
}
