package httpmp4

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

// New returns the route of /app/stream.mp4.
func New(cfg Config, h *hub.Hub, log *slog.Logger) *httplive.Handler {
	form := httplive.Form{Accept: accepts(), Format: format(), Front: front, Follows: follows}
	return httplive.New(cfg, httplive.Media{
		Name: "MP4", Suffix: ".mp4", ContentType: "video/mp4",
		Form: func(*http.Request) httplive.Form { return form },
	}, h, log)
}
