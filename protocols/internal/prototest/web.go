package prototest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"sluice/server/hub"
	"sluice/server/media"
)

// Handler is an HTTP protocol.
type Handler interface {
	http.Handler
	Stop(ctx context.Context) error
}

// Web is a hub served over HTTP, for the tests that are about one protocol
// alone.
type Web struct {
	*httptest.Server
	Hub     *hub.Hub
	station *station
}

// NewWeb serves a hub until the test ends.
func NewWeb(t *testing.T, cfg hub.Config, handler func(*hub.Hub) Handler) *Web {
	t.Helper()
	h := hub.New(cfg, hub.Options{})
	serving := handler(h)
	w := &Web{Server: httptest.NewServer(serving), Hub: h}
	t.Cleanup(func() {
		stopAll(t, serving.Stop)
		w.Close()
		h.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return w
}

// Publish publishes the kit's media in these tracks as live/kit: n pictures,
// each ninth a key frame, and their sound.
func (w *Web) Publish(t *testing.T, n int, tracks ...*media.Track) *hub.Publisher {
	t.Helper()
	w.station = newStation(t, w.Hub, tracks...)
	w.station.publish()
	w.station.steps(n)
	return w.station.pub
}

// Steps publishes n more.
func (w *Web) Steps(n int) { w.station.steps(n) }

// Expect asks for a path and expects a status, and leave for pages of every
// origin to see it.
func (w *Web) Expect(t *testing.T, method, path string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != want {
		t.Errorf("%s %s: %d, want %d", method, path, res.StatusCode, want)
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s %s: no CORS", method, path)
	}
}
