package jitter

import (
	"math/bits"
	"time"

	"sluice/protocols/container/rtp"
)

// Defaults of Config.
const (
	DefaultMaxPackets = 512
	DefaultMaxDelay   = 200 * time.Millisecond
	DefaultMaxAsks    = 10
)

// maxDropout is the limit of RFC 3550 A.1: a packet further ahead does not
// belong to the run of sequence numbers, unless the one after it follows. The
// limit in the other direction is twice the buffer's span, as packets that were
// asked for can come late in a row.
const maxDropout = 3000

// Config bounds a Buffer; a field that is 0 has its default.
type Config struct {
	// MaxPackets is the span of sequence numbers that is kept, from the first
	// missing one on. It is rounded up to a power of two, at most 32768.
	MaxPackets int

	// MaxDelay is how long a missing packet is waited for, from the arrival of
	// the first packet after it.
	MaxDelay time.Duration

	// MaxAsks is how often AppendMissing names a packet.
	MaxAsks int
}

// Counters tells what became of the packets of a source.
type Counters struct {
	Received  uint64 // all that was pushed
	Lost      uint64 // missing ones that were given up
	Reordered uint64 // came after one that follows them, and in time
	Recovered uint64 // of these, those that AppendMissing had named
	Duplicate uint64 // came more than once, dropped
	Late      uint64 // came after they had been given up, dropped
	Stray     uint64 // outside any run of sequence numbers, dropped
	Restarts  uint64 // new runs: another SSRC, or sequence numbers far away
}

// Buffer is a reordering buffer. Packets that come in order pass at once;
// after a gap they wait until it is filled, or given up for its age or for
// want of room.
//
// After each Push, and at Deadline, the caller takes what is ready:
//
//	for p, lost, ok := b.Pop(now); ok; p, lost, ok = b.Pop(now) { ... }
type Buffer struct {
	slots    []slot // of sequence number n at n&mask
	mask     int64
	maxDelay time.Duration
	maxAsks  uint8

	started bool
	epoch   time.Time // of the times in slots
	ssrc    uint32
	next    int64 // the sequence number to pop, extended by its wraps
	end     int64 // one past the highest that came
	lost    bool  // packets before next were given up

	// Packets that find no room yet: one that is too far ahead, or the two
	// that begin a new run. They go in when Pop has made room.
	ahead   [2]rtp.Packet
	waiting int
	restart bool

	stray    rtp.Packet // may turn out to begin a new run
	hasStray bool

	counters Counters
}

// slotState is what is known of a sequence number.
type slotState uint8

const (
	slotMissing   slotState = iota // a later one is there
	slotHeld                       // waits to be popped
	slotDelivered                  // popped
	slotAbandoned                  // given up
)

type slot struct {
	packet rtp.Packet
	seq    int64
	since  time.Duration // when it was found missing, after epoch
	asked  time.Duration // when AppendMissing last named it
	asks   uint8
	state  slotState
}

// NewBuffer returns an empty Buffer.
func NewBuffer(c Config) *Buffer {
	if c.MaxPackets <= 0 {
		c.MaxPackets = DefaultMaxPackets
	}
	if c.MaxDelay <= 0 {
		c.MaxDelay = DefaultMaxDelay
	}
	if c.MaxAsks <= 0 {
		c.MaxAsks = DefaultMaxAsks
	}
	size := int64(1) << bits.Len(uint(min(c.MaxPackets, 1<<15)-1))
	return &Buffer{
		slots:    make([]slot, size),
		mask:     size - 1,
		maxDelay: c.MaxDelay,
		maxAsks:  uint8(min(c.MaxAsks, 255)),
	}
}

// SetMaxDelay changes how long missing packets are waited for, so that it can
// follow the round-trip time: an answer that is under way is worth the wait.
func (b *Buffer) SetMaxDelay(d time.Duration) { b.maxDelay = d }

// Counters returns the counts since the Buffer was made.
func (b *Buffer) Counters() Counters { return b.counters }

// Push takes a packet that arrived at now. Its payload must not change until
// the packet was popped.
func (b *Buffer) Push(p rtp.Packet, now time.Time) {
	b.counters.Received++
	if b.waiting > 0 { // the caller did not pop
		b.skip(b.end)
		b.admit(now)
	}
	if !b.started {
		b.start(p, now)
		return
	}
	ext := b.extend(p.Sequence)
	if p.SSRC != b.ssrc || ext >= b.end+maxDropout || ext < b.next-2*int64(len(b.slots)) {
		b.pushStray(p)
		return
	}
	b.dropStray()
	switch {
	case ext < b.next:
		b.countOld(ext)
	case ext >= b.next+int64(len(b.slots)):
		b.ahead[0], b.waiting = p, 1
	default:
		b.put(ext, p, now)
	}
}

// Pop returns the next packet in order, if one is ready at now; lost says that
// packets before it were given up, or that it begins a new run.
func (b *Buffer) Pop(now time.Time) (p rtp.Packet, lost, ok bool) {
	for {
		b.admit(now)
		if b.next == b.end {
			return rtp.Packet{}, false, false
		}
		s := b.slot(b.next)
		if s.state == slotHeld {
			p, lost = s.packet, b.lost
			s.packet, s.state = rtp.Packet{}, slotDelivered
			b.next++
			b.lost = false
			return p, lost, true
		}
		if b.waiting == 0 && now.Sub(b.epoch) < s.since+b.maxDelay {
			return rtp.Packet{}, false, false
		}
		s.state = slotAbandoned
		b.counters.Lost++
		b.next++
		b.lost = true
	}
}

// Deadline returns when Pop will give up the packet that it waits for now;
// false when it waits for none.
func (b *Buffer) Deadline() (time.Time, bool) {
	if b.next == b.end {
		return time.Time{}, false
	}
	return b.epoch.Add(b.slot(b.next).since + b.maxDelay), true
}

// start begins a run of sequence numbers with p.
func (b *Buffer) start(p rtp.Packet, now time.Time) {
	clear(b.slots)
	b.started, b.epoch, b.ssrc = true, now, p.SSRC
	b.next = 1<<16 + int64(p.Sequence) // so that none before it is negative
	b.end = b.next
	b.put(b.next, p, now)
}

// extend returns the sequence number that is nearest to the highest one.
func (b *Buffer) extend(seq uint16) int64 {
	last := b.end - 1
	return last + int64(int16(seq-uint16(last)))
}

func (b *Buffer) slot(ext int64) *slot { return &b.slots[ext&b.mask] }

// put stores a packet inside the window and notes those that it shows to be
// missing.
func (b *Buffer) put(ext int64, p rtp.Packet, now time.Time) {
	behind := ext < b.end
	for ; b.end <= ext; b.end++ {
		*b.slot(b.end) = slot{seq: b.end, since: now.Sub(b.epoch)}
	}
	s := b.slot(ext)
	if s.state == slotHeld {
		b.counters.Duplicate++
		return
	}
	if behind {
		b.counters.Reordered++
	}
	if s.asks > 0 {
		b.counters.Recovered++
	}
	s.packet, s.state = p, slotHeld
}

// countOld counts a packet whose turn has passed.
func (b *Buffer) countOld(ext int64) {
	if s := b.slot(ext); s.seq == ext && s.state == slotDelivered {
		b.counters.Duplicate++
	} else {
		b.counters.Late++
	}
}

// pushStray keeps a packet that does not belong to the run until the next one
// shows whether it begins another (RFC 3550 A.1).
func (b *Buffer) pushStray(p rtp.Packet) {
	if b.hasStray && p.SSRC == b.stray.SSRC && p.Sequence == b.stray.Sequence+1 {
		b.ahead = [2]rtp.Packet{b.stray, p}
		b.waiting, b.restart = 2, true
		b.stray, b.hasStray = rtp.Packet{}, false
		return
	}
	b.dropStray()
	b.stray, b.hasStray = p, true
}

func (b *Buffer) dropStray() {
	if b.hasStray {
		b.counters.Stray++
		b.stray, b.hasStray = rtp.Packet{}, false
	}
}

// admit lets the packets that wait for room in, once there is room: for a new
// run that is when the old one is used up.
func (b *Buffer) admit(now time.Time) {
	if b.waiting == 0 {
		return
	}
	first, second := b.ahead[0], b.ahead[1]
	if b.restart {
		if b.next < b.end {
			return
		}
		b.start(first, now)
		b.put(b.next+1, second, now)
		b.lost = true
		b.counters.Restarts++
	} else {
		ext := b.extend(first.Sequence)
		if ext >= b.next+int64(len(b.slots)) {
			if b.next < b.end {
				return
			}
			b.skip(ext)
		}
		b.put(ext, first, now)
	}
	b.ahead, b.waiting, b.restart = [2]rtp.Packet{}, 0, false
}

// skip gives up everything before ext.
func (b *Buffer) skip(ext int64) {
	if ext == b.next {
		return
	}
	b.counters.Lost += uint64(ext - b.next)
	b.next, b.end, b.lost = ext, ext, true
}
