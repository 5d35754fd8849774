package httpflv

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sluice/server/hub"
)

const suffix = ".flv"

// Handler serves /app/stream.flv. It is a route of the shared HTTP listeners.
type Handler struct {
	cfg Config
	hub *hub.Hub
	log *slog.Logger

	ctx      context.Context
	cancel   context.CancelFunc
	sessions sync.WaitGroup
}

// New returns a handler.
func New(cfg Config, h *hub.Hub, log *slog.Logger) *Handler {
	ctx, cancel := context.WithCancel(context.Background())
	return &Handler{cfg: cfg, hub: h, log: log, ctx: ctx, cancel: cancel}
}

// Stop ends all players and waits for them.
func (h *Handler) Stop(context.Context) error {
	h.cancel()
	h.sessions.Wait()
	return nil
}

// Match reports whether the path ends in .flv.
func (h *Handler) Match(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }

// ServeHTTP plays the stream.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", allow)
		http.Error(w, "an FLV stream can be played with GET only", http.StatusMethodNotAllowed)
		return
	}
	if r.Method == http.MethodHead {
		if _, err := hub.ParseName(strings.TrimSuffix(r.URL.Path, suffix)); err != nil {
			w.WriteHeader(status(err))
		}
		return
	}
	h.sessions.Add(1)
	defer h.sessions.Done()
	h.play(w, r)
}

const allow = "GET, HEAD, OPTIONS"

func setHeaders(header http.Header) {
	header.Set("Content-Type", "video/x-flv")
	header.Set("Cache-Control", "no-store")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Methods", allow)
	header.Set("Access-Control-Allow-Headers", "Authorization, Range")
	header.Set("Access-Control-Max-Age", "86400")
}

func (h *Handler) play(w http.ResponseWriter, r *http.Request) {
	ws := websocket.IsWebSocketUpgrade(r)
	f := formOf(r, ws)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	v, err := h.hub.Play(ctx, session(r, ws), f.accepts())
	if err != nil {
		fail(w, err)
		return
	}
	sub := hub.Subscribe(v, f.format())
	var reason error
	defer func() {
		sub.Close()
		v.Close(reason)
	}()
	var p player
	if ws {
		p, err = upgrade(w, r)
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
		cancel()
	})
	defer reading.Wait()
	defer p.conn.Close()

	// The response waits for the first packet, so that it can still be 404.
	if reason = sub.Wait(); reason != nil {
		p.refuse(reason, h.cfg.WriteTimeout)
		return
	}
	for _, t := range v.Refused() {
		h.log.Warn("track can't be carried", "protocol", v.Protocol, "stream", v.Stream().Name(), "codec", t.Codec)
	}
	if reason = p.begin(h.cfg.WriteTimeout); reason == nil {
		reason = hub.Delivery{Conn: p.conn, Timeout: h.cfg.WriteTimeout}.Run(v, sub)
	}
	p.end(reason)
}

func session(r *http.Request, ws bool) hub.Session {
	q := r.URL.Query()
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = q.Get("token")
	}
	protocol := "http-flv"
	if ws {
		protocol = "ws-flv"
	}
	return hub.Session{
		Stream: strings.TrimSuffix(r.URL.Path, suffix), Protocol: protocol, Remote: r.RemoteAddr,
		UserAgent: r.UserAgent(), Token: token, Query: q,
	}
}

func fail(w http.ResponseWriter, err error) {
	if code := status(err); code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	} else if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	http.Error(w, err.Error(), status(err))
}

// player is the connection under one request.
type player struct {
	conn net.Conn
	// buffered holds what came with the request.
	buffered *bufio.Reader
	ws       *websocket.Conn // nil for plain HTTP
}

// hijack takes the connection: media is written to it without the copies of
// net/http.
func hijack(w http.ResponseWriter) (player, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, err)
		return player{}, fmt.Errorf("http-flv: %w", err)
	}
	return player{conn: conn, buffered: rw.Reader}, nil
}

func upgrade(w http.ResponseWriter, r *http.Request) (player, error) {
	for name := range w.Header() {
		w.Header().Del(name)
	}
	up := websocket.Upgrader{
		HandshakeTimeout: 10 * time.Second,
		CheckOrigin:      func(*http.Request) bool { return true }, // as CORS says: players may stand anywhere
	}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return player{}, fmt.Errorf("ws-flv: %w", err)
	}
	ws.SetReadLimit(4 << 10)
	p := player{conn: ws.NetConn(), ws: ws}
	ws.SetPingHandler(func(data string) error {
		// Frames are written whole, so this one falls between two of media.
		_, err := p.conn.Write(frame(opPong, []byte(data)))
		return err
	})
	ws.SetCloseHandler(func(int, string) error { return nil })
	return p, nil
}

// drain reads until the player leaves.
func (p player) drain() {
	if p.ws == nil {
		_, _ = io.Copy(io.Discard, p.buffered)
		return
	}
	for {
		if _, _, err := p.ws.NextReader(); err != nil {
			return
		}
	}
}

// begin writes the response's header: a WebSocket has it already.
func (p player) begin(timeout time.Duration) error {
	if p.ws != nil {
		return nil
	}
	return p.respond(http.StatusOK, timeout)
}

func (p player) respond(code int, timeout time.Duration) error {
	header := http.Header{"Connection": {"close"}}
	setHeaders(header)
	res := http.Response{StatusCode: code, ProtoMajor: 1, ProtoMinor: 1, Header: header, ContentLength: -1, Close: true}
	if err := p.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	return res.Write(p.conn)
}

// refuse answers a player that gets nothing.
func (p player) refuse(reason error, timeout time.Duration) {
	if p.ws == nil {
		_ = p.respond(status(reason), timeout)
		return
	}
	p.end(reason)
}

// end tells the player why, as far as its protocol can.
func (p player) end(reason error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if p.ws != nil {
		const goingAway = "\x03\xe9" // 1001
		text := reason.Error()
		_, _ = p.conn.Write(frame(opClose, []byte(goingAway+text[:min(len(text), 120)])))
	}
}

func setNoDelay(conn net.Conn, on bool) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetNoDelay(on)
	}
}
