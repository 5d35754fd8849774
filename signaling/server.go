package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Options are the parts that a [Server] works with.
type Options struct {
	// Engine makes the sessions. Required.
	Engine Engine
	// StreamName returns the canonical name of the stream whose path is given, with a
	// leading slash, or an error. Required.
	StreamName func(path string) (string, error)
	// Authorizer decides who may publish and play; nil leaves it to the engine. The
	// ICE servers that OPTIONS tells are for those whom it allows.
	Authorizer Authorizer
	// Redirector may send clients to other servers; nil sends nobody.
	Redirector Redirector
	// Log gets one line for each session that begins, ends or is refused. Required.
	Log *slog.Logger
	// Now is the clock of the rate limits; nil is time.Now.
	Now func() time.Time
}

// Server serves the WHIP and WHEP resources. It is safe for concurrent use.
type Server struct {
	cfg  Config
	opts Options

	posts, patches, deletes *limiter
	negotiations            chan struct{}
	iceLinks                []string

	mu       sync.Mutex
	sessions map[string]*session
	closed   bool
	// ending counts the sessions whose end is still to be noted.
	ending sync.WaitGroup
}

var _ http.Handler = (*Server)(nil)

// errShutdown is why a server's last sessions end.
var errShutdown = errors.New("signaling: the server is shutting down")

// New returns a server. cfg must be valid.
func New(cfg Config, opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Server{
		cfg:          cfg,
		opts:         opts,
		posts:        newLimiter(cfg.PostRate),
		patches:      newLimiter(cfg.PatchRate),
		deletes:      newLimiter(cfg.DeleteRate),
		negotiations: make(chan struct{}, cfg.MaxNegotiations),
		iceLinks:     iceLinks(cfg.ICEServers),
		sessions:     map[string]*session{},
	}
}

// Match tells whether the request is for this server: its path is that of an endpoint
// or a session, with any method. The gateway's HTTP listener asks each service in turn
// and hands the request to the first one that says yes.
func (s *Server) Match(r *http.Request) bool {
	_, ok := s.parsePath(r.URL.Path)
	return ok
}

// ServeHTTP serves WHIP and WHEP. A path that is neither is 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.setCORS(w.Header(), r)
	w.Header().Set("Cache-Control", "no-store")
	t, ok := s.parsePath(r.URL.Path)
	if !ok {
		s.refuse(w, &Error{Code: CodeNotFound, Detail: "this is no WHIP or WHEP endpoint; POST to /{app}/{stream}/whip or /{app}/{stream}/whep"})
		return
	}
	if t.id == "" {
		s.serveEndpoint(w, r, t)
		return
	}
	s.serveSession(w, r, t)
}

// Sessions returns how many sessions are alive.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Close refuses further offers with 503 and ends all sessions. It returns when they
// have ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	sessions := make([]*session, 0, len(s.sessions))
	for _, ss := range s.sessions {
		sessions = append(sessions, ss)
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, ss := range sessions {
		wg.Go(func() { ss.engine.Close(errShutdown) })
	}
	wg.Wait()
	s.ending.Wait()
}

// add registers a session under its secret until it ends.
func (s *Server) add(ss *session) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return &Error{Code: CodeOverloaded, Detail: "the server is shutting down; try again later", Err: errShutdown}
	}
	s.sessions[ss.target.id] = ss
	s.ending.Add(1)
	s.mu.Unlock()
	ctx := ss.engine.Context()
	context.AfterFunc(ctx, func() {
		defer s.ending.Done()
		s.mu.Lock()
		delete(s.sessions, ss.target.id)
		s.mu.Unlock()
		s.opts.Log.Info("session ended", append(ss.logAttrs(), "reason", context.Cause(ctx))...)
	})
	return nil
}

// find returns the live session that the target names.
func (s *Server) find(t target) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ss, ok := s.sessions[t.id]
	if !ok || ss.target != t || ss.engine.Context().Err() != nil {
		return nil, false
	}
	return ss, true
}

// limited answers 429 and returns true if the client's bucket is empty.
func (s *Server) limited(w http.ResponseWriter, l *limiter, client netip.AddrPort) bool {
	wait := l.wait(client.Addr(), s.opts.Now())
	if wait == 0 {
		return false
	}
	setRetryAfter(w.Header(), wait)
	writeProblem(w, http.StatusTooManyRequests, "rate-limited", "too many requests from this address; wait as long as Retry-After says")
	return true
}

// methodNotAllowed answers 405 with the methods that are allowed.
func (s *Server) methodNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	writeProblem(w, http.StatusMethodNotAllowed, "method-not-allowed", "this resource takes "+allow)
}
