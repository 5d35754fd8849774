package relay

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"sluice/server/hub"
	"sluice/server/redact"
)

// steady is how long a session must have lasted for the next attempt to come
// soon again.
const steady = 10 * time.Second

// pushGrace is how long a push waits for a publisher that has left.
const pushGrace = 10 * time.Second

// lookEvery is how often the number of viewers is looked at where nothing says that
// it has changed.
const lookEvery = time.Second

// Reasons for the log.
var (
	// errUnwatched ends a pull on demand.
	errUnwatched = errors.New("nobody watches")
	// errStopped ends a relay that is not configured any more, and all with the server.
	errStopped = errors.New("the relay was stopped")
	// errEnded stands for no error.
	errEnded = errors.New("the other server has ended the stream")
)

// relay is what a worker does.
type relay struct {
	name   string // of the stream
	action string // "pull" or "push", for the log
	job    Job
	do     func(context.Context, Job) error
	// wanted says whether to be connected now.
	wanted func() bool
	// once says that the relay ends when it is no longer wanted.
	once bool
	// linger is how long it stays connected when it is no longer wanted.
	linger     time.Duration
	retry, top time.Duration
	poke       <-chan struct{}
	log        *slog.Logger
}

func (s *Service) newPull(p Pull, cfg Config, w *worker) *relay {
	name, _ := hub.ParseName(p.Stream) // valid: the configuration is
	r := &relay{name: name, action: "pull", do: s.schemes[schemeOf(p.URL)].Pull, linger: cfg.StopAfter}
	if p.OnDemand {
		r.wanted = func() bool { return watched(s.hub.Find(name)) }
	}
	return s.relay(r, p.URL, p.Options, cfg, w)
}

func (s *Service) newPush(k pushKey, cfg Config, w *worker) *relay {
	r := &relay{name: k.name, action: "push", do: s.schemes[schemeOf(k.URL)].Push, once: true}
	r.wanted = func() bool {
		st := s.hub.Find(k.name)
		return st != nil && st.Publisher() != nil
	}
	r.linger = pushGrace
	return s.relay(r, expand(k.URL, k.name), k.Options, cfg, w)
}

func (s *Service) relay(r *relay, url string, o Options, cfg Config, w *worker) *relay {
	r.retry, r.top, r.poke = cfg.Retry, cfg.RetryMax, w.poke
	r.log = s.log.With("stream", r.name, "url", redact.URL(url))
	r.job = Job{URL: url, Options: o, Hub: s.hub, Log: s.log, Session: hub.Session{
		Stream: r.name, Protocol: schemeOf(url), Remote: hostOf(url), Internal: true,
	}}
	return r
}

// watched reports whether a stream has viewers other than the server itself.
func watched(st *hub.Stream) bool {
	if st == nil {
		return false
	}
	for _, v := range st.Viewers() {
		if !v.Internal {
			return true
		}
	}
	return false
}

// run connects while the relay is wanted, again and again, until ctx is done.
func (r *relay) run(ctx context.Context) {
	pause := r.retry
	for {
		if !r.await(ctx) {
			return
		}
		began := time.Now()
		err := r.attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		lasted := time.Since(began)
		if err == nil {
			err = errEnded
		}
		if errors.Is(err, errUnwatched) {
			r.log.Info("relay stopped, nobody watches", "action", r.action, "duration", lasted.Round(time.Millisecond))
			pause = r.retry
			continue
		}
		if r.once && !r.wanted() {
			r.log.Info("relay ended, the publisher has left", "action", r.action, "duration", lasted.Round(time.Millisecond))
			return
		}
		if lasted > steady {
			pause = r.retry
		}
		// Up to a quarter more, so that many relays do not come at once.
		next := pause + rand.N(pause/4+1)
		r.log.Warn("relay ended", "action", r.action, "reason", err,
			"duration", lasted.Round(time.Millisecond), "retry_in", next.Round(time.Millisecond))
		pause = min(2*pause, r.top)
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return
		}
	}
}

// await waits until the relay is wanted; false where it is to end.
func (r *relay) await(ctx context.Context) bool {
	if r.wanted == nil {
		return ctx.Err() == nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !r.wanted() {
		if r.once {
			return false
		}
		select {
		case <-r.poke:
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// attempt connects once. It ends when the relay has not been wanted for some
// time.
func (r *relay) attempt(ctx context.Context) error {
	if r.wanted == nil {
		return r.do(ctx, r.job)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var guard sync.WaitGroup
	guard.Go(func() { r.guard(ctx, cancel) })
	err := r.do(ctx, r.job)
	if errors.Is(context.Cause(ctx), errUnwatched) {
		err = errUnwatched
	}
	cancel(nil)
	guard.Wait()
	return err
}

// guard ends an attempt that nobody wants any more.
func (r *relay) guard(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		now := time.Now()
		if r.wanted() {
			last = now
		} else if now.Sub(last) >= r.linger {
			cancel(errUnwatched)
			return
		}
		select {
		case <-r.poke:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
