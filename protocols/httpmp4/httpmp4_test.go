package httpmp4

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"sluice/protocols/container/fmp4"
	"sluice/protocols/internal/prototest"
	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	avc  = &media.Track{Codec: media.H264, Config: []byte{1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x68}, Width: 64, Height: 48}
	avc2 = &media.Track{Codec: media.H264, Config: []byte{1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x68}, Width: 64, Height: 48}
	aac  = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
	aac2 = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x88}, SampleRate: 48000, Channels: 1}
)

// script gives items to an encoder and collects its chunks.
type script struct {
	t      *testing.T
	enc    hub.Encoder[hub.Chunk]
	tracks *media.Tracks
	chunks []hub.Chunk
}

func (s *script) use(list ...*media.Track) {
	ts := media.Tracks{}
	for _, t := range list {
		ts = ts.With(t)
	}
	s.tracks = &ts
}

func (s *script) encode(item hub.Item) {
	s.t.Helper()
	item.Tracks = s.tracks
	err := s.enc.Encode(item, func(c hub.Chunk, size int) {
		if size != len(c.Data) {
			s.t.Errorf("a chunk of %d bytes is counted as %d", len(c.Data), size)
		}
		s.chunks = append(s.chunks, c)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// packet encodes a packet at a time in milliseconds.
func (s *script) packet(track *media.Track, at int) {
	s.t.Helper()
	d := time.Duration(at) * time.Millisecond
	s.encode(hub.Item{Packet: &media.Packet{Track: track, DTS: d, PTS: d, Payload: []byte{0, 0, 0, 1, byte(at)}}})
}

// fragments reads the chunks as one line each: the head's number, and each
// sample as its kind's letter and when it is shown.
func (s *script) fragments() string {
	s.t.Helper()
	var b strings.Builder
	var heads []*hub.Head
	for i, c := range s.chunks {
		if len(heads) == 0 || heads[len(heads)-1] != c.Head {
			heads = append(heads, c.Head)
		}
		m, err := fmp4.ParseInit(c.Head.Bytes)
		if err != nil {
			s.t.Fatal(err)
		}
		f, err := m.ParseFragment(c.Data, 0)
		if err != nil {
			s.t.Fatal(err)
		}
		if int(f.Sequence) != i+1 {
			s.t.Errorf("fragment %d has number %d", i+1, f.Sequence)
		}
		b.WriteByte(byte('0' + len(heads)))
		for _, sample := range f.Samples {
			b.WriteString(" " + sample.Packet.Kind().String()[:1] + sample.Packet.PTS.Round(time.Millisecond).String())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestEncoder(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(s *script)
		want string
	}{
		{"sound rides", func(s *script) {
			s.use(avc, aac)
			s.packet(avc, 0)
			s.packet(aac, 1)
			s.packet(aac, 22)
			s.packet(avc, 40)
		}, "1 v0s\n1 v40ms a1ms a22ms\n"},
		{"sound alone", func(s *script) {
			s.use(aac)
			s.packet(aac, 0)
			s.packet(aac, 21)
		}, "1 a0s\n1 a21ms\n"},
		{"pictures stand still", func(s *script) {
			s.use(avc, aac)
			for at := 0; at < 180; at += 20 {
				s.packet(aac, at)
			}
		}, "1 a0s a20ms a40ms a60ms a80ms a100ms\n1 a120ms\n1 a140ms\n1 a160ms\n"},
		{"the publisher leaves, and comes back the same", func(s *script) {
			s.use(avc, aac)
			s.packet(avc, 0)
			s.packet(aac, 1)
			s.encode(hub.Item{Event: hub.EventUnpublish})
			s.encode(hub.Item{Event: hub.EventPublish})
			again := *aac
			s.use(avc, &again)
			s.packet(avc, 33)
			s.packet(&again, 34)
			s.packet(avc, 66)
		}, "1 v0s\n1 a1ms\n1 v33ms\n1 v66ms a34ms\n"},
		{"the publisher comes back, with its sound later", func(s *script) {
			s.use(avc, aac)
			s.packet(avc, 0)
			s.packet(aac, 1)
			s.use(avc)
			s.packet(avc, 33)
			s.packet(avc, 2900)
			s.use(avc, aac)
			s.packet(aac, 2910)
			s.packet(avc, 2950)
		}, "1 v0s\n1 v33ms a1ms\n1 v2.9s\n1 v2.95s a2.91s\n"},
		{"the publisher comes back without pictures", func(s *script) {
			s.use(avc, aac)
			s.packet(avc, 0)
			s.use(aac)
			s.packet(aac, 1000)
			s.packet(aac, 3990)
			s.packet(aac, 4010)
		}, "1 v0s\n1 a1s\n1 a3.99s\n2 a4.01s\n"},
		{"the picture's form changes", func(s *script) {
			s.use(avc, aac)
			s.packet(avc, 0)
			s.packet(aac, 1)
			s.use(avc2, aac)
			s.packet(avc2, 40)
		}, "1 v0s\n2 v40ms a1ms\n"},
		{"the sound's form changes", func(s *script) {
			s.use(avc, aac)
			s.packet(avc, 0)
			s.packet(aac, 1)
			s.use(avc, aac2)
			s.packet(aac2, 22)
			s.packet(avc, 40)
		}, "1 v0s\n2 v40ms a22ms\n"},
		{"script data", func(s *script) {
			s.use(avc)
			s.packet(&media.Track{Codec: media.Script}, 0)
			s.packet(avc, 0)
		}, "1 v0s\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{t: t, enc: format().New()}
			c.run(s)
			if got := s.fragments(); got != c.want {
				t.Errorf("fragments\n%swant\n%s", got, c.want)
			}
		})
	}
}

// TestParameterSets sees them in the key frames that follow a change of the
// picture's form, and only there.
func TestParameterSets(t *testing.T) {
	s := &script{t: t, enc: format().New()}
	frame := func(track *media.Track, at int, payload string) string {
		d := time.Duration(at) * time.Millisecond
		s.encode(hub.Item{Packet: &media.Packet{Track: track, DTS: d, PTS: d, Key: payload[4] == 0x65, Payload: []byte(payload)}})
		c := s.chunks[len(s.chunks)-1]
		i := bytes.Index(c.Data, []byte("mdat"))
		return string(c.Data[i+4:])
	}
	const idr, inter, sets = "\x00\x00\x00\x01\x65", "\x00\x00\x00\x01\x41", "\x00\x00\x00\x01\x67\x00\x00\x00\x01\x68"
	same := *avc
	for i, c := range []struct {
		track         *media.Track
		payload, want string
	}{
		{avc, idr, idr},
		{&same, idr, idr},
		{avc2, idr, sets + idr},
		{avc2, inter, inter},
		{avc2, idr, sets + idr},
	} {
		if i == 0 || s.tracks.Video != c.track {
			s.use(c.track)
		}
		if got := frame(c.track, 40*i, c.payload); got != c.want {
			t.Errorf("picture %d is % x, want % x", i, got, c.want)
		}
	}
}

func newWeb(t *testing.T) *prototest.Web {
	return prototest.NewWeb(t, hub.DefaultConfig(), func(h *hub.Hub) prototest.Handler {
		return New(DefaultConfig(), h, slog.New(slog.DiscardHandler))
	})
}

// mediaType is that of the kit's tracks.
const mediaType = `video/mp4; codecs="avc1.4d400d,mp4a.40.2"`

func TestContentType(t *testing.T) {
	w := newWeb(t)
	w.Publish(t, 15, prototest.H264(), prototest.AAC())
	res, err := http.Get(w.URL + "/live/kit.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != mediaType {
		t.Fatalf("%s, %s", res.Status, got)
	}
}

// TestWebSocket: the media type is a message of text, the initialisation segment
// and each fragment are one of bytes.
func TestWebSocket(t *testing.T) {
	w := newWeb(t)
	w.Publish(t, 15, prototest.H264(), prototest.AAC())
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(w.URL, "http")+"/live/kit.mp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	kind, b, err := ws.ReadMessage()
	if err != nil || kind != websocket.TextMessage || string(b) != mediaType {
		t.Fatalf("first message %d, %q, %v", kind, b, err)
	}
	for i, first := range []string{"ftyp", "moof", "moof", "moof", "moof", "moof"} {
		kind, b, err := ws.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage {
			t.Fatalf("message %d: kind %d, %v", i, kind, err)
		}
		if box, _, err := fmp4.NextBox(b); err != nil || box.Type != first {
			t.Fatalf("message %d begins with %q, %v", i, box.Type, err)
		}
	}
}

// TestBeginsAtZero: who joins a stream that has been live gets times from 0 on,
// each player its own, in a fragment that all share.
func TestBeginsAtZero(t *testing.T) {
	w := newWeb(t)
	w.Publish(t, 15, prototest.H264(), prototest.AAC())
	for range 2 { // the second begins at another picture
		for _, ws := range []bool{false, true} {
			d := newDemuxer(dial(t, w, ws))
			first := map[media.Kind]time.Duration{}
			for len(first) < 2 {
				p, err := d.Next()
				if err != nil {
					t.Fatal(err)
				}
				if _, seen := first[p.Kind()]; !seen {
					first[p.Kind()] = p.DTS
				}
			}
			v, a := first[media.Video], first[media.Audio]
			if min(v, a) != 0 || max(v, a) > 50*time.Millisecond {
				t.Errorf("WebSocket %v: pictures begin at %v, sound at %v", ws, v, a)
			}
		}
		w.Steps(9)
	}
}

// TestFollows: over HTTP a player goes on where the media tells what it lacks.
func TestFollows(t *testing.T) {
	hevc := &media.Track{Codec: media.H265}
	same := *aac
	for _, c := range []struct {
		name      string
		old, next media.Tracks
		want      bool
	}{
		{"another size", media.Tracks{Video: avc, Audio: aac}, media.Tracks{Video: avc2, Audio: &same}, true},
		{"another codec", media.Tracks{Video: avc, Audio: aac}, media.Tracks{Video: hevc, Audio: aac}, false},
		{"another sound", media.Tracks{Video: avc, Audio: aac}, media.Tracks{Video: avc, Audio: aac2}, false},
		{"no more sound", media.Tracks{Video: avc, Audio: aac}, media.Tracks{Video: avc}, false},
		{"pictures come", media.Tracks{Audio: aac}, media.Tracks{Video: avc, Audio: aac}, false},
		{"sound alone", media.Tracks{Audio: aac}, media.Tracks{Audio: &same}, true},
	} {
		if got := follows(&hub.Head{Tracks: &c.old}, &hub.Head{Tracks: &c.next}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestEndsAtAChange: a player over HTTP that can't go on gets a clean end, and the
// log says why.
func TestEndsAtAChange(t *testing.T) {
	var text logText
	h := hub.New(hub.DefaultConfig(), hub.Options{Log: slog.New(slog.NewTextHandler(&text, nil))})
	defer h.Close()
	handler := New(DefaultConfig(), h, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(handler)
	defer server.Close()
	defer func() {
		http.DefaultClient.CloseIdleConnections()
		if err := handler.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if want := `reason="` + hub.ErrChanged.Error(); !strings.Contains(text.String(), want) {
			t.Errorf("no line has %s:\n%s", want, text.String())
		}
	}()
	publish := func(sound *media.Track) *hub.Publisher {
		pub, err := h.Publish(t.Context(), hub.Session{Stream: "live/a"})
		if err != nil {
			t.Fatal(err)
		}
		pub.Expect(media.Audio)
		pub.Announce(sound)
		for i := range 5 {
			at := time.Duration(i) * 20 * time.Millisecond
			if err := pub.Write(&media.Packet{Track: sound, DTS: at, PTS: at, Payload: []byte("sound")}); err != nil {
				t.Fatal(err)
			}
		}
		return pub
	}
	pub := publish(aac)
	res, err := http.Get(server.URL + "/live/a.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	pub.Close(nil)
	defer publish(aac2).Close(nil)
	b, err := io.ReadAll(res.Body)
	if err != nil || bytes.Count(b, []byte("moov")) != 1 || bytes.Count(b, []byte("moof")) == 0 {
		t.Errorf("%d bytes, %d fragments, %v", len(b), bytes.Count(b, []byte("moof")), err)
	}
}

// logText is a log that is written while it is read.
type logText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dial plays live/kit until the test ends.
func dial(t *testing.T, w *prototest.Web, ws bool) io.Reader {
	t.Helper()
	if !ws {
		res, err := http.Get(w.URL + "/live/kit.mp4")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res.Body
	}
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(w.URL, "http")+"/live/kit.mp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, out := io.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			kind, b, err := c.ReadMessage()
			if err == nil && kind == websocket.BinaryMessage {
				_, err = out.Write(b)
			}
			if err != nil {
				out.CloseWithError(err)
				return
			}
		}
	})
	t.Cleanup(func() {
		c.Close()
		r.Close()
		reading.Wait()
	})
	return r
}

func TestRefusals(t *testing.T) {
	w := newWeb(t)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/live/..%2fx.mp4", 400},
		{http.MethodPost, "/live/a.mp4", 405},
		{http.MethodHead, "/live/a.mp4", 200},
	} {
		w.Expect(t, c.method, c.path, c.want)
	}
}

func BenchmarkEncode(b *testing.B) {
	e := format().New()
	ts := media.Tracks{Video: avc}
	item := hub.Item{Packet: &media.Packet{Track: avc, Payload: make([]byte, 8000)}, Tracks: &ts}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Encode(item, func(hub.Chunk, int) {}); err != nil {
			b.Fatal(err)
		}
	}
}
