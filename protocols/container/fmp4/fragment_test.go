package fmp4

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"sluice/server/media"
)

var (
	picture = &media.Track{Codec: media.H264, Config: unhex(avcHex), Width: 320, Height: 180}
	sound   = &media.Track{Codec: media.AAC, Config: unhex("121056e500"), SampleRate: 44100, Channels: 2}
)

// at makes a packet; its payload is one NAL unit with the number n.
func at(track *media.Track, dts, pts time.Duration, n byte) *media.Packet {
	return &media.Packet{Track: track, DTS: dts, PTS: pts, Payload: []byte{0, 0, 0, 1, n}}
}

func key(p *media.Packet) *media.Packet {
	p.Key = true
	return p
}

const ms = time.Millisecond

// fragmentCases are fragments, and their bytes where they are worth looking at.
var fragmentCases = []struct {
	name    string
	samples []Sample
	want    string
}{
	{"a key frame", []Sample{{key(at(picture, time.Second, time.Second, 7)), 40 * ms}}, `
		00000064 6d6f6f66 00000010 6d666864 00000000 00000009
		0000004c 74726166
		00000010 74666864 00020000 00000001
		00000014 74666474 01000000 0000000000015f90
		00000020 7472756e 01000701 00000001 0000006c 00000e10 00000005 02000000
		0000000d 6d646174 0000000107`},
	{"sound", []Sample{{at(sound, 0, 0, 1), 23 * ms}, {at(sound, 23220*time.Microsecond, 23220*time.Microsecond, 2), 23220 * time.Microsecond}}, `
		0000006c 6d6f6f66 00000010 6d666864 00000000 00000009
		00000054 74726166
		00000014 74666864 00020020 00000002 02000000
		00000014 74666474 01000000 0000000000000000
		00000024 7472756e 01000301 00000002 00000074 00000400 00000005 00000400 00000005
		00000012 6d646174 00000001010000000102`},
	{"both, interleaved, with B pictures", []Sample{
		{key(at(picture, 0, 66*ms, 1)), 0},
		{at(sound, 5*ms, 5*ms, 2), 0},
		{at(picture, 33*ms, 133*ms, 3), 0},
		{at(sound, 28*ms, 28*ms, 4), 23 * ms},
		{at(picture, 66*ms, 66*ms, 5), 33 * ms},
	}, ""},
	{"no payload", []Sample{{&media.Packet{Track: sound, DTS: ms, PTS: ms}, ms}}, ""},
	{"no time between", []Sample{{at(picture, ms, ms, 1), 0}, {at(picture, ms, ms, 2), 0}}, ""},
	{"after a year", []Sample{{key(at(picture, 8760*time.Hour, 8760*time.Hour, 1)), ms}}, ""},
}

func TestFragment(t *testing.T) {
	m := newMovie(t)
	for _, c := range fragmentCases {
		t.Run(c.name, func(t *testing.T) {
			b, err := AppendFragment(nil, 9, c.samples)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(strings.Fields(c.want), ""); want != "" && hex.EncodeToString(b) != want {
				t.Errorf("fragment\n%x, want\n%s", b, want)
			}
			f, err := m.ParseFragment(append([]byte("\x00\x00\x00\x09freex"), b...), 0)
			if err != nil {
				t.Fatal(err)
			}
			if f.Sequence != 9 || len(f.Samples) != len(c.samples) {
				t.Fatalf("fragment %d of %d samples", f.Sequence, len(f.Samples))
			}
			for i, want := range inOrder(c.samples) {
				checkSample(t, i, f.Samples[i], want)
			}
			for n := range b {
				if _, err := m.ParseFragment(b[:n], 0); err == nil {
					t.Errorf("%d bytes of %d are read", n, len(b))
				}
			}
			appended, err := AppendFragment([]byte("x"), 9, c.samples)
			if err != nil || string(appended) != "x"+string(b) {
				t.Errorf("appended to something it's %x, %v", appended, err)
			}
			if n := testing.AllocsPerRun(10, func() { _, _ = AppendFragment(nil, 9, c.samples) }); n > 1 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// inOrder returns the samples by decode time, with the durations that they get.
func inOrder(samples []Sample) []Sample {
	list := make([]Sample, len(samples))
	copy(list, samples)
	for i := range list {
		for _, next := range list[i+1:] {
			if next.Packet.Track == list[i].Packet.Track {
				list[i].Duration = next.Packet.DTS - list[i].Packet.DTS
				break
			}
		}
	}
	for i := range list {
		for j := i; j > 0 && list[j].Packet.DTS < list[j-1].Packet.DTS; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list
}

func checkSample(t *testing.T, i int, got, want Sample) {
	t.Helper()
	rate := Timescale(want.Packet.Track)
	same := func(a, b time.Duration) bool { return media.ToClock(a, rate) == media.ToClock(b, rate) }
	g, w := got.Packet, want.Packet
	if !g.Track.Same(w.Track) || !same(g.DTS, w.DTS) || !same(g.PTS, w.PTS) || g.Key != w.Key || !bytes.Equal(g.Payload, w.Payload) {
		t.Errorf("sample %d is %+v, want %+v", i, g, w)
	}
	if end := w.DTS + want.Duration; !same(g.DTS+got.Duration, end) {
		t.Errorf("sample %d ends at %v, want %v", i, g.DTS+got.Duration, end)
	}
}

func TestFragmentRefuses(t *testing.T) {
	other := *picture
	for _, c := range []struct {
		samples []Sample
		want    string
	}{
		{nil, "without a sample"},
		{[]Sample{{at(&media.Track{Codec: media.PCMA}, 0, 0, 1), 0}}, "PCMA"},
		{[]Sample{{at(&media.Track{Codec: media.Script}, 0, 0, 1), 0}}, "script"},
		{[]Sample{{at(picture, -1, 0, 1), 0}}, "decode time"},
		{[]Sample{{at(picture, 2, 2, 1), 0}, {at(picture, 1, 1, 1), 0}}, "after"},
		{[]Sample{{at(picture, 2, 2, 1), 0}, {at(picture, 7*time.Hour, 7*time.Hour, 1), 0}}, "after"},
		{[]Sample{{at(picture, 1, 1, 1), 0}, {at(&other, 2, 2, 1), 0}}, "change of configuration"},
	} {
		if b, err := AppendFragment([]byte("x"), 1, c.samples); err == nil || !strings.Contains(err.Error(), c.want) || string(b) != "x" {
			t.Errorf("%q, %v; want %q", b, err, c.want)
		}
	}
}

// TestNoDrift adds up the durations of an hour at rates that no clock divides:
// they never part from the times.
func TestNoDrift(t *testing.T) {
	m := newMovie(t)
	for _, c := range []struct {
		track *media.Track
		num   int64 // of a duration, in 1/44100 s
		n     int64
	}{{sound, 1024, 155000}, {picture, 1471, 110000}} {
		var p Pacer
		var end time.Duration
		for i := range c.n {
			dts := media.FromClock(i*c.num, 44100)
			s, ok := p.Push(at(c.track, dts, dts, byte(i)))
			if !ok {
				continue
			}
			b, err := AppendFragment(nil, uint32(i), []Sample{s})
			if err != nil {
				t.Fatal(err)
			}
			f, err := m.ParseFragment(b, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := f.Samples[0]
			if end != 0 && got.Packet.DTS != end {
				t.Fatalf("packet %d begins at %v, the one before ends at %v", i, got.Packet.DTS, end)
			}
			end = got.Packet.DTS + got.Duration
		}
	}
}

func TestSoundDurations(t *testing.T) {
	opus := &media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}
	mp3 := &media.Track{Codec: media.MP3, SampleRate: 44100, Channels: 2}
	ac3 := &media.Track{Codec: media.AC3, SampleRate: 48000, Channels: 2}
	ec3 := &media.Track{Codec: media.EAC3, SampleRate: 48000, Channels: 2}
	flac := &media.Track{Codec: media.FLAC, Config: unhex(flacHex), SampleRate: 44100, Channels: 1}
	odd := &media.Track{Codec: media.FLAC, Config: unhex("0010" + flacHex[4:]), SampleRate: 44100, Channels: 1}
	script := &media.Track{Codec: media.Script}
	packet := func(track *media.Track, dts time.Duration, payload string) *media.Packet {
		return &media.Packet{Track: track, DTS: dts, PTS: dts, Payload: []byte(payload)}
	}
	var d Durations
	for i, c := range []struct {
		packet *media.Packet
		want   time.Duration
	}{
		{at(sound, 0, 0, 1), media.FromClock(1024, 44100)},
		{at(sound, 21*ms, 21*ms, 1), media.FromClock(1024, 44100)},
		{packet(opus, 40*ms, "\xfc"), 20 * ms},
		{packet(opus, 50*ms, "\xe5"), 5 * ms}, // two frames of 2.5 ms
		{packet(mp3, 60*ms, "\xff\xfb\x90\x00"), media.FromClock(1152, 44100)},
		{packet(ac3, 80*ms, "\x0b\x77\x00\x00\x14\x40\x43\xe1"), 32 * ms},
		{packet(ec3, 100*ms, "\x0b\x77\x01\x7f\x04\x80\x00\x00"), 256 * time.Second / 48000},
		{packet(flac, 120*ms, ""), media.FromClock(4608, 44100)},
		{packet(odd, 130*ms, ""), 10 * ms}, // by the interval before
		{packet(script, 130*ms, ""), 0},
	} {
		if got := d.Sample(c.packet); got.Duration != c.want || got.Packet != c.packet {
			t.Errorf("packet %d lasts %v, want %v", i, got.Duration, c.want)
		}
	}
}

// TestPictureDurations moves decode times so that each picture ends where the
// next begins, whatever the rate.
func TestPictureDurations(t *testing.T) {
	var d Durations
	for i, c := range []struct{ dts, pts, want, lasts time.Duration }{
		{0, 80 * ms, 0, ms},
		{40 * ms, 40 * ms, ms, 39 * ms},
		{80 * ms, 160 * ms, 40 * ms, 40 * ms},
		{380 * ms, 380 * ms, 80 * ms, 300 * ms},
		{380 * ms, 380 * ms, 380 * ms, ms},
		{400 * ms, 400 * ms, 381 * ms, 19 * ms},
		{2900 * ms, 2900 * ms, 400 * ms, time.Second}, // a stand-still, caught up with later
		{2940 * ms, 2940 * ms, 1400 * ms, time.Second},
		{2980 * ms, 2980 * ms, 2400 * ms, 580 * ms},
		{3020 * ms, 3020 * ms, 2980 * ms, 40 * ms},
	} {
		p := key(at(picture, c.dts, c.pts, byte(i)))
		s := d.Sample(p)
		if s.Packet.DTS != c.want || s.Packet.PTS != c.pts || s.Duration != c.lasts || !s.Packet.Key || p.DTS != c.dts {
			t.Errorf("picture %d at %v to %v, shown at %v; want %v, %v", i, s.Packet.DTS, s.Packet.DTS+s.Duration, s.Packet.PTS, c.want, c.lasts)
		}
	}
	var late Durations
	if s := late.Sample(at(picture, time.Hour, time.Hour, 1)); s.Packet.DTS != time.Hour-firstPicture || s.Duration != firstPicture {
		t.Errorf("a late first picture is at %v for %v", s.Packet.DTS, s.Duration)
	}
}

func TestPacer(t *testing.T) {
	var p Pacer
	list := []*media.Packet{at(picture, 0, 0, 0), at(sound, 1*ms, 1*ms, 1), at(picture, 50*ms, 50*ms, 2), at(picture, 70*ms, 70*ms, 3)}
	for i, c := range []struct {
		packet *media.Packet // that comes out
		want   time.Duration
	}{{nil, 0}, {nil, 0}, {list[0], 50 * ms}, {list[2], 20 * ms}} {
		s, ok := p.Push(list[i])
		if ok != (c.packet != nil) || s.Packet != c.packet || s.Duration != c.want {
			t.Errorf("packet %d: %+v, want %v of %v", i, s, c.packet, c.want)
		}
	}
	if s, ok := p.Push(&media.Packet{Track: &media.Track{Codec: media.Script}}); ok {
		t.Errorf("script data gives %+v", s)
	}
	rest := p.Flush()
	if len(rest) != 2 || rest[0] != (Sample{list[3], 20 * ms}) || rest[1] != (Sample{list[1], media.FromClock(1024, 44100)}) {
		t.Errorf("flushed %+v", rest)
	}
	if rest = p.Flush(); len(rest) != 0 {
		t.Errorf("flushed again %+v", rest)
	}
}

func BenchmarkAppendFragment(b *testing.B) {
	samples := []Sample{{key(&media.Packet{Track: picture, Payload: make([]byte, 8000)}), 40 * ms}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendFragment(nil, 1, samples); err != nil {
			b.Fatal(err)
		}
	}
}
