package transcode

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	oggopus "sluice/protocols/codec/opus"
	"sluice/server/media"
	"sluice/server/transcode/aac/enc"
	"sluice/server/transcode/g722"
	"sluice/server/transcode/internal/pcm"
	"sluice/server/transcode/internal/sndtest"
)

var discard = slog.New(slog.DiscardHandler)

// start is where the tests' time begins: not at 0, and not at a whole second.
const start = 1234567 * time.Microsecond

// source encodes pcm, of codec's own rate (48 kHz if it has none), and stamps
// the packets by the package's rule.
func source(tb testing.TB, codec media.Codec, channels int, pcm []float32) []*media.Packet {
	tb.Helper()
	e, track, err := DefaultConfig().newEncoder(codec, channels)
	if err != nil {
		tb.Fatal(err)
	}
	return encodeAs(tb, e, track, pcm)
}

func encodeAs(tb testing.TB, e encoder, track *media.Track, pcm []float32) []*media.Packet {
	tb.Helper()
	var packets []*media.Packet
	size := e.FrameSize() * track.Channels
	for at := -e.Delay(); len(pcm) >= size; at += e.FrameSize() {
		payload, err := e.Encode(pcm[:size], nil)
		if err != nil {
			tb.Fatal(err)
		}
		pts := start + media.FromClock(int64(at), track.SampleRate)
		packets = append(packets, &media.Packet{Track: track, DTS: pts, PTS: pts, Payload: payload})
		pcm = pcm[size:]
	}
	return packets
}

// sink decodes what a pipeline emits, and checks that each packet begins where
// the one before it ended.
type sink struct {
	tb    testing.TB
	dec   decoder
	pcm   []float32
	first time.Duration // PTS of the first sample
	next  time.Duration
	holes int // times that a packet did not follow
	count int
	delay time.Duration // the most by which a packet came later than it could
	now   time.Duration // end of the input so far
}

func (s *sink) emit(p *media.Packet) {
	s.tb.Helper()
	if s.dec == nil {
		var err error
		if s.dec, err = newDecoder(p.Track, discard); err != nil {
			s.tb.Fatal(err)
		}
		s.first, s.next = p.PTS, p.PTS
	}
	if p.PTS != p.DTS {
		s.tb.Fatalf("PTS %v, DTS %v", p.PTS, p.DTS)
	}
	if d := p.PTS - s.next; d > time.Microsecond || d < -time.Microsecond {
		s.holes++
	}
	before := len(s.pcm)
	var err error
	if s.pcm, err = s.dec.decode(p.Payload, s.pcm); err != nil {
		s.tb.Fatal(err)
	}
	length := media.FromClock(int64((len(s.pcm)-before)/p.Track.Channels), p.Track.SampleRate)
	s.next = p.PTS + length
	s.delay = max(s.delay, s.now-s.next)
	s.count++
}

// run feeds packets through a pipeline to codec.
func run(tb testing.TB, packets []*media.Packet, codec media.Codec) (*Pipeline, *sink) {
	tb.Helper()
	p, err := New(packets[0].Track, codec, DefaultConfig(), discard)
	if err != nil {
		tb.Fatal(err)
	}
	s := &sink{tb: tb}
	for _, in := range packets {
		s.now = in.PTS + length(packets)
		if err := p.Process(in, s.emit); err != nil {
			tb.Fatal(err)
		}
	}
	return p, s
}

// length is that of one packet.
func length(packets []*media.Packet) time.Duration {
	if len(packets) < 2 {
		return 0
	}
	return packets[1].PTS - packets[0].PTS
}

func rateOf(c media.Codec) int {
	switch c {
	case media.PCMA, media.PCMU:
		return g711Rate
	case media.G722:
		return g722.SampleRate
	default:
		return 48000
	}
}

// offset returns by how much the sound in s comes after the sound that ref, at
// s's rate and in mono, begins with at start.
func (s *sink) offset(ref []float32, channels int) time.Duration {
	rate := s.dec.rate()
	got := sndtest.Channel(s.pcm, channels, 0)
	skip := int(media.ToClock(s.first-start, rate))
	from := rate / 2 // when codecs have settled
	lag := sndtest.Lag(ref[skip+from:skip+from+rate/2], got[from:from+rate/2], rate/40)
	return media.FromClock(int64(lag), rate)
}

// each runs f for each way that does not need Opus, or does.
func each(t *testing.T, codecs []media.Codec, f func(t *testing.T, from, to media.Codec)) {
	for _, from := range codecs {
		for _, to := range codecs {
			if from != to {
				t.Run(fmt.Sprint(from, " to ", to), func(t *testing.T) { f(t, from, to) })
			}
		}
	}
}

// Sound stays where it was in time, the output has no seams, and it comes soon
// enough.
func testWays(t *testing.T, codecs []media.Codec) {
	each(t, codecs, func(t *testing.T, from, to media.Codec) {
		channels := 2
		if rateOf(from) < 48000 {
			channels = 1
		}
		in := source(t, from, channels, sndtest.Music(rateOf(from), channels, 2*rateOf(from)))
		p, s := run(t, in, to)
		if s.holes != 0 || p.Stats() != (Stats{Packets: len(in)}) {
			t.Errorf("%d holes, %+v", s.holes, p.Stats())
		}
		ref := sndtest.Music(rateOf(to), channels, 2*rateOf(to))
		off := s.offset(sndtest.Channel(ref, channels, 0), p.Track().Channels)
		t.Logf("offset %v, delay %v", off, s.delay)
		if off.Abs() > time.Millisecond {
			t.Errorf("the sound is %v late", off)
		}
		if s.delay > 60*time.Millisecond {
			t.Errorf("a delay of %v is added", s.delay)
		}
		if from, to := len(in)*int(length(in)), int(s.next-s.first); from-to > int(120*time.Millisecond) {
			t.Errorf("%v of sound of %v are missing", time.Duration(from-to), time.Duration(from))
		}
		if r := sndtest.RMS(s.pcm) / sndtest.RMS(ref); r < 0.6 || r > 1.3 {
			t.Errorf("the level is %.2f of the source's", r)
		}
	})
}

func TestWays(t *testing.T) { testWays(t, []media.Codec{media.AAC, media.PCMA, media.G722}) }

func TestL16(t *testing.T) {
	music := sndtest.Music(44100, 2, 2*44100)
	track := &media.Track{Codec: media.L16, SampleRate: 44100, Channels: 2}
	var in []*media.Packet
	for i := 0; i+882 <= len(music); i += 882 {
		at := start + media.FromClock(int64(i/2), 44100)
		p := &media.Packet{Track: track, DTS: at, PTS: at}
		for _, x := range music[i : i+882] {
			p.Payload = binary.BigEndian.AppendUint16(p.Payload, uint16(pcm.Int16(x)))
		}
		in = append(in, p)
	}
	p, s := run(t, in, media.PCMA)
	if s.holes != 0 || p.Stats() != (Stats{Packets: len(in)}) {
		t.Errorf("%d holes, %+v", s.holes, p.Stats())
	}
	if off := s.offset(sndtest.Channel(sndtest.Music(g711Rate, 2, 2*g711Rate), 2, 0), 1); off.Abs() > time.Millisecond {
		t.Errorf("the sound is %v late", off)
	}
}

// flv is 44.1 kHz AAC with the timestamps that FLV and RTMP can carry.
func flv(tb testing.TB, seconds int) []*media.Packet {
	tb.Helper()
	e, err := enc.New(enc.Config{SampleRate: 44100, Channels: 2, Bitrate: 128000})
	if err != nil {
		tb.Fatal(err)
	}
	track := &media.Track{Codec: media.AAC, Config: e.Config(), SampleRate: 44100, Channels: 2}
	packets := encodeAs(tb, aacEncoder{e}, track, sndtest.Music(44100, 2, seconds*44100))
	for _, p := range packets {
		p.PTS = p.PTS.Truncate(time.Millisecond)
		p.DTS = p.PTS
	}
	return packets
}

func testFLV(t *testing.T, to media.Codec) {
	in := flv(t, 3)
	p, s := run(t, in, to)
	if s.holes != 0 || p.Stats() != (Stats{Packets: len(in)}) {
		t.Errorf("%d holes, %+v", s.holes, p.Stats())
	}
	ref := sndtest.Channel(sndtest.Music(rateOf(to), 2, 3*rateOf(to)), 2, 0)
	if off := s.offset(ref, p.Track().Channels); off.Abs() > 2*time.Millisecond {
		t.Errorf("the sound is %v late", off)
	}
}

func TestFLV(t *testing.T) { testFLV(t, media.PCMA) }

// long runs an A-law tone of that many packets of 20 ms, the same samples
// again and again, through a pipeline.
func long(tb testing.TB, packets int, stamp func(i int) time.Duration) (*Pipeline, *sink, *media.Packet) {
	tb.Helper()
	second := source(tb, media.PCMA, 1, sndtest.Tone(g711Rate, 1, g711Rate, 400, 0.3))
	p, err := New(second[0].Track, media.PCMU, DefaultConfig(), discard)
	if err != nil {
		tb.Fatal(err)
	}
	s := &sink{tb: tb}
	var in media.Packet
	for i := range packets {
		in = *second[i%50]
		in.PTS = stamp(i)
		in.DTS = in.PTS
		if err := p.Process(&in, s.emit); err != nil {
			tb.Fatal(err)
		}
		s.pcm = s.pcm[:0]
		// The next sample of the output comes where the source has it.
		if lead := p.lead(&in) + 20*time.Millisecond; i > 100 && lead.Abs() > 20*time.Millisecond {
			tb.Fatalf("packet %d: the sound is %v early", i, lead)
		}
	}
	return p, s, &in
}

func TestLongRuns(t *testing.T) {
	const packet = 20 * time.Millisecond
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name    string
		seconds int
		stamp   func(i int) time.Duration
	}{
		{"exact", 300, func(i int) time.Duration { return time.Duration(i) * packet }},
		{"an hour in milliseconds, 100 ppm slow", anHour, func(i int) time.Duration {
			return (time.Duration(i) * (packet + 2*time.Microsecond)).Truncate(time.Millisecond)
		}},
		{"100 ppm fast", 300, func(i int) time.Duration { return time.Duration(i) * (packet - 2*time.Microsecond) }},
		{"1000 ppm slow", 300, func(i int) time.Duration { return time.Duration(i) * (packet + 20*time.Microsecond) }},
		{"jitter of 4 ms", 300, func(i int) time.Duration {
			return time.Duration(i)*packet + time.Duration(rnd.IntN(8000)-4000)*time.Microsecond
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, s, last := long(t, c.seconds*50, c.stamp)
			if s.holes != 0 || p.Stats() != (Stats{Packets: c.seconds * 50}) {
				t.Errorf("%d holes, %+v", s.holes, p.Stats())
			}
			if off := last.PTS + packet - s.next; off.Abs() > 25*time.Millisecond {
				t.Errorf("in the end the output is %v behind", off)
			}
		})
	}
}

// A source that stamps its packets by a bad clock is misjudged a few times at
// most, and stays in sync.
func TestBadStamps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	p, s, _ := long(t, 600*50, func(i int) time.Duration {
		return time.Duration(i)*20*time.Millisecond + time.Duration(rnd.IntN(24)-12)*time.Millisecond
	})
	st := p.Stats()
	if s.holes != 0 || st.Gaps > 5 || st.Surplus > 0 || st.Leaps > 0 {
		t.Errorf("%d holes, %+v", s.holes, st)
	}
}

// lossy takes packets out and returns the rest.
func lossy(in []*media.Packet, lost func(i int) bool) []*media.Packet {
	var out []*media.Packet
	for i, p := range in {
		if !lost(i) {
			out = append(out, p)
		}
	}
	return out
}

func testLosses(t *testing.T, codecs []media.Codec) {
	each(t, codecs, func(t *testing.T, from, to media.Codec) {
		music := sndtest.Music(rateOf(from), 1, 4*rateOf(from))
		whole := source(t, from, 1, music)
		rnd := rand.New(rand.NewPCG(5, 5))
		in := lossy(whole, func(i int) bool { return i > 10 && i < len(whole)-1 && rnd.IntN(10) == 0 })
		p, s := run(t, in, to)
		st := p.Stats()
		if s.holes != 0 || st.Gaps == 0 || st.Gaps > len(whole)-len(in) || st.Leaps+st.Surplus+st.Bad != 0 {
			t.Errorf("%d lost, %d holes, %+v", len(whole)-len(in), s.holes, st)
		}
		if lost := time.Duration(len(whole)-len(in)) * length(whole); st.Concealed < lost*9/10 || st.Concealed > lost*11/10 {
			t.Errorf("%v concealed of %v", st.Concealed, lost)
		}
		if off := s.offset(sndtest.Music(rateOf(to), 1, 4*rateOf(to)), 1); off.Abs() > 2*time.Millisecond {
			t.Errorf("the sound is %v late", off)
		}
		if quietest := quietest(s.pcm, s.dec.rate()); quietest < 0.002 {
			t.Errorf("the sound falls to %.4f", quietest)
		}
	})
}

// quietest returns the lowest level of any tenth of a second after the first.
func quietest(pcm []float32, rate int) float64 {
	level := 1.0
	for i := 1; (i+1)*rate/10 <= len(pcm); i++ {
		level = min(level, sndtest.RMS(pcm[i*rate/10:(i+1)*rate/10]))
	}
	return level
}

func TestLosses(t *testing.T) { testLosses(t, []media.Codec{media.AAC, media.PCMA, media.G722}) }

// A gap of up to seconds is filled, and longer ones are passed on. Either way
// what comes after is where it belongs.
func TestGaps(t *testing.T) {
	const tone = 2 // seconds before and after the gap
	for _, gap := range []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 5 * time.Second, time.Hour} {
		t.Run(gap.String(), func(t *testing.T) {
			in := source(t, media.PCMA, 1, sndtest.Tone(g711Rate, 1, 2*tone*g711Rate, 400, 0.3))
			for _, p := range in[len(in)/2:] {
				p.PTS += gap
				p.DTS += gap
			}
			p, s := run(t, in, media.AAC)
			st := p.Stats()
			if gap < leapAt {
				if s.holes != 0 || st.Gaps != 1 || st.Leaps != 0 || (st.Concealed-gap).Abs() > time.Millisecond {
					t.Errorf("%d holes, %+v", s.holes, st)
				}
			} else if s.holes != 1 || st.Leaps != 1 || st.Gaps != 0 {
				t.Errorf("%d holes, %+v", s.holes, st)
			}
			if end := in[len(in)-1].PTS + length(in); end-s.next > 80*time.Millisecond || s.next > end {
				t.Errorf("the output ends at %v, the source at %v", s.next, end)
			}
			// Sound, silence, sound.
			rate := s.dec.rate()
			if r := sndtest.RMS(s.pcm[len(s.pcm)-rate:]); r < 0.15 {
				t.Errorf("after the gap the level is %.3f", r)
			}
			if gap == 2*time.Second {
				if r := sndtest.RMS(s.pcm[(tone+1)*rate : (tone+1)*rate+rate/2]); r > 1e-3 {
					t.Errorf("in the gap the level is %.3f", r)
				}
			}
		})
	}
}

// Where the hub holds a source's time that steps back, packets come with equal
// times. They are too much.
func TestTimeStandsStill(t *testing.T) {
	in := source(t, media.PCMA, 1, sndtest.Tone(g711Rate, 1, 4*g711Rate, 400, 0.3))
	held := in[80].PTS
	for _, p := range in[80:] {
		p.PTS = max(held, p.PTS-400*time.Millisecond)
		p.DTS = p.PTS
	}
	p, s := run(t, in, media.AAC)
	st := p.Stats()
	if s.holes != 0 || st.Gaps != 0 || st.Leaps != 0 || st.Surplus < 18 || st.Surplus > 21 {
		t.Errorf("%d holes, %+v", s.holes, st)
	}
	if end := in[len(in)-1].PTS + length(in); end-s.next > 80*time.Millisecond || s.next > end+20*time.Millisecond {
		t.Errorf("the output ends at %v, the source at %v", s.next, end)
	}
	if q := quietest(s.pcm, s.dec.rate()); q < 0.15 {
		t.Errorf("the sound falls to %.3f", q)
	}
}

// Where a publisher comes back its sound is where its pictures are from the first
// packet on, though the distance is one that is bent away elsewhere.
func TestCut(t *testing.T) {
	for _, by := range []time.Duration{-40 * time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond} {
		in := source(t, media.PCMA, 1, sndtest.Tone(g711Rate, 1, 4*g711Rate, 400, 0.3))
		p, err := New(in[0].Track, media.AAC, DefaultConfig(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var last, began time.Duration
		for i, q := range in {
			if i >= len(in)/2 {
				q.PTS += by
			}
			if i == len(in)/2 {
				p.Cut()
			}
			err := p.Process(q, func(o *media.Packet) {
				if o.PTS <= last && last > 0 {
					t.Errorf("%v: a packet at %v after one at %v", by, o.PTS, last)
				}
				last = o.PTS
			})
			if err != nil {
				t.Fatal(err)
			}
			if began = p.lead(q) + p.last; i >= len(in)/2+2 && began.Abs() > time.Millisecond {
				t.Fatalf("%v: packet %d is %v off", by, i, began)
			}
		}
		if s := p.Stats(); s.Leaps > 0 || s.Gaps > 1 || s.Surplus > 2 {
			t.Errorf("%v: %+v", by, s)
		}
	}
}

func testBadPackets(t *testing.T, codecs []media.Codec) {
	each(t, codecs, func(t *testing.T, from, to media.Codec) {
		in := source(t, from, 2, sndtest.Music(48000, 2, 2*48000))
		rnd := rand.New(rand.NewPCG(3, 3))
		for i := 20; i < len(in); i += 7 {
			bad := *in[i]
			bad.Payload = make([]byte, rnd.IntN(300))
			for k := range bad.Payload {
				bad.Payload[k] = byte(rnd.Uint32())
			}
			if i%2 == 0 {
				bad.Payload = in[i].Payload[:len(in[i].Payload)*i%5/5]
			}
			in[i] = &bad
		}
		p, s := run(t, in, to)
		if s.holes > 0 || p.Stats().Bad == 0 {
			t.Errorf("%d holes, %+v", s.holes, p.Stats())
		}
		if end := in[len(in)-1].PTS + length(in); end-s.next > 100*time.Millisecond || s.next > end+40*time.Millisecond {
			t.Errorf("the output ends at %v, the source at %v", s.next, end)
		}
	})
}

// A stream of nothing but garbage is silence, not nothing and not an error.
func TestNothingButGarbage(t *testing.T) {
	in := source(t, media.AAC, 2, sndtest.Music(48000, 2, 2*48000))
	for _, p := range in[2:] {
		p.Payload = p.Payload[:3]
	}
	p, s := run(t, in, media.PCMA)
	if s.holes != 0 || p.Stats().Bad != len(in)-2 {
		t.Errorf("%d holes, %+v", s.holes, p.Stats())
	}
	if end := in[len(in)-1].PTS; end-s.next > 100*time.Millisecond {
		t.Errorf("the output ends at %v, the source at %v", s.next, end)
	}
	if r := sndtest.RMS(s.pcm[len(s.pcm)/2:]); r > 1e-3 {
		t.Errorf("garbage sounds at %.4f", r)
	}
}

// The source's configuration changes; the output's does not, and its time goes on.
func TestTrackChange(t *testing.T) {
	var in []*media.Packet
	for i, c := range []struct {
		codec    media.Codec
		channels int
	}{{media.AAC, 2}, {media.AAC, 1}, {media.PCMU, 1}, {media.AAC, 2}} {
		part := source(t, c.codec, c.channels, sndtest.Tone(rateOf(c.codec), c.channels, rateOf(c.codec), 400, 0.3))
		for _, p := range part {
			p.PTS += time.Duration(i) * time.Second
			p.DTS = p.PTS
			if len(in) == 0 || p.PTS >= in[len(in)-1].PTS+18*time.Millisecond {
				in = append(in, p)
			}
		}
	}
	p, s := run(t, in, media.PCMA)
	if st := p.Stats(); s.holes != 0 || st.Leaps != 0 || st.Bad != 0 || st.Gaps > 4 {
		t.Errorf("%d holes, %+v", s.holes, st)
	}
	if q := quietest(s.pcm, s.dec.rate()); q < 0.05 {
		t.Errorf("the sound falls to %.3f", q)
	}
	bad := *in[0]
	bad.Track = &media.Track{Codec: media.AAC, Config: []byte{0}}
	if err := p.Process(&bad, s.emit); err == nil {
		t.Error("a track without a usable configuration: no error")
	}
}

func TestRefuses(t *testing.T) {
	surround := (&oggopus.Head{Channels: 6, Family: 1, Streams: 4, Coupled: 2, Mapping: []uint8{0, 4, 1, 2, 3, 5}}).Append(nil)
	for _, c := range []struct {
		src *media.Track
		to  media.Codec
	}{
		{&media.Track{Codec: media.MP3}, media.AAC},
		{&media.Track{Codec: media.AAC}, media.PCMA},
		{&media.Track{Codec: media.PCMA, SampleRate: 16000}, media.AAC},
		{&media.Track{Codec: media.PCMA, Channels: 3}, media.AAC},
		{&media.Track{Codec: media.PCMA}, media.MP3},
		{&media.Track{Codec: media.G722, Channels: 2}, media.AAC},
		{&media.Track{Codec: media.L16, Channels: 2}, media.AAC},
		{&media.Track{Codec: media.L16, Channels: 1, SampleRate: 192000}, media.AAC},
		{&media.Track{Codec: media.Opus, Config: []byte("OpusHead")}, media.AAC},
		{&media.Track{Codec: media.Opus, Config: surround}, media.AAC},
	} {
		if _, err := New(c.src, c.to, DefaultConfig(), discard); err == nil {
			t.Errorf("%v to %v: no error", c.src, c.to)
		}
	}
}
