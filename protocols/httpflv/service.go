package httpflv

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

// New returns the route of /app/stream.flv.
func New(cfg Config, h *hub.Hub, log *slog.Logger) *httplive.Handler {
	return httplive.New(cfg, httplive.Media{
		Name: "FLV", Suffix: ".flv", ContentType: "video/x-flv",
		Form: func(r *http.Request) httplive.Form {
			f := formOf(r)
			return httplive.Form{Accept: f.accepts(), Format: f.format()}
		},
	}, h, log)
}
