package hls

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/hub"
)

// rig is a handler in virtual time.
type rig struct {
	t       *testing.T
	hub     *hub.Hub
	handler *Handler
	token   string // that the hub wants, "" for none

	said   bytes.Buffer // what the hub logs
	pub    *hub.Publisher
	source source
	halt   chan struct{}
	ended  chan struct{}
}

// within runs a test in virtual time.
func within(t *testing.T, cfg Config, hc hub.Config, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, source: source{video: avc, audio: stereo, frame: 40 * ms, group: 50}}
		r.hub = hub.New(hc, hub.Options{Log: slog.New(slog.NewTextHandler(&r.said, nil)), Authorize: func(_ context.Context, _ hub.Action, s hub.Session) error {
			if s.Token != r.token {
				return hub.ErrUnauthorized
			}
			return nil
		}})
		r.handler = New(cfg, r.hub, slog.New(slog.DiscardHandler))
		defer func() {
			if r.pub != nil {
				r.leave()
			}
			if err := r.handler.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			r.hub.Close()
		}()
		test(r)
	})
}

// publish begins to send the source at its own pace.
func (r *rig) publish() {
	r.t.Helper()
	pub, err := r.hub.Publish(r.t.Context(), hub.Session{Stream: "live/a", Authorized: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.pub, r.halt, r.ended = pub, make(chan struct{}), make(chan struct{})
	r.source.at, r.source.sound, r.source.pictures = 0, 0, 0
	go func() {
		defer close(r.ended)
		start := time.Now()
		for {
			_, p := r.source.next()
			p.Arrival = time.Time{}
			select {
			case <-time.After(time.Until(start.Add(p.DTS))):
			case <-r.halt:
				return
			}
			if pub.Write(p) != nil {
				return
			}
		}
	}()
}

// stall stops sending.
func (r *rig) stall() { close(r.halt); <-r.ended }

func (r *rig) leave() {
	select {
	case <-r.halt:
	default:
		r.stall()
	}
	r.pub.Close(nil)
	r.pub = nil
}

// get asks for a path. Headers are in pairs.
func (r *rig) get(target string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	return r.do(http.MethodGet, target, header...)
}

func (r *rig) do(method, target string, header ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if !r.handler.Match(req) {
		r.t.Fatalf("%s is not ours", target)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

// ok is get for what must be there.
func (r *rig) ok(target string, header ...string) string {
	r.t.Helper()
	w := r.get(target, header...)
	if w.Code != http.StatusOK {
		r.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}

// begin asks for a multivariant playlist and returns the paths of the first
// variant's playlist.
func (r *rig) begin(target string) string {
	r.t.Helper()
	lines := strings.Split(strings.TrimSpace(r.ok(target)), "\n")
	at, _, _ := strings.Cut(target, "?")
	return path.Join(path.Dir(at), lines[len(lines)-1])
}

func (r *rig) playlist(target string) *listed {
	r.t.Helper()
	return parsePlaylist(r.t, r.ok(target))
}

func (r *rig) code(want int, target string, header ...string) {
	r.t.Helper()
	if w := r.get(target, header...); w.Code != want {
		r.t.Errorf("%s: %d %s; want %d", target, w.Code, w.Body, want)
	}
}

// viewers counts the players, and the segmenters.
func (r *rig) viewers() (players, segmenters int) {
	st := r.hub.Find("live/a")
	if st == nil {
		return 0, 0
	}
	for _, v := range st.Viewers() {
		if v.Internal {
			segmenters++
		} else {
			players++
		}
	}
	return players, segmenters
}

// took returns how long something takes.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
