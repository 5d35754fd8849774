package httpd

import (
	"net/http"
	"sync/atomic"
)

// Slot is a place for a route that comes, goes and is replaced while the
// listeners run. The zero value is empty and matches nothing.
type Slot struct{ route atomic.Pointer[Route] }

// Set puts a route into the slot; nil empties it.
func (s *Slot) Set(r Route) {
	if r == nil {
		s.route.Store(nil)
		return
	}
	s.route.Store(&r)
}

// Match asks the route that is in the slot.
func (s *Slot) Match(r *http.Request) bool {
	route := s.route.Load()
	return route != nil && (*route).Match(r)
}

// ServeHTTP serves by the route that is in the slot. One that has just left is
// a service that restarts.
func (s *Slot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := s.route.Load()
	if route == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the service restarts, try again", http.StatusServiceUnavailable)
		return
	}
	(*route).ServeHTTP(w, r)
}
