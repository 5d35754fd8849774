package hls

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/bearer"
	"sluice/server/hub"
)

// session is a player. It is known by the id in the paths that it asks for.
type session struct {
	id   string
	form form

	used atomic.Int64 // when it last asked for something, in Unix nanoseconds
	busy atomic.Int64 // requests that are being answered

	mu   sync.Mutex
	view *hub.Viewer       // nil while there is nothing to be counted for
	seen map[string]uint64 // by playlist: the number of the segment in the making then
}

// look notes what the player sees of a playlist, and returns what it saw last.
func (s *session) look(playlist string, next uint64) (last uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]uint64, 2)
	}
	last, ok = s.seen[playlist]
	s.seen[playlist] = next
	return last, ok
}

// errTimeout: a player has asked for nothing for a while.
var errTimeout = errors.New("the player has gone")

func (s *session) viewer() *hub.Viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

// sent counts bytes.
func (s *session) sent(n int) {
	if v := s.viewer(); v != nil {
		v.Sent(n)
	}
}

func (s *session) enter() {
	s.busy.Add(1)
	s.used.Store(time.Now().UnixNano())
}

func (s *session) leave() {
	s.used.Store(time.Now().UnixNano())
	s.busy.Add(-1)
}

func (s *session) close(reason error) {
	if v := s.viewer(); v != nil {
		v.Close(reason)
	}
}

// play asks the hub for a viewer of a form.
func (h *Handler) play(r *http.Request, f form, authorized bool) (*hub.Viewer, error) {
	return h.hub.Play(h.ctx, hub.Session{
		Stream: f.stream, Protocol: protocolName(f.ts), Remote: r.RemoteAddr, UserAgent: r.UserAgent(),
		Token: bearer.Token(r), Query: r.URL.Query(), Authorized: authorized,
	}, accepts(f.ts, f.opus))
}

// begin makes a session for a player that shows its credentials.
func (h *Handler) begin(r *http.Request, f form) (*session, error) {
	s, err := h.admit(r, f, rand.Text()[:idLength])
	if err != nil {
		return nil, err
	}
	if v := s.viewer(); v != nil {
		s.id = v.ID()
	}
	return s, h.enlist(s)
}

// admit makes a session of an id. Of what is over, and left, it has no viewer:
// the hub has checked the credentials before it found no publisher.
func (h *Handler) admit(r *http.Request, f form, id string) (*session, error) {
	v, err := h.play(r, f, false)
	if err != nil && (!errors.Is(err, hub.ErrNoPublisher) || !h.left(f)) {
		return nil, err
	}
	return &session{id: id, form: f, view: v}, nil
}

// enlist makes a session known.
func (h *Handler) enlist(s *session) error {
	s.used.Store(time.Now().UnixNano())
	h.mu.Lock()
	stopped := h.sessions == nil
	if !stopped {
		h.sessions[s.id] = s
	}
	h.mu.Unlock()
	if stopped {
		s.close(hub.ErrShutdown)
		return hub.ErrShutdown
	}
	return nil
}

// discard forgets a session that has come to nothing.
func (h *Handler) discard(s *session, reason error) {
	h.mu.Lock()
	delete(h.sessions, s.id)
	h.mu.Unlock()
	s.close(reason)
}

// idLength is that of the hub's session ids.
const idLength = 16

// session returns the session of an id, entered. A player that was away for
// longer than sessions are kept (a laptop that slept) is let in again where that
// needs no token, or with one.
func (h *Handler) session(r *http.Request, f form, id string) (*session, error) {
	h.mu.Lock()
	s := h.sessions[id]
	h.mu.Unlock()
	if s == nil {
		if len(id) != idLength {
			return nil, errNoFile
		}
		var err error
		if s, err = h.admit(r, f, id); err != nil {
			return nil, err
		}
		if err := h.enlist(s); err != nil {
			return nil, err
		}
	}
	if s.form != f {
		return nil, errNoFile
	}
	s.enter()
	if err := h.renew(r, s); err != nil {
		s.leave()
		return nil, err
	}
	return s, nil
}

// renew gives a session that outlived its stream's publisher a viewer again when
// there is another one.
func (h *Handler) renew(r *http.Request, s *session) error {
	v := s.viewer()
	if v != nil {
		cause := context.Cause(v.Context())
		switch {
		case cause == nil:
			return nil
		case !errors.Is(cause, hub.ErrNoPublisher):
			return cause
		}
		v.Close(cause)
	}
	if !h.live(s.form.stream) {
		return nil
	}
	fresh, err := h.play(r, s.form, true)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.view = fresh
	s.mu.Unlock()
	return nil
}

// barFor is how long a session that was ended by the operator is remembered, to
// be refused.
const barFor = 10 * time.Minute

// sweepSessions ends the sessions of players that have gone.
func (h *Handler) sweepSessions(now time.Time) {
	h.mu.Lock()
	var gone []*session
	for id, s := range h.sessions {
		limit := h.cfg.SessionTimeout
		v := s.viewer()
		kicked := v != nil && errors.Is(context.Cause(v.Context()), hub.ErrKicked)
		if kicked {
			limit = max(limit, barFor)
			gone = append(gone, s) // closed, and still known
		}
		if s.busy.Load() == 0 && now.Sub(time.Unix(0, s.used.Load())) > limit {
			delete(h.sessions, id)
			gone = append(gone, s)
		}
	}
	h.mu.Unlock()
	for _, s := range gone {
		s.close(errTimeout)
	}
}
