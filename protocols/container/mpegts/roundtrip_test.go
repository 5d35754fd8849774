package mpegts

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sluice/server/media"
)

// pairs are the combinations of tracks.
var pairs = []struct {
	name         string
	video, audio *media.Track
}{
	{"H264 and AAC", h264Track, aacTrack},
	{"H265 and Opus", h265Track, opusTrack},
	{"H264 and MP3", h264Track, mp3Track},
	{"H265 and MP2", h265Track, mp2Track},
	{"H265 and AC-3", h265Track, ac3Track},
	{"H264", h264Track, nil},
	{"AAC", nil, aacTrack},
	{"E-AC-3", nil, eac3Track},
	{"Opus", nil, opusTrack},
}

func TestRoundTrip(t *testing.T) {
	for _, c := range pairs {
		t.Run(c.name, func(t *testing.T) {
			want := film(c.video, c.audio, 0, 50)
			stream := mux(t, want)
			for _, n := range []int{1, 187, 188, 1000, len(stream)} {
				got, errs := demux(stream, n)
				if len(errs) > 0 {
					t.Fatal(errs)
				}
				compare(t, got, want)
			}
		})
	}
}

// TestWrap: the 33-bit clock begins anew after 26.5 hours.
func TestWrap(t *testing.T) {
	const turn = (1 << clockBits) * time.Second / ClockRate
	for _, from := range []time.Duration{turn - time.Second, turn - 2*time.Second, 3*turn - DefaultDelay - 40*ms, turn * 40} {
		want := film(h264Track, aacTrack, from, 80)
		got, errs := demux(mux(t, want), 5000)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		compare(t, got, want)
	}
}

// TestStrides: other lengths of packets, garbage before and between them.
func TestStrides(t *testing.T) {
	want := film(h264Track, aacTrack, 0, 50)
	plain := mux(t, want)
	for _, c := range []struct {
		name                   string
		garbage, before, after int
	}{{"garbage", 7777, 0, 0}, {"M2TS", 0, 4, 0}, {"Reed-Solomon", 5, 0, 16}} {
		stream := garbage(c.garbage)
		for p := range slices.Chunk(plain, PacketSize) {
			stream = append(stream, slices.Repeat([]byte{3}, c.before)...)
			stream = append(stream, p...)
			stream = append(stream, slices.Repeat([]byte{9}, c.after)...)
		}
		got, errs := demux(stream, 333)
		if len(errs) > 0 {
			t.Fatalf("%s: %v", c.name, errs)
		}
		compare(t, got, want)
	}
}

// garbage returns bytes of no order.
func garbage(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// TestGarbageInBetween: after it, pictures begin again at a key frame.
func TestGarbageInBetween(t *testing.T) {
	want := film(h264Track, aacTrack, 0, 50)
	var stream []byte
	m := NewMuxer(MuxerConfig{})
	for i, p := range want {
		if p.Track == h264Track && p.DTS == 15*40*ms {
			stream = append(stream, garbage(500)...)
		}
		stream = appendAll(t, m, stream, want[i:i+1])
	}
	got, errs := demux(stream, 100)
	if len(errs) != 1 || !errors.Is(errs[0], ErrSync) {
		t.Errorf("errors %v", errs)
	}
	checkLoss(t, got, want, 15, 20)
}

// checkLoss checks that all pictures came but those from the one that is lost up
// to the next key frame.
func checkLoss(t *testing.T, got, want []*media.Packet, lost, key int) {
	t.Helper()
	g, w := ofKind(got, media.Video), ofKind(want, media.Video)
	w = slices.Concat(w[:lost], w[key:])
	if len(g) != len(w) {
		t.Fatalf("%d pictures, want %d", len(g), len(w))
	}
	for i := range g {
		if off := g[i].DTS - w[i].DTS - DefaultDelay; off.Abs() > 20*time.Microsecond {
			t.Fatalf("picture %d is that of %v, want %v", i, g[i].DTS, w[i].DTS)
		}
	}
}

// TestLoss takes every packet out of a stream in turn: what is said is said once,
// nothing that comes out is torn, and pictures go on at a key frame.
func TestLoss(t *testing.T) {
	want := film(h264Track, aacTrack, 0, 31)
	stream := mux(t, want)
	whole, _ := demux(stream, len(stream))
	known := map[string]bool{}
	for _, p := range whole {
		known[string(p.Payload)] = true
	}
	for at := 0; at < len(stream); at += PacketSize {
		cut := slices.Concat(stream[:at], stream[at+PacketSize:])
		got, errs := demux(cut, 1000)
		if len(errs) > 1 {
			t.Fatalf("packet %d: errors %v", at/PacketSize, errs)
		}
		waits := len(errs) > 0
		for i, p := range ofKind(got, media.Video) {
			if !known[string(p.Payload)] {
				t.Fatalf("packet %d: picture %d is torn", at/PacketSize, i)
			}
			waits = waits && !p.Key
		}
		for i, p := range ofKind(got, media.Audio) {
			if !known[string(p.Payload)] {
				t.Fatalf("packet %d: frame %d is torn", at/PacketSize, i)
			}
		}
		if missing := len(ofKind(whole, media.Video)) - len(ofKind(got, media.Video)); missing > 10 {
			t.Fatalf("packet %d: %d pictures are missing", at/PacketSize, missing)
		}
	}
}

// TestRepeatedPackets: a packet may be sent twice.
func TestRepeatedPackets(t *testing.T) {
	want := film(h264Track, aacTrack, 0, 30)
	var stream []byte
	for p := range slices.Chunk(mux(t, want), PacketSize) {
		stream = append(append(stream, p...), p...)
	}
	got, errs := demux(stream, 1000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	compare(t, got, want)
}

// TestPlayerGoesOn leaves a part out where the Muxer has said so.
func TestPlayerGoesOn(t *testing.T) {
	want := film(h264Track, aacTrack, 0, 60)
	m := NewMuxer(MuxerConfig{})
	if err := m.SetTracks(tracksOf(want)); err != nil {
		t.Fatal(err)
	}
	var stream []byte
	var sent []*media.Packet
	for _, p := range want {
		key := p.Key && p.DTS == 40*40*ms
		if key {
			stream = m.AppendTables(m.AppendBreak(stream))
		}
		b, err := m.AppendPacket(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		if p.DTS < 13*40*ms || p.DTS >= 40*40*ms {
			stream, sent = append(stream, b...), append(sent, p)
		}
	}
	got, errs := demux(stream, 1000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	compare(t, got, sent)
}

// TestCodecChange: the map gets a new version and the new codec another PID.
func TestCodecChange(t *testing.T) {
	m := NewMuxer(MuxerConfig{})
	var stream []byte
	var want []*media.Packet
	for i, c := range pairs[:4] {
		list := film(c.video, c.audio, time.Duration(i)*2*time.Second, 50)
		if err := m.SetTracks(tracksOf(list)); err != nil {
			t.Fatal(err)
		}
		stream, want = appendAll(t, m, stream, list), append(want, list...)
	}
	got, errs := demux(stream, 1000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	compare(t, got, want)
}
