package mpegts

import (
	"bytes"
)

// strides are the distances of packets that are looked for: bare, with a time
// before each, and with Reed-Solomon bytes after each.
var strides = [...]int{PacketSize, 192, 204}

// maxGarbage is after how many bytes that are no packets this is said again.
const maxGarbage = 1 << 16

// framer finds the packets in a stream of bytes.
type framer struct {
	buf    []byte
	at     int
	stride int // 0 while out of step
	ended  bool

	garbage int  // bytes passed over since the last packet or report
	was     bool // in step before
}

func (f *framer) write(b []byte) {
	if f.at > 0 {
		n := copy(f.buf, f.buf[f.at:])
		f.buf, f.at = f.buf[:n], 0
	}
	f.buf = append(f.buf, b...)
}

// next returns the next packet, which is good until the next write, or nil when
// there must be more bytes. lost says that some before it were passed over.
func (f *framer) next() (packet []byte, lost bool) {
	for {
		rest := f.buf[f.at:]
		if f.stride == 0 {
			if !f.find(rest) {
				return nil, f.report()
			}
			lost = f.was
			f.was, f.garbage = true, 0
			rest = f.buf[f.at:]
		}
		if len(rest) < PacketSize || len(rest) < f.stride && !f.ended {
			return nil, lost
		}
		if rest[0] == syncByte {
			f.at += min(f.stride, len(rest))
			return rest[:PacketSize], lost
		}
		f.stride = 0
	}
}

// report says after each maxGarbage bytes that the stream is not one of packets.
func (f *framer) report() bool {
	if f.garbage < maxGarbage {
		return false
	}
	f.garbage = 0
	return true
}

// find looks for three packets in a row, goes to the first and reports whether it
// is there. At the end of the stream as many as there are will do.
func (f *framer) find(rest []byte) bool {
	for skipped := 0; ; skipped++ {
		i := bytes.IndexByte(rest[skipped:], syncByte)
		if i < 0 {
			f.skip(len(rest))
			return false
		}
		skipped += i
		open := false
		for _, stride := range strides {
			ok, sure := inStep(rest[skipped:], stride)
			if sure && ok || ok && f.ended && len(rest)-skipped >= PacketSize {
				f.skip(skipped)
				f.stride = stride
				return true
			}
			open = open || ok
		}
		if open && !f.ended {
			f.skip(skipped)
			return false
		}
	}
}

func (f *framer) skip(n int) {
	f.at += n
	f.garbage += n
}

// inStep reports whether packets of this stride can begin here, and whether three
// of them were seen.
func inStep(b []byte, stride int) (ok, sure bool) {
	for _, at := range []int{stride, 2 * stride} {
		if at >= len(b) {
			return true, false
		}
		if b[at] != syncByte {
			return false, true
		}
	}
	return true, true
}

// sections puts the sections of a PID together.
type sections struct {
	buf     []byte
	open    bool
	counter counter
}

func (s *sections) reset() { s.open = false }

// push takes a packet's payload and gives each section that it completes.
func (s *sections) push(p packet, payload []byte, yield func(section []byte)) {
	if !p.hasPayload || p.scrambled {
		return
	}
	switch s.counter.next(p, payload) {
	case repeated:
		return
	case gap:
		s.open = false
	}
	if !p.start {
		s.feed(payload, yield)
		return
	}
	if len(payload) == 0 {
		return
	}
	pointer := int(payload[0])
	if payload = payload[1:]; pointer > len(payload) {
		s.open = false
		return
	}
	s.feed(payload[:pointer], yield)
	s.open, s.buf = true, s.buf[:0]
	s.feed(payload[pointer:], yield)
}

// feed takes bytes of the open section and those after it.
func (s *sections) feed(b []byte, yield func([]byte)) {
	const stuffing = 0xff
	for s.open && len(b) > 0 {
		if len(s.buf) == 0 && b[0] == stuffing {
			s.open = false
			return
		}
		want := sectionHeader
		if len(s.buf) >= sectionHeader {
			want += int(s.buf[1]&0xf)<<8 | int(s.buf[2])
		}
		if want > maxSection {
			s.open = false
			return
		}
		n := min(want-len(s.buf), len(b))
		s.buf = append(s.buf, b[:n]...)
		b = b[n:]
		if len(s.buf) < want || want == sectionHeader && s.buf[1]&0xf|s.buf[2] != 0 {
			continue
		}
		yield(s.buf)
		s.buf = s.buf[:0]
	}
}

// counter follows the continuity_counter of a PID (2.4.3.3).
type counter struct {
	known bool
	last  uint8
	data  []byte // the last payload: a packet that is sent twice is the same
}

// step is how a packet follows the one before it.
type step uint8

const (
	follows step = iota
	repeated
	gap
)

// next takes a packet's counter. Packets without payload do not count.
func (c *counter) next(p packet, payload []byte) step {
	if !p.hasPayload {
		if p.discontinuity {
			c.known, c.last, c.data = true, p.counter, c.data[:0]
		}
		return follows
	}
	known, last := c.known, c.last
	same := p.counter == last && bytes.Equal(payload, c.data)
	c.known, c.last, c.data = true, p.counter, append(c.data[:0], payload...)
	switch {
	case !known, p.discontinuity, p.counter == (last+1)&0xf:
		return follows
	case same:
		return repeated
	}
	return gap
}
