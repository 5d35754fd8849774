package httpts

import (
	"log/slog"
	"net/http"

	"sluice/protocols/internal/httplive"
	"sluice/server/hub"
)

// Config is what a user can set.
type Config = httplive.Config

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config { return httplive.DefaultConfig() }

// New returns the route of /app/stream.ts.
func New(cfg Config, h *hub.Hub, log *slog.Logger) *httplive.Handler {
	return httplive.New(cfg, httplive.Media{
		Name: "TS", Suffix: ".ts", ContentType: "video/mp2t",
		Form: func(r *http.Request) httplive.Form {
			return httplive.Form{Accept: accepts(r.URL.Query().Get("opus") == "1"), Format: format()}
		},
	}, h, log)
}
