package hub

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Watcher tells which streams have changed, for the server's own duties
// (recorder, relay, segmenter): a publisher came or left, its tracks changed,
// the first viewer came or the last one left. It says that something changed;
// what is the case now, Hub.Find tells. Next is for one goroutine at a time.
type Watcher struct {
	hub    *Hub
	signal chan struct{} // capacity 1

	mu    sync.Mutex
	names map[string]struct{}
}

// Watch starts a watcher, which begins with the streams that are there. It must
// be closed.
func (h *Hub) Watch() *Watcher {
	w := &Watcher{hub: h, signal: make(chan struct{}, 1), names: make(map[string]struct{})}
	h.watchers.mu.Lock()
	if h.watchers.set == nil {
		h.watchers.set = make(map[*Watcher]struct{})
	}
	h.watchers.set[w] = struct{}{}
	h.watchers.mu.Unlock()
	for _, s := range h.Streams() {
		w.note(s.name)
	}
	return w
}

// Next returns the canonical names of the streams that have changed since the
// last call, at least one, in order. It waits for the first; the error is the
// cause for which ctx is done.
func (w *Watcher) Next(ctx context.Context) ([]string, error) {
	for {
		w.mu.Lock()
		names := slices.Sorted(maps.Keys(w.names))
		clear(w.names)
		w.mu.Unlock()
		if len(names) > 0 {
			return names, nil
		}
		select {
		case <-w.signal:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Close ends the watcher.
func (w *Watcher) Close() {
	w.hub.watchers.mu.Lock()
	defer w.hub.watchers.mu.Unlock()
	delete(w.hub.watchers.set, w)
}

func (w *Watcher) note(name string) {
	w.mu.Lock()
	w.names[name] = struct{}{}
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// watchers are those of a hub.
type watchers struct {
	mu  sync.Mutex
	set map[*Watcher]struct{}
}

// note tells all watchers that a stream has changed. It never waits for one.
func (ws *watchers) note(name string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.set {
		w.note(name)
	}
}
