package httpflv

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"sluice/protocols/container/flv"
	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	avc = &media.Track{Codec: media.H264, Config: []byte{1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x68}, Width: 64, Height: 48}
	aac = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
)

// rig is a handler on a listener, and a publisher that never tires.
type rig struct {
	*httptest.Server
	hub     *hub.Hub
	handler interface{ Stop(context.Context) error }
	pub     *hub.Publisher
	next    int
	said    said
}

// said is what the hub logs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newRig(t *testing.T, cfg hub.Config) *rig { return newRigWith(t, cfg, time.Minute) }

func newRigWith(t *testing.T, cfg hub.Config, writeTimeout time.Duration) *rig {
	t.Helper()
	r := &rig{}
	r.hub = hub.New(cfg, hub.Options{Log: slog.New(slog.NewTextHandler(&r.said, nil))})
	serverConfig := DefaultConfig()
	serverConfig.WriteTimeout = writeTimeout
	h := New(serverConfig, r.hub, slog.New(slog.DiscardHandler))
	r.handler, r.Server = h, httptest.NewServer(h)
	t.Cleanup(func() {
		r.handler.Stop(context.Background())
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

// write publishes n packets of each track; every tenth picture is a key.
func (r *rig) write(n int, tracks ...*media.Track) {
	for range n {
		at := time.Duration(r.next) * 40 * time.Millisecond
		for _, track := range tracks {
			p := &media.Packet{Track: track, DTS: at, PTS: at, Payload: payload(r.next)}
			p.Key = track.Codec.Kind() == media.Video && r.next%10 == 0
			r.pub.Write(p)
		}
		r.next++
	}
}

// payload is one NAL unit that carries the packet's number.
func payload(n int) []byte {
	return append([]byte{0, 0, 1, 40}, bytes.Repeat([]byte{byte(n)}, 296)...)
}

// until waits for a condition.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
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

// expect reads n packets and checks that they follow each other from a key.
func expect(t *testing.T, stream io.Reader, n int, header flv.Header) {
	t.Helper()
	reader := flv.NewReader(stream, 1<<20)
	if h, err := reader.Header(); err != nil || h != header {
		t.Fatalf("header %+v, %v; want %+v", h, err, header)
	}
	var d flv.Demuxer
	last := map[media.Kind]byte{}
	for n > 0 {
		tag, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if p == nil || p.Kind() == media.Data {
			continue
		}
		b := p.Payload[4]
		switch prev, ok := last[p.Kind()]; {
		case !ok && p.Kind() == media.Video && !p.Key:
			t.Fatalf("begins with picture %d, no key", b)
		case ok && b != prev+1:
			t.Fatalf("%v: %d after %d", p.Kind(), b, prev)
		}
		if len(p.Payload) != 300 || p.DTS%(256*40*time.Millisecond) != time.Duration(b)*40*time.Millisecond {
			t.Fatalf("packet %d: %d bytes at %v", b, len(p.Payload), p.DTS)
		}
		last[p.Kind()] = b
		n--
	}
}

func TestHTTP(t *testing.T) {
	for _, c := range []struct {
		name   string
		tracks []*media.Track
		header flv.Header
	}{
		{"both", []*media.Track{avc, aac}, flv.Header{Audio: true, Video: true}},
		{"picture", []*media.Track{avc}, flv.Header{Video: true}},
		{"sound", []*media.Track{aac}, flv.Header{Audio: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, hub.DefaultConfig())
			r.publish(t, c.tracks...)
			r.write(15, c.tracks...)
			res, err := http.Get(r.URL + "/live/a.flv")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != "video/x-flv" {
				t.Fatalf("%s, %s", res.Status, got)
			}
			if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", res.Header)
			}
			defer r.writing(c.tracks...)()
			expect(t, res.Body, 40, c.header)
		})
	}
}

func TestWebSocket(t *testing.T) {
	r := newRig(t, hub.DefaultConfig())
	r.publish(t, avc, aac)
	r.write(15, avc, aac)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(r.URL, "http")+"/live/a.flv?hevc=12", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	pong := make(chan string, 1)
	ws.SetPongHandler(func(s string) error { pong <- s; return nil })
	if err := ws.WriteControl(websocket.PingMessage, []byte("hi"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	pr, pw := io.Pipe()
	closed := make(chan error, 1)
	go func() {
		for {
			kind, b, err := ws.ReadMessage()
			if err != nil {
				closed <- err
				pw.Close()
				return
			}
			if kind != websocket.BinaryMessage {
				t.Errorf("message of kind %d", kind)
			}
			pw.Write(b)
		}
	}()
	stop := r.writing(avc, aac)
	expect(t, pr, 40, flv.Header{Audio: true, Video: true})
	go io.Copy(io.Discard, pr)
	stop()
	if got := <-pong; got != "hi" {
		t.Errorf("pong %q", got)
	}
	for _, v := range r.pub.Stream().Viewers() {
		v.Kick()
	}
	if err := <-closed; !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("closed with %v", err)
	}
}

// TestReasons: the line at a session's end says who ended it.
func TestReasons(t *testing.T) {
	r := newRig(t, hub.DefaultConfig())
	r.publish(t, avc)
	r.write(5, avc)
	patience := time.After(10 * time.Second)
	ended := func(reason string) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for !strings.Contains(r.said.String(), reason) {
			select {
			case <-tick.C:
			case <-patience:
				t.Fatalf("no %q in\n%s", reason, r.said.String())
			}
		}
	}
	for _, reason := range []string{"the player has gone", "the service stops"} {
		res, err := http.Get(r.URL + "/live/a.flv")
		if err != nil {
			t.Fatal(err)
		}
		if reason == "the service stops" {
			r.handler.Stop(t.Context())
		}
		res.Body.Close()
		ended(reason)
	}
}

func TestViewerBeforePublisher(t *testing.T) {
	r := newRig(t, hub.DefaultConfig())
	got := make(chan *http.Response, 1)
	go func() {
		res, err := http.Get(r.URL + "/live/a.flv")
		if err != nil {
			t.Error(err)
		}
		got <- res
	}()
	until(t, func() bool { return r.hub.Find("live/a") != nil })
	r.publish(t, avc)
	defer r.writing(avc)()
	res := <-got
	expect(t, res.Body, 10, flv.Header{Video: true})
	res.Body.Close()
}

func TestRefusals(t *testing.T) {
	cfg := hub.DefaultConfig()
	cfg.ViewerWait = time.Millisecond
	r := newRig(t, cfg)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/live/nobody.flv", 404},
		{"GET", "/live/..%2fx.flv", 400},
		{"GET", "/live/a/b/c/d/e.flv", 400},
		{"POST", "/live/a.flv", 405},
		{"OPTIONS", "/live/a.flv", 204},
		{"HEAD", "/live/a.flv", 200},
		{"HEAD", "/live/a%20b.flv", 400},
	} {
		req, err := http.NewRequest(c.method, r.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, res.StatusCode, c.want)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: no CORS", c.method, c.path)
		}
	}
}

// TestStuckViewer opens a player that never reads: the publisher and the
// others don't notice, and it is gone after the write timeout.
func TestStuckViewer(t *testing.T) {
	r := newRigWith(t, hub.DefaultConfig(), 200*time.Millisecond)
	r.publish(t, avc)
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /live/a.flv HTTP/1.1\r\nHost: x\r\n\r\n")
	until(t, func() bool { return len(r.pub.Stream().Viewers()) == 1 })
	v := r.pub.Stream().Viewers()[0]
	big, i := make([]byte, 1<<20), 0
	until(t, func() bool {
		at := time.Duration(i) * 40 * time.Millisecond
		i++
		start := time.Now()
		if err := r.pub.Write(&media.Packet{Track: avc, DTS: at, PTS: at, Key: true, Payload: big}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 150*time.Millisecond {
			t.Fatalf("the publisher waited %v", d)
		}
		return v.Context().Err() != nil
	})
}

// TestG711 sees who gets G.711: programs, and browsers that say they take it.
func TestG711(t *testing.T) {
	for _, c := range []struct {
		agent, query string
		want         bool
	}{
		{"Lavf/59.27.100", "", true},
		{"Mozilla/5.0 (X11; Linux x86_64)", "", false},
		{"Mozilla/5.0 (X11; Linux x86_64)", "?g711=1", true},
		{"Lavf/59.27.100", "?g711=0", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/live/a.flv"+c.query, nil)
		r.Header.Set("User-Agent", c.agent)
		if got := formOf(r).accepts().Has(media.PCMA); got != c.want {
			t.Errorf("%s %s: takes G.711: %v", c.agent, c.query, got)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e := form{}.format().New()
	ts := media.Tracks{Video: avc}
	item := hub.Item{Packet: &media.Packet{Track: avc, Payload: make([]byte, 8000)}, Tracks: &ts}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Encode(item, func(hub.Chunk, int) {}); err != nil {
			b.Fatal(err)
		}
	}
}
