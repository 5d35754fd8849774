package transport

import (
	"sync"
	"time"

	"sluice/webrtc/icemux"
)

// maxQueued bounds what waits for a session's goroutine: two key frames of a
// fast publisher, and far more than a viewer says in a second.
const maxQueued = 2048

type inbound struct {
	b       []byte
	path    *icemux.Path
	arrival time.Time
}

// queue hands packets from the goroutines of the sockets to a session's own, a
// batch for each time that it wakes.
type queue struct {
	mu      sync.Mutex
	packets []inbound
	wake    chan struct{}
	dropped int
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push never blocks; what does not fit is dropped.
func (q *queue) push(p inbound) {
	q.mu.Lock()
	if len(q.packets) >= maxQueued {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.packets = append(q.packets, p)
	first := len(q.packets) == 1
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take returns what waits and takes the memory of the last batch back.
func (q *queue) take(last []inbound) []inbound {
	clear(last)
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.packets
	q.packets = last[:0]
	return batch
}
