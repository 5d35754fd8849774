package rtsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
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

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	running   sync.WaitGroup // connections
}

// Errors that end connections.
var (
	// ErrServerClosed is returned by Serve after Shutdown.
	ErrServerClosed = errors.New("rtsp: server closed")
	// ErrTimeout ends the connection of a peer that was silent for too long.
	ErrTimeout = errors.New("rtsp: the peer was silent for too long")
	// errTeardown: the peer has ended its session.
	errTeardown = errors.New("rtsp: the peer has ended the session")
)

// acceptPause is how long accepting rests when the system is out of resources.
const acceptPause = 100 * time.Millisecond

// Serve accepts connections from ln, which may be one of TLS, until Shutdown or
// an error. It returns ErrServerClosed after Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	if !s.addListener(ln) {
		return errors.Join(ErrServerClosed, ln.Close())
	}
	defer s.removeListener(ln)
	for {
		nc, err := ln.Accept()
		var again interface{ Temporary() bool }
		switch {
		case err == nil:
			s.accept(nc)
		case s.isClosing():
			return ErrServerClosed
		case errors.As(err, &again) && again.Temporary():
			s.log().Warn("rtsp accept failed", "error", err)
			time.Sleep(acceptPause)
		default:
			return fmt.Errorf("rtsp: accept: %w", err)
		}
	}
}

func (s *Server) addListener(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[net.Listener]struct{})
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) removeListener(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
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
		defer s.remove(c)
		s.serve(c)
	}()
}

// add takes a connection into the list, unless there are too many.
func (s *Server) add(c *serverConn) bool {
	s.mu.Lock()
	open := len(s.conns)
	full := s.MaxConnections > 0 && open >= s.MaxConnections
	ok := !full && !s.closing
	if ok {
		if s.conns == nil {
			s.conns = make(map[*serverConn]struct{})
		}
		s.conns[c] = struct{}{}
		s.running.Add(1)
	}
	s.mu.Unlock()
	if full {
		s.log().Warn("rtsp connection refused: too many", "remote", c.net.RemoteAddr(), "open", open)
	}
	return ok
}

func (s *Server) remove(c *serverConn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.running.Done()
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
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Shutdown closes the listeners, ends all sessions with ErrServerClosed, and
// waits for their goroutines. When ctx is done before that, connections are
// cut, and the error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for ln := range s.listeners {
		_ = ln.Close()
	}
	conns := make([]*serverConn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.cancel(ErrServerClosed)
	}
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, c := range conns {
			_ = c.net.Close()
		}
		<-done
		return ctx.Err()
	}
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
