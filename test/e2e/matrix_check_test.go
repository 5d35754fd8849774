package e2e

import (
	"crypto/md5"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A want is how a medium has to come out of one outlet.
type want struct {
	video, audio string // codecs
	passed       bool   // the sound's packets stay what they are
	drops        bool   // B pictures may be left out, or be repeats of others
	// settle is for how many seconds the times of pictures mean nothing: a WHEP player
	// catches up faster than the stream, and ffmpeg has to guess the time of the first
	// picture of an RTSP stream with B pictures.
	settle  float64
	bframes int
	runs    int // how often the publisher came; 0 for once or more
	// padded says that silence may end the sound of one that was cut off.
	padded bool
}

// A stint is what a recording has of one coming of the publisher.
type stint struct {
	first, last int       // of the source's pictures
	from, to    float64   // s, in the recording
	shift       float64   // s, from the source's time to the recording's
	shifts      []float64 // of each picture
	pictures    int
	av          float64 // s, by which the sound is later than in the source
}

// A verdict is what was found of a recording.
type verdict struct {
	video, audio string
	runs         []stint
	faults       []string
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// maxOffset is how far picture and sound may move against each other.
const maxOffset = 0.040

// compare checks a recording against its source.
func compare(src, got *take, w want) (v verdict) {
	v.video, v.audio = got.tracks["video"].codec, got.tracks["audio"].codec
	if v.video != w.video || v.audio != w.audio {
		v.fault("the tracks are %q and %q, want %q and %q", v.video, v.audio, w.video, w.audio)
	}
	if got.complaints != "" {
		v.fault("ffmpeg complains: %.300s", got.complaints)
	}
	for kind, list := range got.packets {
		risingDTS(&v, kind, list)
	}
	if p := got.packets["video"]; len(p) > 0 && !p[0].key {
		v.fault("the first picture is no key frame")
	}
	v.runs = findRuns(&v, src, got, w)
	if len(v.runs) == 0 || w.runs > 0 && len(v.runs) != w.runs {
		v.fault("%d runs of pictures, want %d: %s", len(v.runs), w.runs, spans(v.runs))
	}
	if w.audio == "" || v.audio == "" {
		return v
	}
	if w.passed {
		samePackets(&v, src, got, len(v.runs), w.padded)
	}
	for i := range v.runs {
		// Who joins gets the sound that comes after the key frame: where pictures
		// come late, that of some 100 ms is past.
		edge := 0.5
		if i == 0 {
			edge = max(edge, w.settle)
		}
		sameSound(&v, src, got, &v.runs[i], edge)
	}
	return v
}

func spans(runs []stint) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "[%d-%d at %.3f] ", r.first, r.last, r.from)
	}
	return b.String()
}

// risingDTS wants decoding times that rise.
func risingDTS(v *verdict, kind string, list []filePacket) {
	last := math.Inf(-1)
	for i, p := range list {
		if p.dts <= last {
			v.fault("%s: packet %d of %d: DTS %.4f after %.4f", kind, i, len(list), p.dts, last)
			return
		}
		if !math.IsNaN(p.dts) {
			last = p.dts
		}
	}
}

// findRuns finds each decoded picture in the source, by its hash.
func findRuns(v *verdict, src, got *take, w want) (runs []stint) {
	index := map[string]int{}
	for i, f := range src.frames {
		index[f.hash] = i
	}
	last, lastPTS := -1, math.Inf(-1)
	for n, f := range got.frames {
		i, ok := index[f.hash]
		if !ok {
			v.fault("picture %d of %d, at %.3f s, is not the source's (after its %d)", n, len(got.frames), f.pts, last)
			return runs
		}
		if f.pts <= lastPTS {
			v.fault("picture %d: PTS %.4f after %.4f", n, f.pts, lastPTS)
		}
		lastPTS = f.pts
		switch {
		case len(runs) == 0 || i < last-w.bframes:
			runs = append(runs, stint{first: i, from: f.pts})
		case i == last+1:
		case w.drops && i >= last && i <= last+1+w.bframes:
		default:
			// When a publisher is killed, B pictures of its last group are missing.
			next := slices.IndexFunc(got.frames[n:], func(f frame) bool { return index[f.hash] < i-w.bframes })
			if next < 0 {
				next = len(got.frames) - n
			}
			if next > w.bframes {
				v.fault("picture %d of %d is the source's %d, after its %d", n, len(got.frames), i, last)
			}
		}
		r := &runs[len(runs)-1]
		if caughtUp := len(runs) > 1 || f.pts >= r.from+w.settle; caughtUp && (!w.drops || i != last) {
			r.shifts = append(r.shifts, f.pts-src.frames[i].pts)
		}
		r.last, r.to, last = i, f.pts, i
		r.pictures++
	}
	for i := range runs {
		r := &runs[i]
		if len(r.shifts) > 0 {
			slices.Sort(r.shifts)
			r.shift = r.shifts[len(r.shifts)/2]
			if spread := max(r.shift-r.shifts[0], r.shifts[len(r.shifts)-1]-r.shift); spread > 0.010 {
				v.fault("run %d: pictures are up to %.1f ms off their time", i, spread*1000)
			}
		}
		if r.pictures < mediaFPS {
			v.fault("run %d has %d pictures only", i, r.pictures)
		}
		if r.first%mediaGOP != 0 {
			v.fault("run %d begins with picture %d, which is no key frame", i, r.first)
		}
	}
	return runs
}

// noSound are the hashes of frames of AAC without a sound, mono, stereo and 5.1, of
// no source here.
func noSound() (hashes []string) {
	for _, frame := range []string{"\x00\x00\x00\x07", "\x21\x00\x00\x00\x00\x1c", "\x00\x00\x00\x01\x08\x00\x00\x00\x00\x23\x00\x00\x00\x00\x0c\x00\x00\x00\xe0"} {
		hashes = append(hashes, fmt.Sprintf("%x", md5.Sum([]byte(frame))))
	}
	return hashes
}

// samePackets wants the sound's packets to be the source's, none missing, but
// where a run begins and ends.
func samePackets(v *verdict, src, got *take, runs int, padded bool) {
	if strings.HasPrefix(v.audio, "pcm") {
		return // samples have no bounds of packets: sameSound compares them
	}
	orig, list := src.packets["audio"], got.packets["audio"]
	if padded {
		quiet := noSound()
		list = slices.DeleteFunc(slices.Clone(list), func(p filePacket) bool {
			return slices.ContainsFunc(quiet, func(hash string) bool { return strings.HasSuffix(p.hash, hash) })
		})
	}
	// A tone may repeat itself: a run begins where most packets fit.
	find := func(n int) int {
		best, longest := -1, 0
		for i := range orig {
			same := 0
			for same < 100 && i+same < len(orig) && n+same < len(list) && orig[i+same].hash == list[n+same].hash {
				same++
			}
			if same > longest {
				best, longest = i, same
			}
		}
		return best
	}
	breaks, last := 0, -2
	for n, p := range list {
		if last >= 0 && last+1 < len(orig) && orig[last+1].hash == p.hash {
			last++
			continue
		}
		i := find(n)
		if i < 0 {
			v.fault("packet %d of %d of the sound is not the source's", n, len(list))
			return
		}
		breaks++
		last = i
	}
	if breaks != runs {
		v.fault("the sound has %d runs of packets, want %d", breaks, runs)
	}
}

// sameSound measures how far a run's sound has moved against its pictures, and
// whether it is all there.
func sameSound(v *verdict, src, got *take, r *stint, skip float64) {
	const edge, span = 0.3, 0.5 // s: of the run, and to look for the sound in
	from, to := r.from+skip, r.to-edge
	if to-from < 1 {
		v.fault("a run of %.1f s is too short to hear", r.to-r.from)
		return
	}
	rec := got.between(from, to)
	orig := src.between(from-r.shift-span, to-r.shift+span)
	a, b := envelope(rec), envelope(orig)
	best, at := -1., 0
	for lag := 0; lag+len(a) <= len(b); lag++ {
		if c := correlation(a, b[lag:lag+len(a)]); c > best {
			best, at = c, lag
		}
	}
	r.av = span - float64(at)/1000
	if best < 0.9 {
		v.fault("at %.1f s the sound is not the source's (correlation %.2f)", r.from, best)
		return
	}
	if math.Abs(r.av) > maxOffset {
		v.fault("at %.1f s the sound is %.0f ms late", r.from, r.av*1000)
	}
	if hz := tonePitch(rec); math.Abs(hz-mediaHz) > 30 {
		v.fault("at %.1f s the tone is of %.0f Hz", r.from, hz)
	}
	quiet := 0
	for i := 0; i+10 <= len(a); i += 10 {
		if slices.Max(a[i:i+10]) < 0.01 {
			quiet++
		}
	}
	// A sender report may move sound forward by some ms at once.
	if quiet > 2 {
		v.fault("at %.1f s %d ms of the sound are silent", r.from, quiet*10)
	}
}

// envelope is the loudness of each millisecond.
func envelope(samples []float64) []float64 {
	const n = pcmRate / 1000
	out := make([]float64, len(samples)/n)
	for i := range out {
		for _, s := range samples[i*n : (i+1)*n] {
			out[i] += math.Abs(s) / n
		}
	}
	// The tone's own wave is no loudness.
	smooth := make([]float64, len(out))
	for i := range smooth {
		part := out[max(0, i-2):min(len(out), i+3)]
		for _, x := range part {
			smooth[i] += x / float64(len(part))
		}
	}
	return smooth
}

// correlation is Pearson's.
func correlation(a, b []float64) float64 {
	var sa, sb, saa, sbb, sab float64
	for i := range a {
		sa, sb = sa+a[i], sb+b[i]
		saa, sbb, sab = saa+a[i]*a[i], sbb+b[i]*b[i], sab+a[i]*b[i]
	}
	n := float64(len(a))
	d := math.Sqrt((n*saa - sa*sa) * (n*sbb - sb*sb))
	if d == 0 {
		return 0
	}
	return (n*sab - sa*sb) / d
}

// tonePitch is the frequency of a tone at pcmRate by its rising zero crossings.
func tonePitch(samples []float64) float64 { return pitch(samples) * pcmRate / 48000 }
