package httplive

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"sluice/server/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heads emits units under the head that each item's number names.
type heads struct {
	list []*hub.Head
	n    int
}

func (e *heads) Encode(_ hub.Item, emit func(hub.Chunk, int)) error {
	emit(hub.Chunk{Head: e.list[e.n], Data: []byte{byte(e.n)}}, 1)
	e.n++
	return nil
}

// TestFramed: each unit is one binary message, the media type one of text, and
// units that shared a head still do.
func TestFramed(t *testing.T) {
	a, b := &hub.Head{Opening: []byte("o"), Resume: []byte("r"), Bytes: []byte("a")}, &hub.Head{MediaType: "m", Bytes: []byte("b")}
	f := framed(hub.Format[hub.Chunk]{Key: "k", New: func() hub.Encoder[hub.Chunk] { return &heads{list: []*hub.Head{a, a, b}} }})
	if f.Key == "k" {
		t.Error("units in frames share the log of those without")
	}
	var got []hub.Chunk
	e := f.New()
	for range 3 {
		err := e.Encode(hub.Item{}, func(c hub.Chunk, size int) {
			if size != len(c.Data) {
				t.Errorf("%d bytes are told as %d", len(c.Data), size)
			}
			got = append(got, c)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range got {
		if want := string([]byte{0x82, 1, byte(i)}); string(c.Data) != want {
			t.Errorf("unit %d: % x", i, c.Data)
		}
	}
	first, last := got[0].Head, got[2].Head
	if first != got[1].Head || first == last {
		t.Error("the heads in frames do not follow those without")
	}
	if s := fmt.Sprintf("%q %q %q", first.Opening, first.Resume, first.Bytes); s != `"\x82\x01o" "\x82\x01r" "\x82\x01a"` {
		t.Errorf("the first head: %s", s)
	}
	if s := fmt.Sprintf("%q %q", last.Opening, last.Bytes); s != `"" "\x81\x01m\x82\x01b"` {
		t.Errorf("the last head: %s", s)
	}
}

func TestSession(t *testing.T) {
	m := Media{Name: "FLV", Suffix: ".flv"}
	for _, c := range []struct {
		target, header, token, protocol string
		ws                              bool
	}{
		{"/live/a.flv?token=q", "", "q", "http-flv", false},
		{"/live/a.flv?token=q", "Bearer h", "h", "ws-flv", true},
		{"/live/a.flv", "Basic xyz", "", "http-flv", false},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		if s := m.Session(r, c.ws); s.Token != c.token || s.Protocol != c.protocol || s.Stream != "/live/a" {
			t.Errorf("%s, %q: %+v", c.target, c.header, s)
		}
	}
}

func TestStatus(t *testing.T) {
	for err, want := range map[error]int{
		hub.ErrBadName: 400, hub.ErrUnauthorized: 401, hub.ErrKicked: 403, hub.ErrNoPublisher: 404,
		hub.ErrBusy: 409, hub.ErrReplaced: 409, hub.ErrLimit: 503, hub.ErrShutdown: 503, errors.New("other"): 500,
	} {
		if got := Status(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// TestPongAfterALongWait: a ping is answered however long ago the last write was.
func TestPongAfterALongWait(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := upgrade(w, r, time.Minute)
		if err != nil {
			t.Error(err)
			return
		}
		defer p.conn.Close()
		_ = p.conn.SetWriteDeadline(time.Now().Add(-time.Second)) // of the last write
		p.drain()
	}))
	defer srv.Close()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	pong := errors.New("pong")
	ws.SetPongHandler(func(string) error { return pong })
	if err := ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.NextReader(); !errors.Is(err, pong) {
		t.Errorf("the ping is answered with %v", err)
	}
}
