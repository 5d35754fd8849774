package ring

import (
	"sync"
	"time"
)

// Meta is what a Log knows of an entry.
type Meta struct {
	// Size counts against Limits.Bytes.
	Size int
	// Key marks a random access point: readers may start here.
	Key bool
	// Time is the entry's place on the stream's time line. It may step back
	// a little between interleaved tracks.
	Time time.Duration
	// Ride asks that sleeping readers not be woken for this entry: it is
	// delivered together with the next one that does not ride. It turns a
	// picture and the sound around it into one system call a reader.
	Ride bool
}

// Limits bounds a Log. Zero means no limit of that sort.
type Limits struct {
	Entries int
	Bytes   int
	// Age applies to what stands before the newest random access point only,
	// so that a group longer than Age can still be joined at its start.
	Age time.Duration
	// Whole keeps the group before the newest random access point too, whatever
	// its age, for readers that begin at the oldest: see JoinOldest.
	Whole bool
}

type slot[T any] struct {
	value T
	meta  Meta
}

// Log is the bounded log. Append and Close are for one goroutine at a time;
// everything else is safe for concurrent use.
type Log[T any] struct {
	limits Limits

	mu       sync.RWMutex
	slots    []slot[T] // ring; the length is a power of two
	first    uint64    // sequence number of the oldest entry held
	next     uint64    // sequence number that the next entry gets
	wake     uint64    // readers before this number are worth waking
	bytes    int
	newest   time.Duration // largest Time so far
	key      uint64        // newest random access point, if hasKey
	hasKey   bool
	before   uint64 // the one before it, if hasKey; key where there is none
	sealed   uint64 // what is before this number may not be joined
	closeErr error

	waiters waiters
}

// New returns an empty log.
func New[T any](limits Limits) *Log[T] {
	return &Log[T]{limits: limits, slots: make([]slot[T], 16), waiters: newWaiters()}
}

// Append adds v. It drops the oldest entries that the limits have no room
// for, though never the entry just added. After Close it does nothing.
func (l *Log[T]) Append(v T, m Meta) {
	l.mu.Lock()
	if l.closeErr != nil {
		l.mu.Unlock()
		return
	}
	if l.next-l.first == uint64(len(l.slots)) {
		l.grow()
	}
	*l.at(l.next) = slot[T]{v, m}
	if m.Key {
		l.before = l.next
		if l.hasKey {
			l.before = l.key
		}
		l.key, l.hasKey = l.next, true
	}
	if m.Time > l.newest || l.next == 0 {
		l.newest = m.Time
	}
	l.next++
	l.bytes += m.Size
	l.evict()
	if !m.Ride {
		l.wake = l.next
	}
	l.mu.Unlock()
	if !m.Ride {
		l.waiters.signal()
	}
}

// Seal forbids joining at anything that is in the log now. Readers that are
// in it go on; new ones wait for the next random access point.
func (l *Log[T]) Seal() {
	l.mu.Lock()
	l.hasKey, l.sealed = false, l.next
	l.mu.Unlock()
}

// Close ends the log: readers get what is left and then err, which must not
// be nil. Only the first call counts.
func (l *Log[T]) Close(err error) {
	l.mu.Lock()
	if l.closeErr == nil {
		l.closeErr = err
		l.wake = l.next
	}
	l.mu.Unlock()
	l.waiters.signal()
}

// Len returns how many entries and bytes the log holds.
func (l *Log[T]) Len() (entries, bytes int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return int(l.next - l.first), l.bytes
}

func (l *Log[T]) at(seq uint64) *slot[T] { return &l.slots[seq&uint64(len(l.slots)-1)] }

func (l *Log[T]) grow() {
	old := l.slots
	l.slots = make([]slot[T], 2*len(old))
	for seq := l.first; seq < l.next; seq++ {
		*l.at(seq) = old[seq&uint64(len(old)-1)]
	}
}

func (l *Log[T]) evict() {
	for l.first < l.next-1 && l.overfull() {
		s := l.at(l.first)
		l.bytes -= s.meta.Size
		*s = slot[T]{}
		l.first++
	}
	if l.hasKey && l.key < l.first {
		l.hasKey = false
	}
}

func (l *Log[T]) overfull() bool {
	if l.limits.Entries > 0 && l.next-l.first > uint64(l.limits.Entries) {
		return true
	}
	if l.limits.Bytes > 0 && l.bytes > l.limits.Bytes {
		return true
	}
	keep := l.key
	if l.limits.Whole {
		keep = l.before
	}
	old := l.newest - l.at(l.first).meta.Time
	return l.limits.Age > 0 && old > l.limits.Age && !(l.hasKey && l.first >= keep)
}
