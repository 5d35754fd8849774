package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
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

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	running   sync.WaitGroup // connections
}

// Serve accepts connections from ln until Shutdown or an error. With TLS, ln
// is one of ServeTLS. It returns ErrServerClosed after Shutdown.
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
			// Out of file descriptors, most likely: others must end first.
			s.log().Warn("rtmp accept failed", "error", err)
			time.Sleep(100 * time.Millisecond)
		default:
			return fmt.Errorf("rtmp: accept: %w", err)
		}
	}
}

// ServeTLS is Serve for RTMPS.
func (s *Server) ServeTLS(ln net.Listener, cfg *tls.Config) error {
	return s.Serve(tls.NewListener(ln, cfg))
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

// accept starts the goroutine of a connection, unless there are too many.
func (s *Server) accept(nc net.Conn) {
	c := newServerConn(s, nc)
	s.mu.Lock()
	open := len(s.conns)
	full := s.MaxConnections > 0 && open >= s.MaxConnections
	refused := full || s.closing
	if !refused {
		if s.conns == nil {
			s.conns = make(map[*serverConn]struct{})
		}
		s.conns[c] = struct{}{}
		s.running.Add(1)
	}
	s.mu.Unlock()
	if refused {
		if full {
			s.log().Warn("rtmp connection refused: too many", "remote", nc.RemoteAddr(), "open", open)
		}
		c.close(ErrServerClosed)
		return
	}
	go func() {
		defer s.running.Done()
		s.serve(c)
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
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
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Shutdown closes the listeners, asks the peers that can to connect again
// later, ends all sessions with ErrServerClosed, and waits for their
// goroutines. When ctx is done before that, connections are cut, and the
// error is that of ctx.
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
