package httpts

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"sluice/protocols/container/mpegts"
	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// avcC is a record of ffmpeg's encoder.
const avcC = "\x01\x64\x00\x0d\xff\xe1\x00\x19\x67\x64\x00\x0d\xac\xd9\x41\x50\x87\x88\x88\xc0\x44\x00\x00\x0f\xa4\x00\x03\xa9\x80\x3c\x50\xa6\x58" +
	"\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00"

var (
	avc  = &media.Track{Codec: media.H264, Config: []byte(avcC), Width: 322, Height: 242}
	aac  = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
	mp3  = &media.Track{Codec: media.MP3, SampleRate: 44100, Channels: 2}
	opus = &media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}
)

const frameTime = 40 * time.Millisecond

// rig is a handler on a listener, and a publisher that never tires.
type rig struct {
	*httptest.Server
	hub  *hub.Hub
	pub  *hub.Publisher
	next int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{hub: hub.New(hub.DefaultConfig(), hub.Options{})}
	h := New(DefaultConfig(), r.hub, slog.New(slog.DiscardHandler))
	r.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.Stop(context.Background())
		r.Close()
		if r.pub != nil {
			r.pub.Close(nil)
		}
		r.hub.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *rig) publish(t *testing.T, tracks ...*media.Track) {
	t.Helper()
	var err error
	if r.pub, err = r.hub.Publish(t.Context(), hub.Session{Stream: "live/a"}); err != nil {
		t.Fatal(err)
	}
	var kinds []media.Kind
	for _, track := range tracks {
		r.pub.Announce(track)
		kinds = append(kinds, track.Codec.Kind())
	}
	r.pub.Expect(kinds...)
}

// write publishes n packets of each track; every tenth picture is a key. Each
// carries its number.
func (r *rig) write(n int, tracks ...*media.Track) {
	for range n {
		at := time.Duration(r.next) * frameTime
		for _, track := range tracks {
			p := &media.Packet{Track: track, DTS: at, PTS: at, Payload: sound(track.Codec, r.next)}
			if track.Codec.Kind() == media.Video {
				p.Key, p.Payload = r.next%10 == 0, picture(r.next)
			}
			r.pub.Write(p)
		}
		r.next++
	}
}

func picture(n int) []byte {
	slice := append([]byte{0, 0, 1, 44, 0x41, 0x9a, byte(n)}, bytes.Repeat([]byte{0x55}, 297)...)
	if n%10 == 0 {
		slice[4], slice[5] = 0x65, 0x88
	}
	return slice
}

func sound(c media.Codec, n int) []byte {
	b := make([]byte, 417)
	switch c {
	case media.MP3:
		copy(b, "\xff\xfb\x90\x64")
	case media.Opus:
		b[0] = 0xfc
	}
	b[416] = byte(n)
	return b
}

// number returns the number in a packet.
func number(p *media.Packet) byte {
	if p.Kind() == media.Video {
		return p.Payload[len(p.Payload)-298]
	}
	return p.Payload[416]
}

// writing publishes until the returned function is called.
func (r *rig) writing(tracks ...*media.Track) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.write(1, tracks...)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// reader demuxes what a player gets.
type reader struct {
	t *testing.T
	r io.Reader
	d *mpegts.Demuxer
}

func newReader(t *testing.T, r io.Reader) *reader {
	return &reader{t, r, mpegts.NewDemuxer(mpegts.DemuxerConfig{})}
}

// next returns the next packet.
func (r *reader) next() *media.Packet {
	r.t.Helper()
	for b := make([]byte, 4096); ; {
		e, ok := r.d.Next()
		switch {
		case e.Err != nil:
			r.t.Fatal(e.Err)
		case e.Packet != nil:
			return e.Packet
		case !ok:
			n, err := r.r.Read(b)
			if n == 0 {
				r.t.Fatal(err)
			}
			r.d.Write(b[:n])
		}
	}
}

// expect reads n packets and checks that they follow each other from a key.
func (r *reader) expect(n int) {
	r.t.Helper()
	last := map[media.Kind]byte{}
	for range n {
		p := r.next()
		b := number(p)
		switch prev, ok := last[p.Kind()]; {
		case !ok && p.Kind() == media.Video && !p.Key:
			r.t.Fatalf("begins with picture %d, no key", b)
		case ok && b != prev+1:
			r.t.Fatalf("%v: %d after %d", p.Kind(), b, prev)
		}
		last[p.Kind()] = b
	}
}

func (r *rig) play(t *testing.T, query string) *reader {
	t.Helper()
	res, err := http.Get(r.URL + "/live/a.ts" + query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "video/mp2t" {
		t.Fatalf("%s, %s", res.Status, got)
	}
	return newReader(t, res.Body)
}

func TestHTTP(t *testing.T) {
	for _, c := range []struct {
		name   string
		tracks []*media.Track
		query  string
	}{
		{"both", []*media.Track{avc, aac}, ""},
		{"picture", []*media.Track{avc}, ""},
		{"sound", []*media.Track{mp3}, ""},
		{"Opus for those that ask", []*media.Track{avc, opus}, "?opus=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, c.tracks...)
			r.write(15, c.tracks...)
			player := r.play(t, c.query)
			defer r.writing(c.tracks...)()
			player.expect(60)
			ts := player.d.Tracks()
			if len(ts.Media()) != len(c.tracks) || ts.Get(c.tracks[0].Codec.Kind()).Codec != c.tracks[0].Codec {
				t.Errorf("tracks %+v", ts)
			}
		})
	}
}

// TestWebSocket: each message is made of whole packets.
func TestWebSocket(t *testing.T) {
	r := newRig(t)
	r.publish(t, avc, aac)
	r.write(15, avc, aac)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.URL, "http")+"/live/a.ts", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	defer r.writing(avc, aac)()
	newReader(t, messages{ws}).expect(60)
}

// messages reads binary messages of whole packets as one stream.
type messages struct{ ws *websocket.Conn }

func (m messages) Read(b []byte) (int, error) {
	kind, message, err := m.ws.ReadMessage()
	if err != nil {
		return 0, err
	}
	if kind != websocket.BinaryMessage || len(message)%mpegts.PacketSize != 0 || len(message) > len(b) {
		return 0, io.ErrNoProgress
	}
	return copy(b, message), nil
}

// TestPublisherComesBack, with other codecs: the player stays, time goes on, and
// nothing counts as lost.
func TestPublisherComesBack(t *testing.T) {
	r := newRig(t)
	r.publish(t, avc, aac)
	r.write(15, avc, aac)
	player := r.play(t, "")
	player.expect(8) // of 9: the player came at picture 10, and the last sound waits
	last := time.Duration(0)
	for _, audio := range []*media.Track{aac, mp3} {
		r.pub.Close(nil)
		r.next = 0
		r.publish(t, avc, audio)
		r.write(15, avc, audio)
		// The rest of the old pictures, then the new ones without a gap.
		for back, n := false, byte(0); !back || n < 12; {
			p := player.next()
			if p.Kind() != media.Video {
				continue
			}
			if p.DTS <= last {
				t.Fatalf("time goes back from %v to %v", last, p.DTS)
			}
			last = p.DTS
			switch got := number(p); {
			case got == 0 && p.Key:
				back, n = true, 0
			case back && got != n+1:
				t.Fatalf("picture %d after %d", got, n)
			default:
				n = got
			}
		}
		if got := player.d.Tracks().Audio.Codec; got != audio.Codec {
			t.Errorf("the sound is %v, want %v", got, audio.Codec)
		}
	}
}

// TestSoundThatDoesNotFit: AAC with frames of 960 samples has no form in ADTS; the
// picture plays without it.
func TestSoundThatDoesNotFit(t *testing.T) {
	r := newRig(t)
	short := &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x94}, SampleRate: 48000, Channels: 2}
	r.publish(t, avc, short)
	r.write(15, avc, short)
	player := r.play(t, "")
	defer r.writing(avc, short)()
	player.expect(20)
	if ts := player.d.Tracks(); ts.Video == nil || ts.Audio != nil {
		t.Errorf("tracks %+v", ts)
	}
}

func BenchmarkEncode(b *testing.B) {
	e := format().New()
	ts := &media.Tracks{Video: avc, Audio: aac}
	items := []hub.Item{
		{Tracks: ts, Packet: &media.Packet{Track: avc, Payload: append([]byte{0, 0, 0x1f, 0x3c}, bytes.Repeat([]byte{0x41}, 7996)...)}},
		{Tracks: ts, Packet: &media.Packet{Track: aac, Payload: make([]byte, 300)}},
	}
	size := 0
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		item := items[n&1]
		item.Packet.DTS += frameTime
		item.Packet.PTS = item.Packet.DTS
		if err := e.Encode(item, func(_ hub.Chunk, n int) { size += n }); err != nil {
			b.Fatal(err)
		}
	}
	if size == 0 {
		b.Fatal("nothing was written")
	}
}
