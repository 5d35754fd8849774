// Package api serves the control listener: health, and what is on the air.
package api

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"

	"sluice/server/bearer"
	"sluice/server/httpd"
	"sluice/server/hub"
)

// Config is where the API listens.
type Config struct {
	// Listen is empty for no API. Without a token it must be a loopback address.
	Listen string `yaml:"listen"`
	Token  string `yaml:"token"`
}

// DefaultConfig returns the fixed port, open on loopback only.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8083"} }

// Validate refuses an API that is open to others without a token.
func (c Config) Validate() error {
	if c.Listen == "" || c.Token != "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listen: %s can be reached by others; set api.token, or listen on 127.0.0.1", c.Listen)
	}
	return nil
}

// Sources is where the API reads.
type Sources struct {
	Hub     *hub.Hub
	Version string
	// Sessions returns what a protocol knows of its sessions that is not in
	// hub.Info, by the protocol's name; each value is encoded as JSON.
	Sessions map[string]func() any
	// Handlers are further endpoints behind the API's token, by net/http pattern.
	Handlers map[string]http.Handler
}

// Start listens and serves; with an empty address it does nothing. The error is
// that of the listener.
func Start(cfg Config, src Sources, log *slog.Logger) (*httpd.Server, error) {
	return httpd.Start(httpd.Config{Listen: cfg.Listen}, nil, []httpd.Route{httpd.All(handler(cfg, src))}, log)
}

func handler(cfg Config, src Sources) http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok)
	guarded := func(pattern string, h http.Handler) { mux.Handle(pattern, guard(cfg.Token, h)) }
	guarded("GET /api/v1/info", values(func() any { return map[string]string{"version": src.Version} }))
	guarded("GET /api/v1/streams", values(func() any { return streams(src.Hub) }))
	guarded("POST /api/v1/sessions/{id}/kick", kick(src.Hub))
	guarded("GET /api/v1/sessions", values(func() any { return sessions(src) }))
	for pattern, h := range src.Handlers {
		guarded(pattern, h)
	}
	// The index serves the profiles by name; these are none of them.
	guarded("GET /debug/pprof/", http.HandlerFunc(pprof.Index))
	guarded("GET /debug/pprof/cmdline", http.HandlerFunc(pprof.Cmdline))
	guarded("GET /debug/pprof/profile", http.HandlerFunc(pprof.Profile))
	guarded("GET /debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
	guarded("GET /debug/pprof/trace", http.HandlerFunc(pprof.Trace))
	return mux
}

// kick ends a publisher or a viewer by its ID.
func kick(h *hub.Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Kick(r.PathValue("id")) {
			httpd.Fail(w, http.StatusNotFound, "no session has this id; GET /api/v1/streams lists them")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// values serves what get returns as JSON.
func values(get func() any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		httpd.JSON(w, http.StatusOK, get())
	})
}

// guard lets those through who give the token, where there is one.
func guard(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(bearer.Token(r))) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			httpd.Fail(w, http.StatusUnauthorized, "give the api token as Authorization: Bearer or ?token=")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Stream is one stream as the API shows it.
type Stream struct {
	Name      string          `json:"name"`
	Live      bool            `json:"live"`
	Publisher *hub.Info       `json:"publisher"`
	Tracks    []hub.TrackInfo `json:"tracks"`
	Viewers   []hub.Info      `json:"viewers"`
}

func streams(h *hub.Hub) []Stream {
	list := []Stream{}
	for _, s := range h.Streams() {
		out := Stream{Name: s.Name(), Viewers: []hub.Info{}}
		if p := s.Publisher(); p != nil {
			info := p.Info()
			out.Publisher = &info
		}
		ts, live := s.Tracks()
		out.Live, out.Tracks = live, hub.TrackInfos(ts)
		for _, v := range s.Viewers() {
			out.Viewers = append(out.Viewers, v.Info())
		}
		list = append(list, out)
	}
	return list
}

// sessions are those of which a protocol has more to say than how much was sent,
// by protocol.
func sessions(src Sources) map[string]any {
	detailed := make(map[string][]hub.Info)
	add := func(i hub.Info) {
		if i.Details != nil {
			detailed[i.Protocol] = append(detailed[i.Protocol], i)
		}
	}
	for _, s := range src.Hub.Streams() {
		if p := s.Publisher(); p != nil {
			add(p.Info())
		}
		for _, v := range s.Viewers() {
			add(v.Info())
		}
	}
	all := make(map[string]any, len(detailed)+len(src.Sessions))
	for protocol, list := range detailed {
		all[protocol] = list
	}
	for name, f := range src.Sessions {
		all[name] = f()
	}
	return all
}
