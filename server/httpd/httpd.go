// Package httpd runs the HTTP and HTTPS listeners that the protocols over HTTP and
// the pages share. It knows none of them: each is a Route.
package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config names the listeners. An empty address means no such listener.
type Config struct {
	Listen    string `yaml:"listen"`
	ListenTLS string `yaml:"listen_tls"`
}

// DefaultConfig returns the fixed ports.
func DefaultConfig() Config { return Config{Listen: ":8080", ListenTLS: ":4433"} }

// Route is one service's share of the URL space.
type Route interface {
	http.Handler
	// Match reports whether the request is for this route, whatever its
	// method: a route answers OPTIONS and wrong methods itself.
	Match(r *http.Request) bool
}

// All makes a handler a route that takes every request.
func All(h http.Handler) Route { return all{h} }

type all struct{ http.Handler }

func (all) Match(*http.Request) bool { return true }

// Bounds on clients that send their request slowly, or endlessly.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
)

// Server is the running pair of listeners.
type Server struct {
	servers []*http.Server
	addrs   []net.Addr
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Start listens and serves. tlsConfig may be nil if ListenTLS is empty.
// Requests end, by their context, when the server stops.
func Start(cfg Config, tlsConfig *tls.Config, routes []Route, logger *slog.Logger) (*Server, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cancel: cancel}
	handler := dispatch(routes)
	for _, l := range []struct {
		addr string
		tls  *tls.Config
	}{{cfg.Listen, nil}, {cfg.ListenTLS, http1Only(tlsConfig)}} {
		if l.addr == "" {
			continue
		}
		ln, err := net.Listen("tcp", l.addr)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", l.addr, err), s.Stop(ctx))
		}
		s.addrs = append(s.addrs, ln.Addr())
		if l.tls != nil {
			ln = tls.NewListener(ln, l.tls)
		}
		srv := &http.Server{
			Handler: boundBody(handler, bodyTimeout), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
			BaseContext: func(net.Listener) context.Context { return ctx },
			ErrorLog:    log.New(errorLog{logger}, "", 0),
		}
		s.servers = append(s.servers, srv)
		s.running.Go(func() {
			if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				logger.Error("http server ended", "address", ln.Addr(), "error", err)
			}
		})
	}
	return s, nil
}

// errorLog takes what net/http logs. Broken requests and TLS handshakes are the
// client's affair; a handler that panicked is ours.
type errorLog struct{ log *slog.Logger }

func (e errorLog) Write(p []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.HasPrefix(p, []byte("http: panic")) {
		level = slog.LevelError
	}
	e.log.Log(context.Background(), level, "http server", "error", string(bytes.TrimSpace(p)))
	return len(p), nil
}

// http1Only keeps HTTP/2 out: media is written to the connection itself.
func http1Only(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	return c
}

// Addrs returns the addresses listened on, plain before TLS.
func (s *Server) Addrs() []net.Addr { return s.addrs }

// Stop ends requests and connections. Hijacked connections are their route's.
func (s *Server) Stop(ctx context.Context) error {
	s.cancel()
	var errs []error
	for _, srv := range s.servers {
		if err := srv.Shutdown(ctx); err != nil {
			errs = append(errs, err, srv.Close())
		}
	}
	s.running.Wait()
	return errors.Join(errs...)
}

// boundBody gives request bodies so much time to arrive, those that the handler
// does not read included: the server reads a part of them itself to be able to
// reuse the connection. http.Server.ReadTimeout would also end the context of
// requests that are answered for longer. A handler may set its own deadline.
func boundBody(next http.Handler, limit time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			// A writer without deadlines has no slow clients either.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(limit))
		}
		next.ServeHTTP(w, r)
	})
}

func dispatch(routes []Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, route := range routes {
			if route.Match(r) {
				route.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "nothing here: a stream is at /app/stream, and / lists what is live", http.StatusNotFound)
	})
}
