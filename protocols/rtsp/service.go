package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"sluice/protocols/internal/conns"
	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/hub"
)

// Service is a Server whose publishers and players are those of a hub.
type Service struct {
	server    *Server
	listeners *conns.Listeners
}

// Start listens and serves. certs is for RTSPS and may be nil where that is
// off. A failure to listen is returned.
func Start(cfg Config, certs *tls.Config, h *hub.Hub, log *slog.Logger) (*Service, error) {
	s := &Service{server: &Server{
		Handler:        &handler{cfg: cfg, hub: h, log: log},
		Options:        cfg.options(),
		MaxConnections: cfg.MaxConnections,
		Log:            log,
	}}
	var err error
	s.listeners, err = conns.Listen(log, s.server.Serve,
		conns.Address{Protocol: "rtsp", Addr: cfg.Listen}, conns.Address{Protocol: "rtsps", Addr: cfg.ListenTLS, TLS: certs})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Addrs returns the addresses listened on: RTSP, RTSPS, without those that are
// off.
func (s *Service) Addrs() []net.Addr { return s.listeners.Addrs() }

// Connections returns how many connections are open.
func (s *Service) Connections() int { return s.server.Connections() }

// Match implements httpd.Route, for RTSP over WebSocket.
func (s *Service) Match(r *http.Request) bool { return s.server.Match(r) }

// ServeHTTP serves RTSP over WebSocket.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.server.ServeHTTP(w, r) }

// Stop closes the listeners and waits for all sessions to end.
func (s *Service) Stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	s.listeners.Wait()
	return err
}

func (c Config) options() Options {
	first, last, _ := parsePorts(c.UDPPorts) // Validate has seen it
	return Options{
		SetupTimeout: c.SetupTimeout, SessionTimeout: c.SessionTimeout, WriteTimeout: c.WriteTimeout,
		Jitter: c.Jitter, BurstRate: c.BurstRate, FirstPort: first, LastPort: last, NoDelay: c.NoDelay,
	}
}

// handler serves sessions from a hub.
type handler struct {
	cfg Config
	hub *hub.Hub
	log *slog.Logger
}

// Authorize implements Handler.
func (h *handler) Authorize(ctx context.Context, r *Request, a Action) error {
	if r.Verified {
		return nil
	}
	return wireError(h.hub.Authorize(ctx, hub.Action(a), hubSession(r, false)))
}

// Secrets implements Handler.
func (h *handler) Secrets(r *Request, a Action, user string) []string {
	sess := hubSession(r, false)
	sess.User = user
	return h.hub.Secrets(hub.Action(a), sess)
}

// Publish implements Handler.
func (h *handler) Publish(ctx context.Context, r *Request, media []sdp.Media) (Recorder, error) {
	log := h.log.With("stream", r.Path, "remote", r.Remote.String())
	in, err := newIntake(media, nil, log)
	if err != nil {
		return nil, errProtocol(wire.UnsupportedMediaType, "No Media That This Server Takes")
	}
	pub, err := h.hub.Publish(ctx, hubSession(r, true))
	if err != nil {
		return nil, wireError(err)
	}
	in.log = h.log.With("stream", pub.Stream().Name(), "session", pub.ID())
	in.publish(pub)
	return in, nil
}

// Play implements Handler.
func (h *handler) Play(ctx context.Context, r *Request) (Source, error) {
	v, err := h.hub.Play(ctx, hubSession(r, true), playable)
	if err != nil {
		return nil, wireError(err)
	}
	waiting, cancel := context.WithTimeoutCause(v.Context(), h.cfg.DescribeWait, hub.ErrNoPublisher)
	defer cancel()
	p, err := newPlayer(waiting, v, r.WS, h.log)
	if err != nil {
		v.Close(err)
		return nil, wireError(err)
	}
	return p, nil
}

// hubSession describes a request to the hub; admitted says that its rights have
// been checked.
func hubSession(r *Request, admitted bool) hub.Session {
	protocol := "rtsp"
	switch {
	case r.WS && r.TLS:
		protocol = "wss-rtsp"
	case r.WS:
		protocol = "ws-rtsp"
	case r.TLS:
		protocol = "rtsps"
	}
	return hub.Session{
		Stream: r.Path, Protocol: protocol, Remote: r.Remote.String(), UserAgent: r.UserAgent,
		Token: r.Token, User: r.User, Query: r.Query, Authorized: admitted,
	}
}

// wireError turns an error of the hub into what goes over the wire.
func wireError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hub.ErrUnauthorized):
		return denied(err)
	case errors.Is(err, hub.ErrBadName):
		return errProtocol(wire.BadRequest, "Bad Stream Name")
	case errors.Is(err, hub.ErrNoPublisher):
		return errProtocol(wire.NotFound, "Nobody Publishes This Stream")
	case errors.Is(err, hub.ErrNothingPlayable):
		return errProtocol(wire.UnsupportedMediaType, "Nothing That RTSP Can Carry")
	case errors.Is(err, hub.ErrBusy):
		return errProtocol(wire.Forbidden, "The Stream Already Has A Publisher")
	case errors.Is(err, hub.ErrKicked):
		return errProtocol(wire.Forbidden, "The Session Was Ended By The Operator")
	case errors.Is(err, hub.ErrLimit):
		return errProtocol(wire.NotEnoughBandwidth, "A Limit Of This Server Is Reached")
	case errors.Is(err, hub.ErrShutdown), errors.Is(err, ErrServerClosed):
		return errProtocol(wire.ServiceUnavailable, "The Server Is Stopping")
	default:
		return errProtocol(wire.InternalServerError, "Internal Server Error")
	}
}

var _ Handler = (*handler)(nil)
