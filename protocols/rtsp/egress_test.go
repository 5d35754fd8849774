package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
	"sluice/server/hub"
	"sluice/server/media"
)

// TestCodecChange: sound that the description does not tell of ends the player,
// a picture of another size does not.
func TestCodecChange(t *testing.T) {
	f := startService(t, auth.Config{})
	ts := testTracks()
	pub := f.publishHub(t, "live/test", ts.Media()...)
	write(t, pub, ts, 0, 20)
	c, _ := f.playTCP(t, "live/test")
	c.packet()
	ts.Video = &media.Track{Codec: media.VP8, Width: 640, Height: 480}
	write(t, pub, ts, 20, 20)
	for n := 0; n < 15; {
		if _, channel := c.packet(); channel == 0 {
			n++
		}
	}
	ts.Audio = &media.Track{Codec: media.PCMU, SampleRate: 8000, Channels: 1}
	write(t, pub, ts, 40, 20)
	c.ended()
	c.conn.Close()
	again, _ := f.playTCP(t, "live/test")
	for {
		if p, channel := again.packet(); channel == 2 {
			if p.PayloadType != 0 {
				t.Errorf("payload type %d", p.PayloadType)
			}
			return
		}
	}
}

// TestNothingPlayable: a stream in codecs without a payload format.
func TestNothingPlayable(t *testing.T) {
	f := startService(t, auth.Config{})
	flac := &media.Track{Codec: media.FLAC, SampleRate: 48000, Channels: 2}
	pub := f.publishHub(t, "live/test", flac)
	pub.Expect(media.Audio)
	if err := pub.Write(&media.Packet{Track: flac, Payload: make([]byte, 100)}); err != nil {
		t.Fatal(err)
	}
	f.dial(t).do(wire.UnsupportedMediaType, wire.Describe, f.url("live/test"), nil)
}

// TestSteady: sound of a publisher that counts in milliseconds gets its even
// pace back, and a real gap stays one.
func TestSteady(t *testing.T) {
	track := &media.Track{Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
	format, err := rtp.FormatOf(track)
	if err != nil {
		t.Fatal(err)
	}
	o := newOutTrack(track, format, sound)
	var s steady
	for i := range 1000 {
		at := time.Duration(i) * 1024 * time.Second / 44100
		gap := int64(0)
		if i >= 500 {
			at += time.Second
			gap = 44100
		}
		p := &media.Packet{Track: track, PTS: at.Truncate(time.Millisecond)}
		got := s.next(o, p, media.ToClock(p.PTS, 44100))
		if off := got - int64(i)*1024 - gap; off < -45 || off > 45 {
			t.Fatalf("packet %d is %d ticks off", i, off)
		} else if i == 499 && off != 0 {
			t.Errorf("packet %d is %d ticks off", i, off)
		}
	}
}

// TestPacer keeps to its rate, and rises with the stream's.
func TestPacer(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pacer{floor: 1_000_000}
	var sent, waited time.Duration
	for range 100 {
		wait := max(p.take(10_000, now), 0)
		now = now.Add(wait)
		waited += wait
		sent += 10 * time.Millisecond
	}
	if waited < sent-25*time.Millisecond || waited > sent {
		t.Errorf("waited %v for %v", waited, sent)
	}
	for i := range 100 {
		p.note(100_000, time.Duration(i)*40*time.Millisecond) // 2.5 MB/s
	}
	if got := catchUp * p.rate; got < 7_000_000 || got > 8_000_000 {
		t.Errorf("%d bytes a second for a stream of 2500000", got)
	}
}

// TestTrackThatIsAwayForAWhile: a publisher that comes back may have sound before
// its pictures are known. Players that know the pictures stay.
func TestTrackThatIsAwayForAWhile(t *testing.T) {
	e := wireFormat(slog.New(slog.DiscardHandler), false).New()
	both := testTracks()
	again, alone := both, both.Without(media.Video)
	var seen []*outTrack
	for i, ts := range []*media.Tracks{&both, &alone, &again} {
		at := time.Duration(i) * 40 * time.Millisecond
		for _, track := range ts.Media() {
			p := &media.Packet{Track: track, DTS: at, PTS: at, Key: true, Payload: vp8Picture(true, 100), Arrival: time.Now()}
			err := e.Encode(hub.Item{Packet: p, Tracks: ts}, func(u *unit, _ int) {
				if u.lane != sound {
					seen = append(seen, u.track)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("the pictures' track is another one: %v", seen)
	}
}

// TestSeen: after a pause, however many packets it took, nothing comes twice and
// all that is new does.
func TestSeen(t *testing.T) {
	p := &player{sent: true, next: [2]uint64{70_000, 5}}
	for _, c := range []struct {
		first uint64
		want  bool
	}{{69_990, true}, {69_999, true}, {70_000, false}, {70_001, false}, {70_000 + 40_000, false}, {70_000 + 200_000, false}} {
		if got := p.seen(&unit{lane: picture, first: [2]uint64{c.first, 0}}); got != c.want {
			t.Errorf("packet %d after %d: seen %v", c.first, p.next[picture], got)
		}
	}
}

// discard takes media and drops them.
type discard struct{ bytes int }

func (d *discard) WriteMedia(bufs net.Buffers) error {
	for _, b := range bufs {
		d.bytes += len(b)
	}
	return nil
}

func (*discard) WriteFrame(uint8, []byte) error { return nil }

func benchUnits(b *testing.B) ([]*unit, *description) {
	e := wireFormat(slog.New(slog.DiscardHandler), false).New()
	ts := testTracks()
	var units []*unit
	for i := range 30 {
		at := time.Duration(i) * 40 * time.Millisecond
		for _, p := range []*media.Packet{
			{Track: ts.Video, DTS: at, PTS: at, Key: i == 0, Payload: vp8Picture(i == 0, 10_000), Arrival: time.Now()},
			{Track: ts.Audio, DTS: at, PTS: at, Payload: make([]byte, 320), Arrival: time.Now()},
		} {
			if err := e.Encode(hub.Item{Packet: p, Tracks: &ts}, func(u *unit, _ int) { units = append(units, u) }); err != nil {
				b.Fatal(err)
			}
		}
	}
	return units, units[0].desc
}

// BenchmarkEncode is the cost of the wire log for one picture of 10 kB and its
// sound, once a stream: 8 packets and one.
func BenchmarkEncode(b *testing.B) {
	e := wireFormat(slog.New(slog.DiscardHandler), false).New()
	ts := testTracks()
	picture := &media.Packet{Track: ts.Video, Key: true, Payload: vp8Picture(true, 10_000), Arrival: time.Now()}
	tone := &media.Packet{Track: ts.Audio, Payload: make([]byte, 320), Arrival: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range []*media.Packet{picture, tone} {
			if err := e.Encode(hub.Item{Packet: p, Tracks: &ts}, func(*unit, int) {}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkDeliver is the cost of handing 30 pictures and their sound to one
// player, without the system call for TCP, with it for UDP.
func BenchmarkDeliver(b *testing.B) {
	units, desc := benchUnits(b)
	run := func(name string, links []*link) {
		b.Run(name, func(b *testing.B) {
			h := hub.New(hub.DefaultConfig(), hub.Options{})
			defer h.Close()
			v, err := h.Play(context.Background(), hub.Session{Stream: "live/x"}, playable)
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close(nil)
			p := &player{viewer: v, desc: desc, out: &output{conn: &discard{}, links: links}, pace: pacer{floor: 1 << 40}}
			b.ReportAllocs()
			for b.Loop() {
				p.sent = false
				if err := p.send(context.Background(), units); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/270, "ns/packet")
		})
	}
	run("tcp", []*link{{track: 0, channels: [2]uint8{0, 1}}, {track: 1, channels: [2]uint8{2, 3}}})
	run("tcp other channels", []*link{{track: 0, channels: [2]uint8{4, 5}}, {track: 1, channels: [2]uint8{6, 7}}})
	sink, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	for _, gso := range []bool{true, false} {
		addr := sink.LocalAddr().(*net.UDPAddr).AddrPort()
		first := freeRange(b, 2)
		ports := newPorts(first, first+1)
		l, err := ports.share(way{addr.Addr(), addr.Addr(), [2]uint16{addr.Port(), addr.Port()}})
		if err != nil {
			b.Fatal(err)
		}
		l.pair.out.SetGSO(gso)
		run(fmt.Sprintf("udp gso=%v", gso), []*link{{track: 0, udp: l}, {track: 1, udp: l}})
		l.close()
	}
}

// TestUnit: the packets of a unit, on the usual channel and on others, with and
// without WebSocket.
func TestUnit(t *testing.T) {
	for _, ws := range []bool{false, true} {
		e := wireFormat(slog.New(slog.DiscardHandler), ws).New()
		ts := testTracks()
		for _, size := range []int{20, 100, 5000} { // one short message, one packet, several
			var u *unit
			p := &media.Packet{Track: ts.Video, Key: true, Payload: vp8Picture(true, size), Arrival: time.Now()}
			if err := e.Encode(hub.Item{Packet: p, Tracks: &ts}, func(got *unit, _ int) { u = got }); err != nil {
				t.Fatal(err)
			}
			n, bytes := 0, 0
			for b := range u.packets {
				got, err := rtp.Parse(b)
				if err != nil || got.Sequence != uint16(u.first[picture]+uint64(n)) || got.SSRC != u.track.ssrc || got.Timestamp != u.time {
					t.Errorf("%+v, %v", got, err)
				}
				if last := n == len(u.ends)-1; got.Marker != last {
					t.Errorf("packet %d of %d has marker %v", n, len(u.ends), got.Marker)
				}
				n, bytes = n+1, bytes+len(got.Payload)
			}
			if n != len(u.ends) || bytes < size || (size == 5000) != (n > 1) {
				t.Errorf("%d packets with %d bytes for %d", n, bytes, size)
			}
			other := u.appendOn(nil, 9)
			if len(other) != len(u.data) || other[u.frame(0)] != '$' || other[u.frame(0)+1] != 9 || u.data[u.frame(0)+1] != 0 {
				t.Errorf("on channel 9: % x", other[:10])
			}
		}
	}
}

// TestHubErrors: each kind of error has a status of its own.
func TestHubErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want wire.Status
	}{
		{fmt.Errorf("x: %w", hub.ErrUnauthorized), wire.Unauthorized},
		{hub.ErrBadName, wire.BadRequest},
		{hub.ErrNoPublisher, wire.NotFound},
		{hub.ErrNothingPlayable, wire.UnsupportedMediaType},
		{hub.ErrBusy, wire.Forbidden},
		{hub.ErrKicked, wire.Forbidden},
		{hub.ErrLimit, wire.NotEnoughBandwidth},
		{hub.ErrShutdown, wire.ServiceUnavailable},
		{errors.New("x"), wire.InternalServerError},
	} {
		var s *StatusError
		if err := wireError(c.err); !errors.As(err, &s) || s.Status != c.want {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}
