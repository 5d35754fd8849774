package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"sluice/protocols/internal/conns"
	"sluice/server/hub"
)

// Service is a Server whose publishers and players are those of a hub.
type Service struct {
	server    *Server
	listeners *conns.Listeners
}

// Start listens and serves. certs is for RTMPS and may be nil where that is
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
		conns.Address{Protocol: "rtmp", Addr: cfg.Listen}, conns.Address{Protocol: "rtmps", Addr: cfg.ListenTLS, TLS: certs})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Addrs returns the addresses listened on: RTMP, RTMPS, without those that are
// off.
func (s *Service) Addrs() []net.Addr { return s.listeners.Addrs() }

// Connections returns how many connections are open.
func (s *Service) Connections() int { return s.server.Connections() }

// Stop closes the listeners, asks the peers that can to connect again later,
// and waits for all sessions to end.
func (s *Service) Stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	s.listeners.Wait()
	return err
}

// handler serves sessions from a hub; ingest.go and egress.go have its
// methods.
type handler struct {
	cfg Config
	hub *hub.Hub
	log *slog.Logger
}

// HandleConnect admits everybody: what may be published and played depends
// on the stream.
func (*handler) HandleConnect(context.Context, *ConnectInfo) error { return nil }

// session describes a request to the hub.
func session(r Request) hub.Session {
	protocol := "rtmp"
	if r.TLS {
		protocol = "rtmps"
	}
	return hub.Session{
		Stream: r.Path, Protocol: protocol, Remote: r.Remote.String(), UserAgent: r.UserAgent,
		Token: r.Query.Get("token"), Query: r.Query,
	}
}

// wireError turns an error of the hub into what goes over the wire.
func wireError(err error, action hub.Action) error {
	code := CodePlayFailed
	if action == hub.ActionPublish {
		code = CodeFailed
	}
	switch {
	case errors.Is(err, hub.ErrShutdown):
		return ErrServerClosed
	case errors.Is(err, hub.ErrBusy), errors.Is(err, hub.ErrReplaced):
		code = CodePublishBadName
	case errors.Is(err, hub.ErrBadName) && action == hub.ActionPublish:
		code = CodePublishBadName
	case errors.Is(err, hub.ErrBadName), errors.Is(err, hub.ErrNoPublisher):
		code = CodePlayStreamNotFound
	case errors.Is(err, hub.ErrUnauthorized) && action == hub.ActionPublish:
		code = CodePublishDenied
	case !isHubError(err):
		return err // the connection's own
	}
	return &StatusError{Code: code, Description: err.Error()}
}

func isHubError(err error) bool {
	for _, kind := range []error{hub.ErrUnauthorized, hub.ErrKicked, hub.ErrLimit, hub.ErrNothingPlayable} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var codec *hub.CodecError
	return errors.As(err, &codec)
}

var _ Handler = (*handler)(nil)
