package httplive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"sluice/server/hub"
)

// Handler serves one Media. It is a route of the shared HTTP listeners.
type Handler struct {
	cfg   Config
	media Media
	hub   *hub.Hub
	log   *slog.Logger

	ctx      context.Context
	cancel   context.CancelFunc
	sessions sync.WaitGroup
}

// New returns a handler.
func New(cfg Config, m Media, h *hub.Hub, log *slog.Logger) *Handler {
	ctx, cancel := context.WithCancel(context.Background())
	return &Handler{cfg: cfg, media: m, hub: h, log: log, ctx: ctx, cancel: cancel}
}

// Stop ends all players and waits for them.
func (h *Handler) Stop(context.Context) error {
	h.cancel()
	h.sessions.Wait()
	return nil
}

// Match reports whether the path ends in the media's suffix.
func (h *Handler) Match(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, h.media.Suffix) }

// ServeHTTP plays the stream.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.media.setHeaders(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", allow)
		http.Error(w, "a live stream can be played with GET only", http.StatusMethodNotAllowed)
		return
	}
	if r.Method == http.MethodHead {
		if _, err := hub.ParseName(strings.TrimSuffix(r.URL.Path, h.media.Suffix)); err != nil {
			w.WriteHeader(Status(err))
		}
		return
	}
	h.sessions.Add(1)
	defer h.sessions.Done()
	h.play(w, r)
}

const allow = "GET, HEAD, OPTIONS"

func (m Media) setHeaders(header http.Header) {
	header.Set("Content-Type", m.ContentType)
	header.Set("Cache-Control", "no-store")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Methods", allow)
	header.Set("Access-Control-Allow-Headers", "Authorization, Range")
	header.Set("Access-Control-Max-Age", "86400")
}

// Why a session ends without a fault of anybody's.
var (
	errGone  = errors.New("the player has gone")
	errStops = errors.New("the service stops")
)

func (h *Handler) play(w http.ResponseWriter, r *http.Request) {
	ws := websocket.IsWebSocketUpgrade(r)
	f := h.media.Form(r)
	if ws {
		f.Format = framed(f.Format)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer cancel(nil)
	// The request ends when net/http sees that the player has gone.
	defer context.AfterFunc(r.Context(), func() { cancel(errGone) })()
	defer context.AfterFunc(h.ctx, func() { cancel(errStops) })()
	v, err := h.hub.Play(ctx, h.media.Session(r, ws), f.Accept)
	if err != nil {
		Fail(w, err)
		return
	}
	sub := hub.Subscribe(v, f.Format)
	var reason error
	defer func() {
		sub.Close()
		v.Close(reason)
	}()
	var p player
	if ws {
		p, err = upgrade(w, r, h.cfg.WriteTimeout)
	} else {
		p, err = hijack(w)
	}
	if err != nil {
		reason = err
		return
	}
	defer p.conn.Close()
	setNoDelay(p.conn, h.cfg.NoDelay)

	// What the player sends ends with it: this is how its leaving is seen.
	var reading sync.WaitGroup
	reading.Go(func() {
		p.drain()
		cancel(errGone)
	})
	defer reading.Wait()
	defer p.conn.Close()

	// The response waits for the first packet, so that it can still be 404.
	if reason = sub.Wait(); reason != nil {
		p.refuse(reason, h.media, h.cfg.WriteTimeout)
		return
	}
	for _, t := range v.Refused() {
		h.log.Warn("track can't be carried", "protocol", v.Protocol, "stream", v.Stream().Name(), "codec", t.Codec)
	}
	delivery := hub.Delivery{Conn: p.conn, Timeout: h.cfg.WriteTimeout}
	if f.Front != nil {
		delivery.Front = f.Front()
	}
	switch {
	case !ws:
		delivery.Preamble, delivery.Follows = h.media.accepted, f.Follows
	case f.Front != nil:
		delivery.Front = framedFront(delivery.Front)
	}
	if reason = delivery.Run(v, sub); errors.Is(reason, hub.ErrChanged) {
		cancel(reason) // before its connection's end makes it look as if the player had gone
	}
	if errors.Is(reason, os.ErrDeadlineExceeded) {
		reason = fmt.Errorf("the player took nothing for %v", h.cfg.WriteTimeout)
		cancel(reason) // before the end of the connection looks like the player's leaving
	}
	p.end(reason)
}

// Fail answers a request that the hub has refused.
func Fail(w http.ResponseWriter, err error) {
	if code := Status(err); code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	} else if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	http.Error(w, err.Error(), Status(err))
}
