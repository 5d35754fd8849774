package relay

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"sluice/server/hub"
)

// Job is one attempt of a relay.
type Job struct {
	URL     string
	Options Options
	// Session is the session of the hub to open, complete.
	Session hub.Session
	Hub     *hub.Hub
	Log     *slog.Logger
}

// Scheme is what a protocol can do. Each function runs until the stream or the
// connection ends, or ctx does, and says why; it does not try again. A nil one
// says that the protocol can't.
type Scheme struct {
	Pull func(ctx context.Context, j Job) error
	Push func(ctx context.Context, j Job) error
}

// Service runs the relays of a configuration.
type Service struct {
	hub     *hub.Hub
	schemes map[string]Scheme
	log     *slog.Logger
	end     context.CancelFunc
	watcher *hub.Watcher
	working sync.WaitGroup

	mu     sync.Mutex
	cfg    Config
	closed bool
	pulls  map[Pull]*worker
	pushes map[pushKey]*worker
}

// pushKey is one stream that goes to one place.
type pushKey struct {
	Push
	name string
}

// worker is a relay that runs.
type worker struct {
	stop context.CancelFunc
	poke chan struct{} // capacity 1: something about the stream has changed
	done chan struct{}
}

// Start starts the relays. schemes has the protocols by the scheme of their
// URLs; an unknown one is an error.
func Start(cfg Config, schemes map[string]Scheme, h *hub.Hub, log *slog.Logger) (*Service, error) {
	ctx, end := context.WithCancel(context.Background())
	s := &Service{
		hub: h, schemes: schemes, log: log, end: end, watcher: h.Watch(),
		pulls: make(map[Pull]*worker), pushes: make(map[pushKey]*worker),
	}
	if err := s.SetConfig(cfg); err != nil {
		end()
		s.watcher.Close()
		return nil, err
	}
	if slices.ContainsFunc(cfg.Pull, func(p Pull) bool { return p.OnDemand }) && h.Config().ViewerWait == 0 {
		log.Warn("relay on demand never starts: hub.viewer_wait sends viewers away at once")
	}
	s.working.Go(func() { s.watch(ctx) })
	return s, nil
}

// Check returns an error for a relay that no scheme can do.
func Check(cfg Config, schemes map[string]Scheme) error {
	for i, p := range cfg.Pull {
		if schemes[schemeOf(p.URL)].Pull == nil {
			return fmt.Errorf("pull %d (%s): nothing can pull from %s://", i+1, p.Stream, schemeOf(p.URL))
		}
	}
	for i, p := range cfg.Push {
		if schemes[schemeOf(p.URL)].Push == nil {
			return fmt.Errorf("push %d (%s): nothing can push to %s://", i+1, p.Stream, schemeOf(p.URL))
		}
	}
	return nil
}

// SetConfig changes the configuration. Relays that are in both the old and the
// new one go on as they are. It waits for the end of those that are not, before
// others take their streams over. It is for one goroutine at a time.
func (s *Service) SetConfig(cfg Config) error {
	if err := Check(cfg, s.schemes); err != nil {
		return err
	}
	for _, w := range s.apply(cfg) {
		<-w.done
	}
	s.startPulls()
	for _, st := range s.hub.Streams() {
		s.look(st.Name())
	}
	return nil
}

// apply takes the configuration into force and stops what is not in it, which it
// returns.
func (s *Service) apply(cfg Config) (gone []*worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	retimed := s.cfg.Retry != cfg.Retry || s.cfg.RetryMax != cfg.RetryMax || s.cfg.StopAfter != cfg.StopAfter
	s.cfg = cfg
	if s.closed {
		return nil
	}
	wanted := make(map[Pull]bool)
	for _, p := range cfg.Pull {
		wanted[p] = true
	}
	for p, w := range s.pulls {
		if !wanted[p] || retimed {
			gone = append(gone, w)
			delete(s.pulls, p)
		}
	}
	pushed := make(map[Push]bool)
	for _, p := range cfg.Push {
		pushed[p] = true
	}
	for k, w := range s.pushes {
		if !pushed[k.Push] || retimed {
			gone = append(gone, w)
			delete(s.pushes, k)
		}
	}
	for _, w := range gone {
		w.stop()
	}
	return gone
}

// startPulls starts those of the configuration that do not run.
func (s *Service) startPulls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := s.cfg
	for _, p := range cfg.Pull {
		if s.pulls[p] == nil && !s.closed {
			s.pulls[p] = s.start(func(ctx context.Context, w *worker) { s.newPull(p, cfg, w).run(ctx) }, func() {})
		}
	}
}

// start starts a worker. after is called when it has ended.
func (s *Service) start(run func(context.Context, *worker), after func()) *worker {
	ctx, stop := context.WithCancelCause(context.Background())
	w := &worker{stop: func() { stop(errStopped) }, poke: make(chan struct{}, 1), done: make(chan struct{})}
	s.working.Go(func() {
		run(ctx, w)
		w.stop()
		close(w.done)
		after()
	})
	return w
}

// watch looks at each stream that changes.
func (s *Service) watch(ctx context.Context) {
	for {
		names, err := s.watcher.Next(ctx)
		if err != nil {
			return
		}
		for _, name := range names {
			s.look(name)
		}
	}
}

// look brings the pushes of one stream to what is the case, and wakes its pull.
func (s *Service) look(name string) {
	st := s.hub.Find(name)
	live := st != nil && st.Publisher() != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for p, w := range s.pulls {
		if canonical, _ := hub.ParseName(p.Stream); canonical == name {
			w.wake()
		}
	}
	for _, p := range s.cfg.Push {
		k := pushKey{p, name}
		if w := s.pushes[k]; w != nil {
			w.wake()
			if finished(w) {
				delete(s.pushes, k)
			}
		}
		if live && p.Stream.Match(name) && s.pushes[k] == nil {
			cfg := s.cfg
			s.pushes[k] = s.start(
				func(ctx context.Context, w *worker) { s.newPush(k, cfg, w).run(ctx) },
				func() { s.look(name) }, // the publisher may have come back meanwhile
			)
		}
	}
}

func (w *worker) wake() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

func finished(w *worker) bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// Stop ends all relays and waits for them.
func (s *Service) Stop(context.Context) error {
	s.mu.Lock()
	s.closed = true
	for _, w := range s.pulls {
		w.stop()
	}
	for _, w := range s.pushes {
		w.stop()
	}
	s.mu.Unlock()
	s.end()
	s.working.Wait()
	s.watcher.Close()
	return nil
}
