package httpts

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"sluice/protocols/internal/httplive"
	"sluice/server/hub"
)

// Config is what a user can set.
type Config = httplive.Config

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config { return httplive.DefaultConfig() }

// Handler is the route of /app/stream.ts.
type Handler struct {
	*httplive.Handler
	media httplive.Media
	hub   *hub.Hub
	log   *slog.Logger

	ctx        context.Context
	cancel     context.CancelFunc
	publishers sync.WaitGroup
}

// New returns the route.
func New(cfg Config, h *hub.Hub, log *slog.Logger) *Handler {
	m := httplive.Media{
		Name: "TS", Suffix: ".ts", ContentType: "video/mp2t",
		Form: func(r *http.Request) httplive.Form {
			return httplive.Form{Accept: accepts(r.URL.Query().Get("opus") == "1"), Format: format()}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Handler{Handler: httplive.New(cfg, m, h, log), media: m, hub: h, log: log, ctx: ctx, cancel: cancel}
}

// Stop ends all publishers and players, and waits for them.
func (h *Handler) Stop(ctx context.Context) error {
	h.cancel()
	h.publishers.Wait()
	return h.Handler.Stop(ctx)
}

// ServeHTTP plays the stream to GET, and takes it from POST and PUT.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		h.Handler.ServeHTTP(w, r)
		return
	}
	h.publishers.Add(1)
	defer h.publishers.Done()
	h.publish(w, r)
}
