package ring

import (
	"context"
	"sync"
)

// waiters lets any number of goroutines sleep until the writer signals, at a
// cost to the writer that does not depend on their number: the writer wakes
// one of them, the leader, and the leader wakes the rest.
type waiters struct {
	lead chan struct{} // capacity 1; wakes the leader, or the next one to come

	mu        sync.Mutex
	led       bool
	followers int
	follow    chan struct{} // closed to wake all followers
}

func newWaiters() waiters {
	return waiters{lead: make(chan struct{}, 1), follow: make(chan struct{})}
}

func (w *waiters) signal() {
	select {
	case w.lead <- struct{}{}:
	default:
	}
}

// wait sleeps until a signal, unless ready already holds once the caller is
// registered. It may return early; callers look again.
func (w *waiters) wait(ctx context.Context, ready func() bool) error {
	w.mu.Lock()
	leader, wake := !w.led, w.follow
	if leader {
		w.led, wake = true, w.lead
		defer w.handOver()
	} else {
		w.followers++
	}
	w.mu.Unlock()
	if ready() {
		return nil
	}
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handOver ends the caller's lead and wakes the followers, one of which
// becomes the next leader if it sleeps again.
func (w *waiters) handOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.led = false
	if w.followers > 0 {
		close(w.follow)
		w.follow, w.followers = make(chan struct{}), 0
	}
}
