package jitter

import "time"

// Times of AppendMissing.
const (
	// askAfter is how long a missing packet may be merely out of order, unless
	// askDistance packets after it have come.
	askAfter    = 10 * time.Millisecond
	askDistance = 3

	// askMargin is what an answer may take beyond the round-trip time.
	askMargin = 10 * time.Millisecond
)

// AppendMissing appends the sequence numbers to ask the sender for now (a
// generic NACK, RFC 4585 6.2.1), in order. It names a packet once it is likely
// to be lost and not just out of order, again each time the round-trip time rtt
// has passed without it, and no more after Config.MaxAsks times or once it was
// given up. The caller asks every 10 ms or so, and after each Push that left
// packets missing.
func (b *Buffer) AppendMissing(dst []uint16, now time.Time, rtt time.Duration) []uint16 {
	t := now.Sub(b.epoch)
	for ext := b.next; ext < b.end; ext++ {
		s := b.slot(ext)
		if s.state != slotMissing || s.asks >= b.maxAsks {
			continue
		}
		if s.asks == 0 {
			if t-s.since < askAfter && b.end-ext <= askDistance {
				continue
			}
		} else if t-s.asked < rtt+askMargin {
			continue
		}
		s.asked = t
		s.asks++
		dst = append(dst, uint16(ext))
	}
	return dst
}

// Missing returns how many packets are waited for.
func (b *Buffer) Missing() int {
	n := 0
	for ext := b.next; ext < b.end; ext++ {
		if b.slot(ext).state == slotMissing {
			n++
		}
	}
	return n
}
