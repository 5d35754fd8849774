package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenToOthersOnlyWithAToken(t *testing.T) {
	for _, c := range []struct {
		cfg Config
		ok  bool
	}{
		{DefaultConfig(), true},
		{Config{}, true},
		{Config{Listen: "localhost:1"}, true},
		{Config{Listen: "[::1]:1"}, true},
		{Config{Listen: ":8083"}, false},
		{Config{Listen: "0.0.0.0:8083"}, false},
		{Config{Listen: "example.com:8083"}, false},
		{Config{Listen: "nonsense"}, false},
		{Config{Listen: ":8083", Token: "t"}, true},
	} {
		if err := c.cfg.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestStreamsAreListed(t *testing.T) {
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	p, err := h.Publish(t.Context(), hub.Session{Stream: "a", Protocol: "test"})
	if err != nil {
		t.Fatal(err)
	}
	p.Expect(media.Video)
	if err := p.Write(&media.Packet{Track: &media.Track{Codec: media.H264, Width: 64, Height: 48}, Key: true}); err != nil {
		t.Fatal(err)
	}
	s, err := Start(Config{Listen: "127.0.0.1:0", Token: "secret"}, Sources{
		Hub: h, Version: "1", Sessions: map[string]func() any{"other": func() any { return []hub.Info{{}} }},
	}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + s.Addrs()[0].String()
	for id, want := range map[string]int{"nobody": 404, p.ID(): 204} {
		res, err := http.Post(base+"/api/v1/sessions/"+id+"/kick?token=secret", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("kick %s: %s, want %d", id, res.Status, want)
		}
	}
	if !errors.Is(context.Cause(p.Context()), hub.ErrKicked) {
		t.Error("the publisher was not kicked")
	}
	p.SetDetails(func() any { return map[string]int{"lost": 7} })
	for path, want := range map[string]int{
		"/api/v1/sessions": 401, "/api/v1/sessions?token=secret": 200,
		"/healthz": 200, "/readyz": 200, "/api/v1/streams": 401, "/api/v1/streams?token=secret": 200, "/nothing": 404,
		"/debug/pprof/goroutine?debug=1": 401, "/debug/pprof/goroutine?debug=1&token=secret": 200,
		"/debug/pprof/heap": 401, "/debug/pprof/cmdline": 401, "/debug/pprof/cmdline?token=secret": 200,
	} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
		if path == "/api/v1/streams?token=secret" {
			var got []Stream
			if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Name != "live/a" || !got[0].Live || len(got[0].Tracks) != 1 || got[0].Tracks[0].Codec != "H264" {
				t.Errorf("got %+v", got)
			}
		}
		if path == "/api/v1/sessions?token=secret" {
			var got map[string][]struct {
				Stream  string
				Details map[string]int
			}
			if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if len(got) != 2 || len(got["test"]) != 1 || got["test"][0].Stream != "live/a" || got["test"][0].Details["lost"] != 7 || len(got["other"]) != 1 {
				t.Errorf("got %+v", got)
			}
		}
		res.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	p.Close(nil)
	h.Close()
}

// TestStopEndsRequests: one that would go on for long, as a profile does, does not
// keep the API from stopping.
func TestStopEndsRequests(t *testing.T) {
	entered := make(chan struct{})
	s, err := Start(Config{Listen: "127.0.0.1:0"}, Sources{Handlers: map[string]http.Handler{
		"GET /long": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		}),
	}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.Get("http://" + s.Addrs()[0].String() + "/long"); err == nil {
			res.Body.Close()
		}
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	<-ended
}
