package enc

import (
	"math"
	"math/rand/v2"
)

// The test material is synthesised so that the tests need no recordings and
// give the same figures everywhere. Every function returns interleaved samples.

// materialSeconds is the length of a signal: enough for the reservoir to settle.
const materialSeconds = 5

// stereo interleaves the two channels that f fills.
func stereo(rate int, f func(left, right []float64)) []float32 {
	n := rate * materialSeconds
	l, r := make([]float64, n), make([]float64, n)
	f(l, r)
	peak := 0.0
	for i := range l {
		peak = max(peak, math.Abs(l[i]), math.Abs(r[i]))
	}
	pcm := make([]float32, 2*n)
	for i := range l {
		pcm[2*i] = float32(l[i] / peak * 0.7)
		pcm[2*i+1] = float32(r[i] / peak * 0.7)
	}
	return pcm
}

// music is a chord progression of plucked and bowed notes with harmonics and
// decay, a bass line and a drum kit, spread over the stereo image.
func music(rate int) []float32 {
	return stereo(rate, func(l, r []float64) {
		rnd := rand.New(rand.NewPCG(1, 1))
		chords := [][]float64{{57, 60, 64, 69}, {53, 57, 60, 65}, {48, 55, 60, 64}, {55, 59, 62, 67}}
		beat := rate / 2
		for b := 0; b*beat < len(l); b++ {
			chord := chords[b/4%len(chords)]
			for v, note := range chord {
				at := b*beat + v*beat/8
				pan := float64(v+1) / float64(len(chord)+1)
				pluck(l, r, at, rate, note, pan, 0.25, rnd)
			}
			if b%4 == 0 {
				for v, note := range chord {
					bowed(l, r, b*beat, 4*beat, rate, note+12, 0.8-0.2*float64(v), 0.05, rnd)
				}
			}
			pluck(l, r, b*beat, rate, chord[0]-24, 0.5, 0.6, rnd)
			drums(l, r, b, beat, rate, rnd)
		}
	})
}

func hertz(note float64) float64 { return 440 * math.Exp2((note-69)/12) }

func pluck(l, r []float64, at, rate int, note, pan, gain float64, rnd *rand.Rand) {
	f := hertz(note)
	for h := 1; h <= 24 && f*float64(h) < 0.45*float64(rate); h++ {
		// A decaying sine is the impulse response of two poles.
		w := 2 * math.Pi * f * float64(h) * (1 + 0.0003*float64(h*h)) / float64(rate)
		decay := math.Exp(-(1.5 + 0.5*float64(h)) / float64(rate))
		phase := rnd.Float64() * 6
		a := gain / math.Pow(float64(h), 1.2)
		c1, c2 := 2*decay*math.Cos(w), decay*decay
		y1, y2 := a*math.Sin(phase-w)/decay, a*math.Sin(phase-2*w)/c2
		for i := at; i < len(l) && i < at+2*rate; i++ {
			y := c1*y1 - c2*y2
			y1, y2 = y, y1
			l[i] += y * (1 - pan)
			r[i] += y * pan
		}
	}
}

func bowed(l, r []float64, at, n, rate int, note, pan, gain float64, rnd *rand.Rand) {
	f := hertz(note)
	for h := 1; h <= 16 && f*float64(h) < 0.45*float64(rate); h++ {
		phase, a := rnd.Float64()*6, gain/float64(h)
		for i := at; i < min(at+n, len(l)); i++ {
			t := float64(i-at) / float64(rate)
			env := min(1, t*8) * min(1, float64(at+n-i)/float64(rate)*8)
			vibrato := 0.004 * math.Sin(2*math.Pi*5.5*t) / 5.5
			s := a * env * math.Sin(2*math.Pi*f*float64(h)*(t+vibrato)+phase)
			l[i] += s * (1 - pan)
			r[i] += s * pan
		}
	}
}

func drums(l, r []float64, b, beat, rate int, rnd *rand.Rand) {
	hit := func(at int, decay, gain, tone, smooth, pan float64) {
		low := 0.0
		for i := at; i < min(at+rate/2, len(l)); i++ {
			t := float64(i-at) / float64(rate)
			noise := rnd.NormFloat64()
			low += smooth * (noise - low)
			s := gain * math.Exp(-decay*t) * (noise - low)
			if tone > 0 {
				s = s*0.2 + 2*gain*math.Exp(-decay*t)*math.Sin(2*math.Pi*tone*(t-0.6*t*t))
			}
			l[i] += s * (1 - pan)
			r[i] += s * pan
		}
	}
	if b%2 == 0 {
		hit(b*beat, 18, 0.5, 60, 0.99, 0.5)
	} else {
		hit(b*beat, 25, 0.25, 180, 0.3, 0.45)
	}
	hit(b*beat, 60, 0.06, 0, 0.7, 0.7)
	hit(b*beat+beat/2, 40, 0.06, 0, 0.7, 0.7)
}

// speech is a formant synthesiser: a glottal pulse train or noise through three
// resonances that move from sound to sound, with pauses over a quiet room.
func speech(rate int) []float32 {
	type sound struct {
		f1, f2, f3    float64 // formants in Hz
		voiced, noise float64 // gains
		ms            int
	}
	sounds := []sound{
		{730, 1090, 2440, 1, 0.01, 180},
		{400, 5200, 7500, 0, 0.5, 110},
		{270, 2290, 3010, 1, 0.01, 160},
		{500, 1500, 2500, 0, 0, 60},
		{400, 1800, 4200, 0, 0.6, 20},
		{570, 840, 2410, 1, 0.02, 200},
		{300, 870, 2240, 1, 0.01, 140},
		{250, 1200, 2200, 0.5, 0, 80},
		{660, 1720, 2410, 1, 0.02, 170},
		{500, 3400, 6500, 0.2, 0.3, 100},
		{490, 1350, 1690, 1, 0.01, 150},
		{500, 1500, 2500, 0, 0, 250},
	}
	return stereo(rate, func(l, r []float64) {
		rnd := rand.New(rand.NewPCG(2, 2))
		var y [3][2]float64
		var gain [2]float64
		form := [3]float64{500, 1500, 2500}
		phase, k, left := 0.0, 0, 0
		for i := range l {
			if left == 0 {
				k = (k + 1 + rnd.IntN(3)) % len(sounds)
				left = sounds[k].ms * rate / 1000
			}
			left--
			s := sounds[k]
			glide := 120 / float64(rate)
			for j, f := range [3]float64{s.f1, s.f2, s.f3} {
				form[j] += glide * (f - form[j])
			}
			gain[0] += glide * (s.voiced - gain[0])
			gain[1] += 3 * glide * (s.noise - gain[1])
			t := float64(i) / float64(rate)
			phase += (115 + 25*math.Sin(2.1*t) + 8*math.Sin(7*t)) / float64(rate)
			phase -= math.Floor(phase)
			pulse := 0.0
			if phase < 0.4 {
				pulse = math.Sin(math.Pi*phase/0.4) - 0.64*0.4
			}
			x := gain[0]*pulse*(1+0.02*rnd.NormFloat64()) + gain[1]*0.3*rnd.NormFloat64()
			out := 0.0
			for j, f := range form {
				f = min(f, 0.45*float64(rate))
				q := math.Exp(-math.Pi * (60 + 0.05*f) / float64(rate))
				c := 2 * q * math.Cos(2*math.Pi*f/float64(rate))
				v := x*(1-q) + c*y[j][0] - q*q*y[j][1]
				y[j][1], y[j][0] = y[j][0], v
				out += v / float64(j+1)
			}
			room := 2e-4
			l[i] = out + room*rnd.NormFloat64()
			r[i] = 0.9*out + room*rnd.NormFloat64()
		}
	})
}

// sweep is a logarithmic sine sweep from 20 Hz to 20 kHz or 0.45 of the rate.
func sweep(rate int) []float32 {
	return stereo(rate, func(l, r []float64) {
		top := min(20000, 0.45*float64(rate))
		ratio := math.Log(top / 20)
		for i := range l {
			t := float64(i) / float64(len(l))
			s := math.Sin(2 * math.Pi * 20 * materialSeconds / ratio * (math.Exp(t*ratio) - 1))
			l[i], r[i] = s, s
		}
	})
}

// mix is the music with a bed of pink-like noise and a little of the speech:
// broadband sound with nothing to spare.
func mix(rate int) []float32 {
	m, s := music(rate), speech(rate)
	rnd := rand.New(rand.NewPCG(3, 3))
	var pink [2][3]float64
	for i := range m {
		w := rnd.NormFloat64()
		p := &pink[i%2]
		p[0] = 0.997*p[0] + 0.03*w
		p[1] = 0.97*p[1] + 0.1*w
		p[2] = 0.7*p[2] + 0.3*w
		m[i] = 0.6*m[i] + 0.3*s[i] + 0.04*float32(p[0]+p[1]+p[2]+0.3*w)
	}
	return m
}
