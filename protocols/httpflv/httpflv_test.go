package httpflv

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"sluice/protocols/container/flv"
	"sluice/protocols/internal/prototest"
	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newWeb(t *testing.T, cfg hub.Config) *prototest.Web {
	return prototest.NewWeb(t, cfg, func(h *hub.Hub) prototest.Handler {
		return New(DefaultConfig(), h, slog.New(slog.DiscardHandler))
	})
}

// TestHeaders sees those of the response and of the file.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name   string
		tracks []*media.Track
		header flv.Header
	}{
		{"both", []*media.Track{prototest.H264(), prototest.AAC()}, flv.Header{Audio: true, Video: true}},
		{"picture", []*media.Track{prototest.H264()}, flv.Header{Video: true}},
		{"sound", []*media.Track{prototest.AAC()}, flv.Header{Audio: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWeb(t, hub.DefaultConfig())
			w.Publish(t, 15, c.tracks...)
			res, err := http.Get(w.URL + "/live/kit.flv")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "video/x-flv" {
				t.Fatalf("%s, %s", res.Status, got)
			}
			if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", res.Header)
			}
			if got, err := flv.NewReader(res.Body, flv.MaxBody).Header(); err != nil || got != c.header {
				t.Errorf("header %+v, %v; want %+v", got, err, c.header)
			}
		})
	}
}

// TestWebSocket: units are binary messages, and a ping is answered between two
// of them.
func TestWebSocket(t *testing.T) {
	w := newWeb(t, hub.DefaultConfig())
	w.Publish(t, 5, prototest.H264(), prototest.AAC())
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(w.URL, "http")+"/live/kit.flv?hevc=12", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	pong := ""
	ws.SetPongHandler(func(s string) error { pong = s; return nil })
	read := func() {
		t.Helper()
		kind, r, err := ws.NextReader()
		if err != nil || kind != websocket.BinaryMessage {
			t.Fatalf("message of kind %d, %v", kind, err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if err := ws.WriteControl(websocket.PingMessage, []byte("hi"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for pong == "" {
		w.Steps(1)
		read()
	}
	if pong != "hi" {
		t.Errorf("pong %q", pong)
	}
}

func TestRefusals(t *testing.T) {
	cfg := hub.DefaultConfig()
	cfg.ViewerWait = time.Millisecond
	w := newWeb(t, cfg)
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
		w.Expect(t, c.method, c.path, c.want)
	}
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

// TestOnDemand: codecs that players hang on go to those that ask.
func TestOnDemand(t *testing.T) {
	for query, codec := range map[string]media.Codec{
		"opus=1": media.Opus, "vp8=1": media.VP8, "flac=1": media.FLAC, "ac3=1": media.AC3, "vp8=1&ac3=1": media.EAC3,
	} {
		r := httptest.NewRequest(http.MethodGet, "/live/a.flv?"+query, nil)
		if !formOf(r).accepts().Has(codec) {
			t.Errorf("%s does not bring %v", query, codec)
		}
		r = httptest.NewRequest(http.MethodGet, "/live/a.flv?g711=1", nil)
		if formOf(r).accepts().Has(codec) {
			t.Errorf("%v comes without %s", codec, query)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	e := form{}.format().New()
	avc := prototest.H264()
	ts := media.Tracks{Video: avc}
	item := hub.Item{Packet: &media.Packet{Track: avc, Payload: make([]byte, 8000)}, Tracks: &ts}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Encode(item, func(hub.Chunk, int) {}); err != nil {
			b.Fatal(err)
		}
	}
}
