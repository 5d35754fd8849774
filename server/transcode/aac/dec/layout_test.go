package dec

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// layoutCases lists what ffmpeg's encoder makes of its channel layouts, channels
// in the same order. 6.0, 6.1, 7.0 and octagonal are left out: there the encoder
// mixes the channels up.
var layoutCases = []struct {
	source, want string
	odd          bool // a program config element without sense: see improvise
}{
	{"2.1", "FL FR LFE", false},
	{"3.0", "FL FR FC", false},
	{"4.0", "FL FR FC BC", false},
	{"quad", "FL FR BL BR", false},
	{"quad(side)", "FL FR SL SR", false},
	{"3.1", "FL FR FC LFE", false},
	{"5.0", "FL FR FC BL BR", false},
	{"5.0(side)", "FL FR FC SL SR", false},
	{"5.1", "FL FR FC LFE BL BR", false},
	{"7.1", "FL FR FC LFE BL BR SL SR", false},
	{"4.1", "FL FR FC LFE BC", true},
	{"5.1(side)", "FL FR FC LFE BL BR", true},
	{"7.1(wide)", "FL FR FC LFE BL BR SL SR", true},
}

// toneOf is the frequency of the source's channel i in Hz: low enough for the
// LFE channel, and a whole number of periods in half a second.
func toneOf(i int) int { return 30 + 10*i }

func TestLayouts(t *testing.T) {
	for _, c := range layoutCases {
		t.Run(c.source, func(t *testing.T) {
			n := len(strings.Fields(c.want))
			var tones []string
			for i := range n {
				tones = append(tones, fmt.Sprintf("0.3*sin(2*PI*%d*t)", toneOf(i)))
			}
			stream := encode(t, fmt.Sprintf("aevalsrc=exprs='%s':c=%s:s=48000:d=0.7", strings.Join(tones, "|"), c.source),
				"-b:a", fmt.Sprint(n*64000), "-aac_pns", "0", "-aac_coder", "fast")
			d, _ := newDecoder(t, stream.asc)
			if got := names(d.Info().Layout); got != c.want {
				t.Fatalf("layout %s, want %s", got, c.want)
			}
			got := decodeAll(t, stream, nil)
			for i := range n {
				if heard := loudestTone(got[4*FrameLen*n+i:], n); heard != i {
					t.Errorf("%v plays the source's channel %d", d.Info().Layout[i], heard)
				}
			}
			if !c.odd {
				checkSNR(t, got, reference(t, stream), leastSNR)
			}
		})
	}
}

// loudestTone returns which tone is the strongest in a channel of n.
func loudestTone(x []float32, n int) (best int) {
	most := 0.0
	for tone := range n {
		var re, im float64
		for i := range 24000 {
			sin, cos := math.Sincos(2 * math.Pi * float64(toneOf(tone)*i) / 48000)
			re += float64(x[i*n]) * cos
			im += float64(x[i*n]) * sin
		}
		if power := re*re + im*im; power > most {
			best, most = tone, power
		}
	}
	return best
}

func names(layout []Speaker) string {
	var list []string
	for _, s := range layout {
		list = append(list, s.String())
	}
	return strings.Join(list, " ")
}

func TestSpeakerNames(t *testing.T) {
	got := names([]Speaker{FrontLeft, LowFrequency, TopFrontRight, 99})
	if want := "FL LFE TFR speaker(99)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
