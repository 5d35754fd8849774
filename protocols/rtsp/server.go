package rtsp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"sluice/protocols/internal/conns"
)

// Options bound what peers can do.
type Options struct {
	// SetupTimeout is how long a peer may take from one request to the next
	// before media flows.
	SetupTimeout time.Duration
	// SessionTimeout is how long a peer may be silent; peers are told.
	SessionTimeout time.Duration
	// WriteTimeout is how long one write may take.
	WriteTimeout time.Duration
	// Jitter is how long a missing packet of a publisher over UDP is waited for.
	Jitter time.Duration
	// BurstRate is how fast one player over UDP is sent to at most, in Mbit/s.
	BurstRate int
	// FirstPort and LastPort are the range for RTP over UDP; 0 turns it off.
	FirstPort, LastPort int
	// NoDelay sets TCP_NODELAY for players.
	NoDelay bool
}

// Server accepts RTSP connections. Its exported fields must not change once it
// serves.
type Server struct {
	Handler Handler
	Options Options
	// MaxConnections is how many connections may be open, 0 for no limit.
	MaxConnections int
	// Log may be nil.
	Log *slog.Logger

	once  sync.Once
	ports *ports

	conns conns.Group[*serverConn]
}

// Errors that end connections.
var (
	// ErrServerClosed is returned by Serve after Shutdown.
	ErrServerClosed = conns.ErrClosed
	// ErrTimeout ends the connection of a peer that was silent for too long.
	ErrTimeout = errors.New("rtsp: the peer was silent for too long")
	// errTeardown: the peer has ended its session.
	errTeardown = errors.New("rtsp: the peer has ended the session")
)

// Serve accepts connections from ln, which may be one of TLS, until Shutdown or
// an error. It returns ErrServerClosed after Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	return s.conns.Serve(ln, s.accept, func(err error) { s.log().Warn("rtsp accept failed", "error", err) })
}

// udp returns the server's UDP ports.
func (s *Server) udp() *ports {
	s.once.Do(func() { s.ports = newPorts(s.Options.FirstPort, s.Options.LastPort) })
	return s.ports
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
		s.log().Warn("rtsp connection refused: too many", "remote", c.net.RemoteAddr(), "open", s.MaxConnections)
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
	case errors.Is(err, io.EOF), errors.Is(err, errTeardown), errors.Is(err, ErrServerClosed), c.hadSession:
		log.Debug("rtsp connection closed", "reason", err)
	default:
		log.Info("rtsp connection failed", "reason", err)
	}
}

// Connections returns how many connections are open.
func (s *Server) Connections() int { return s.conns.Len() }

// Shutdown closes the listeners, ends all sessions with ErrServerClosed, and
// waits for their goroutines. When ctx is done before that, connections are
// cut, and the error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error { return s.conns.Shutdown(ctx) }

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
