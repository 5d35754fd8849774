package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"sluice/protocols/internal/conns"
)

// Handler serves the sessions of a Server. Its methods are called
// concurrently, one goroutine a session. A *StatusError that they return is
// what the peer gets to see; other errors are sent as their text.
type Handler interface {
	// HandleConnect admits a connection (nil) or refuses it, with a
	// *RejectError to say more, such as where to go instead.
	HandleConnect(ctx context.Context, info *ConnectInfo) error

	// HandlePublish serves a peer that publishes a stream, from its request
	// to the end: the publisher is refused by returning an error before the
	// first Read or Accept, and ended by returning one later. io.EOF and nil
	// mean that the peer has ended. ctx ends with the connection.
	HandlePublish(ctx context.Context, s *PublishSession) error

	// HandlePlay serves a peer that plays a stream, from its request to the
	// end. ctx ends when the peer stops or leaves. The error, if the session
	// ends from this side, is sent to the peer; nil means the stream has ended.
	HandlePlay(ctx context.Context, s *PlaySession) error
}

// Server accepts RTMP connections. Its exported fields must not change once
// it serves.
type Server struct {
	Handler Handler
	Options Options
	// MaxConnections is how many connections may be open, 0 for no limit.
	MaxConnections int
	// Log may be nil.
	Log *slog.Logger

	conns conns.Group[*serverConn]
}

// Serve accepts connections from ln until Shutdown or an error. With TLS, ln
// is one of ServeTLS. It returns ErrServerClosed after Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	return s.conns.Serve(ln, s.accept, func(err error) { s.log().Warn("rtmp accept failed", "error", err) })
}

// ServeTLS is Serve for RTMPS.
func (s *Server) ServeTLS(ln net.Listener, cfg *tls.Config) error {
	return s.Serve(tls.NewListener(ln, cfg))
}

// accept starts the goroutine of a connection.
func (s *Server) accept(nc net.Conn) {
	c := newServerConn(s, nc)
	if !s.add(c) {
		c.close(ErrServerClosed)
		return
	}
	go func() {
		defer s.conns.Remove(c)
		s.serve(c)
	}()
}

// add takes a connection into the list, unless there are too many.
func (s *Server) add(c *serverConn) bool {
	full, ok := s.conns.Add(c, s.MaxConnections)
	if full {
		s.log().Warn("rtmp connection refused: too many", "remote", c.net.RemoteAddr(), "open", s.MaxConnections)
	}
	return ok
}

// serve runs one connection to its end.
func (s *Server) serve(c *serverConn) {
	start := time.Now()
	err := c.run()
	c.close(err)
	log := s.log().With("remote", c.net.RemoteAddr(), "duration", time.Since(start).Round(time.Millisecond))
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, errEnded), errors.Is(err, ErrServerClosed):
		log.Debug("rtmp connection closed", "reason", err)
	default:
		log.Info("rtmp connection failed", "reason", err)
	}
}

// Connections returns how many connections are open.
func (s *Server) Connections() int { return s.conns.Len() }

// Shutdown closes the listeners, asks the peers that can to connect again
// later, ends all sessions with ErrServerClosed, and waits for their
// goroutines. When ctx is done before that, connections are cut, and the
// error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error { return s.conns.Shutdown(ctx) }

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
