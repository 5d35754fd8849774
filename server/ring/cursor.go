package ring

import (
	"context"
	"time"
)

// Cursor is one reader's place in a Log. It is for one goroutine at a time.
type Cursor[T any] struct {
	log    *Log[T]
	pos    uint64
	budget time.Duration
	// seek is set while the cursor has no place: it looks for a random
	// access point later than after.
	seek  bool
	after time.Duration
	last  time.Duration
	// oldest asks for the oldest random access point, once.
	oldest bool

	stirred func() bool // made once, for waiters
}

// noTime is before every entry.
const noTime = time.Duration(-1 << 63)

// Join returns a cursor at the newest random access point, or, where there is
// none, at the next one to come. budget is how far behind the newest entry
// the reader may fall before it jumps to the newest random access point;
// 0 means as far as the log reaches.
func (l *Log[T]) Join(budget time.Duration) *Cursor[T] {
	return l.JoinAfter(noTime, budget)
}

// JoinAfter is Join at the newest random access point whose time is later
// than t. A reader that moves from one log to another of the same stream uses
// it to keep its time rising.
func (l *Log[T]) JoinAfter(t, budget time.Duration) *Cursor[T] {
	c := &Cursor[T]{log: l, budget: budget, seek: true, after: t, last: t}
	c.stirred = func() bool {
		ready, err := c.state()
		return ready || err != nil
	}
	return c
}

// JoinOldest is Join at the oldest random access point that the log holds.
func (l *Log[T]) JoinOldest(budget time.Duration) *Cursor[T] {
	c := l.Join(budget)
	c.oldest = true
	return c
}

// Read copies the next entries into dst and returns how many it copied
// without waiting. Where skipped is not 0, that many entries were lost
// directly before dst[0], which then is a random access point. A call that
// copies nothing may skip, and the reader then waits for a random access
// point.
func (c *Cursor[T]) Read(dst []T) (n, skipped int) {
	l := c.log
	l.mu.RLock()
	defer l.mu.RUnlock()
	skipped = c.place()
	if c.seek {
		return 0, skipped
	}
	for n < len(dst) && c.pos < l.next {
		s := l.at(c.pos)
		dst[n] = s.value
		c.last = max(c.last, s.meta.Time)
		n++
		c.pos++
	}
	return n, skipped
}

// place moves the cursor to where it may read, and returns how many entries
// it passes over on the way.
func (c *Cursor[T]) place() (skipped int) {
	l := c.log
	if !c.seek {
		lost := c.pos < l.first
		late := c.budget > 0 && c.pos < l.next && l.newest-l.at(max(c.pos, l.first)).meta.Time > c.budget &&
			l.hasKey && l.key > c.pos
		if !lost && !late {
			return 0
		}
		c.seek, c.after = true, noTime
	}
	from := c.pos
	if !l.hasKey || l.at(l.key).meta.Time <= c.after {
		// Nothing to start from; what is here now will not be read.
		c.pos = l.next
	} else {
		c.seek, c.pos = false, l.key
		if c.oldest {
			c.pos, c.oldest = l.oldestKey(), false
		}
	}
	if c.last == noTime || c.pos <= from {
		return 0
	}
	return int(c.pos - from)
}

// oldestKey returns the oldest random access point that may be joined; there is
// one.
func (l *Log[T]) oldestKey() uint64 {
	seq := max(l.first, l.sealed)
	for !l.at(seq).meta.Key {
		seq++
	}
	return seq
}

// Last returns the latest time read so far, or the time given to JoinAfter;
// ok is false before there is one.
func (c *Cursor[T]) Last() (t time.Duration, ok bool) { return c.last, c.last != noTime }

// Rewind moves the cursor back or on to the newest random access point; it
// reports false where there is none, and the cursor then stays.
func (c *Cursor[T]) Rewind() bool {
	l := c.log
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.hasKey {
		return false
	}
	c.seek, c.pos = false, l.key
	return true
}

// Wait blocks until Read has something to return, the log is closed and read
// to its end (it then returns the error given to Close), or ctx is done (it
// then returns the context's cause).
func (c *Cursor[T]) Wait(ctx context.Context) error {
	for {
		if ready, err := c.state(); ready || err != nil {
			return err
		}
		if err := c.log.waiters.wait(ctx, c.stirred); err != nil {
			return err
		}
	}
}

// state reports whether there is something to read and, if not, why there
// will never be.
func (c *Cursor[T]) state() (ready bool, err error) {
	l := c.log
	l.mu.RLock()
	defer l.mu.RUnlock()
	if c.seek {
		ready = l.hasKey && l.wake > l.key && l.at(l.key).meta.Time > c.after
	} else {
		ready = l.wake > c.pos
	}
	if ready {
		return true, nil
	}
	return false, l.closeErr
}
