package dec

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sluice/protocols/codec/aac"
	"sluice/server/transcode/aac/mdct"
)

// Stereo sources in lavfi's language; %[1]d is the sample rate.
const (
	sweep = "aevalsrc=exprs='0.4*sin(2*PI*(60*t+%[1]d/8*t*t))|0.3*sin(2*PI*(%[1]d/3*t-%[1]d/12*t*t))':s=%[1]d:d=1.2"
	// clicks over tones and noise force short blocks.
	clicks = "aevalsrc=exprs='0.2*sin(880*PI*t)+0.5*(random(0)-0.5)*lt(mod(t,0.21),0.004)" +
		"|0.15*sin(1320*PI*t)+0.01*(random(1)-0.5)+0.5*(random(2)-0.5)*lt(mod(t,0.17),0.003)':s=%[1]d:d=1.2"
	hiss = "anoisesrc=d=1.2:a=0.3:c=pink:r=%[1]d:s=7,aformat=channel_layouts=stereo"
	// voice is a buzz whose formants move and which stops and starts.
	voice = "aevalsrc=exprs='0.5*pow(abs(sin(PI*(110*t+2*sin(5*t)))),20)*sin(2*PI*(700+300*sin(4*t))*t)" +
		"*gt(sin(7*t),-0.5)+0.003*(random(0)-0.5)|0.4*pow(abs(sin(PI*110*t)),20)*sin(2*PI*1800*t)*gt(sin(7*t),-0.4)':s=%[1]d:d=1.2"
)

// leastSNR is asked of everything that is not random. The project's bar is 80 dB;
// all cases measure between 135 and 140, two float32 decoders' rounding.
const leastSNR = 120

func TestEncodedAgainstFFmpeg(t *testing.T) {
	var all features
	sources := []struct{ name, expr string }{{"sweep", sweep}, {"clicks", clicks}, {"hiss", hiss}, {"voice", voice}}
	for i, rate := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000} {
		for k, source := range sources {
			if k != i%4 && rate != 44100 {
				continue
			}
			coder := [...]string{"twoloop", "fast"}[(i+k)%2]
			t.Run(fmt.Sprintf("%s %s %d", source.name, coder, rate), func(t *testing.T) {
				c := encode(t, fmt.Sprintf(source.expr, rate), "-aac_pns", "0", "-aac_coder", coder)
				checkSNR(t, decodeAll(t, c, all.add), reference(t, c), leastSNR)
			})
		}
	}
	all.demand(t)
}

// TestGeneratedAgainstFFmpeg has both decoders read frames that use all of the
// syntax at random.
func TestGeneratedAgainstFFmpeg(t *testing.T) {
	var all features
	for channels, kinds := range map[int][]elementKind{
		1: {singleElement},
		2: {pairElement},
		6: {singleElement, pairElement, pairElement, lfeElement},
	} {
		for _, rate := range []int{7350, 8000, 11025, 22050, 32000, 48000, 64000, 96000} {
			t.Run(fmt.Sprintf("%d channels %d", channels, rate), func(t *testing.T) {
				c := generate(t, generator{}, rate, channels, 100, kinds...)
				checkSNR(t, decodeAll(t, c, all.add), reference(t, c), leastSNR)
			})
		}
	}
	all.demand(t)
	if all.pulse == 0 {
		t.Error("no pulses")
	}
}

// TestGeneratedAgainstFaad is a second opinion on what ffmpeg says.
func TestGeneratedAgainstFaad(t *testing.T) {
	c := generate(t, generator{}, 44100, 2, 100, pairElement)
	raw := filepath.Join(t.TempDir(), "faad.raw")
	run(t, "faad", "-q", "-b", "4", "-f", "2", "-g", "-o", raw, c.file)
	data, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	got := decodeAll(t, c, nil)
	checkSNR(t, got[2*FrameLen:], samples(data), leastSNR) // faad leaves the first frame out
}

func TestNoiseHasTheRightEnergy(t *testing.T) {
	for name, c := range map[string]clip{
		"encoded":   encode(t, "anoisesrc=d=5:a=0.3:c=white:r=44100:s=3,aformat=channel_layouts=stereo", "-b:a", "48k", "-aac_pns", "1"),
		"generated": generate(t, generator{noise: true}, 44100, 2, 200, pairElement),
	} {
		t.Run(name, func(t *testing.T) {
			var f features
			got := bandEnergies(decodeAll(t, c, f.add))
			want := bandEnergies(reference(t, c))
			if f.books[13] < 100 {
				t.Fatalf("%d noise bands", f.books[13])
			}
			loudest := slices.Max(want[:])
			for i := range got {
				if want[i] < loudest/1e4 {
					continue // leakage of the analysis
				}
				if db := 10 * math.Log10(got[i]/want[i]); math.Abs(db) > 0.5 {
					t.Errorf("band %d: %+.2f dB against ffmpeg", i, db)
				}
			}
		})
	}
}

// bandEnergies returns the energy of the first of two channels in 16 bands.
func bandEnergies(x []float32) [16]float64 {
	var energies [16]float64
	const n = 2 * FrameLen
	transform, slope := mdct.New(n), mdct.Sine(n)
	block, coefs := make([]float32, n), make([]float32, n/2)
	for ; len(x) >= 2*n; x = x[n:] {
		for i := range n {
			block[i] = x[2*i] * slope[min(i, n-1-i)]
		}
		transform.Forward(coefs, block)
		for k, v := range coefs {
			energies[k*16/len(coefs)] += float64(v) * float64(v)
		}
	}
	return energies
}

// TestMismatchedChannels decodes mono frames of a stream announced as stereo and
// stereo frames of one announced as mono.
func TestMismatchedChannels(t *testing.T) {
	mono, _ := aac.NewConfig(44100, 1)
	stereo, _ := aac.NewConfig(44100, 2)
	ascMono, _ := mono.Append(nil)
	ascStereo, _ := stereo.Append(nil)

	c := encode(t, fmt.Sprintf(voice, 44100), "-ac", "1", "-aac_pns", "0")
	want := reference(t, c)
	c.asc = ascStereo
	got := decodeAll(t, c, nil)
	left, right := make([]float32, len(got)/2), make([]float32, len(got)/2)
	for i := range left {
		left[i], right[i] = got[2*i], got[2*i+1]
	}
	checkSNR(t, left, want, leastSNR)
	checkSNR(t, right, want, leastSNR)

	c = encode(t, fmt.Sprintf(hiss, 44100), "-aac_pns", "0")
	want = reference(t, c)
	for i := range len(want) / 2 {
		want[i] = (want[2*i] + want[2*i+1]) / 2
	}
	c.asc = ascMono
	checkSNR(t, decodeAll(t, c, nil), want[:len(want)/2], leastSNR)
}
