package udp

// Train is a run of packets for one destination, back to back in one buffer.
// The zero value is an empty train. It is for one goroutine at a time.
type Train struct {
	buf   []byte
	sizes []int
}

// Limits of one UDP segmentation request: the kernel's UDP_MAX_SEGMENTS and the
// size of an IPv4 datagram.
const (
	maxSegments = 64
	maxDatagram = 65507
)

// Room returns space for a packet of up to n bytes. It stays valid until the
// next call of Room; Add then takes it up.
func (t *Train) Room(n int) []byte {
	if free := cap(t.buf) - len(t.buf); free < n {
		grown := make([]byte, len(t.buf), max(2*cap(t.buf), len(t.buf)+n, 4096))
		copy(grown, t.buf)
		t.buf = grown
	}
	return t.buf[len(t.buf) : len(t.buf)+n]
}

// Add appends the first n bytes of the last Room to the train as a packet.
func (t *Train) Add(n int) {
	t.buf = t.buf[:len(t.buf)+n]
	t.sizes = append(t.sizes, n)
}

// Len returns the number of packets.
func (t *Train) Len() int { return len(t.sizes) }

// Bytes returns the sum of the packets' sizes.
func (t *Train) Bytes() int { return len(t.buf) }

// Packets yields the packets, in their order. They are good until the next call
// of Room or Reset.
func (t *Train) Packets(yield func([]byte) bool) {
	b := t.buf
	for _, n := range t.sizes {
		if !yield(b[:n:n]) {
			return
		}
		b = b[n:]
	}
}

// Reset empties the train and keeps its memory.
func (t *Train) Reset() { t.buf, t.sizes = t.buf[:0], t.sizes[:0] }

// Runs calls f for every stretch of packets that one segmentation request can
// carry: all of the same size but for the last, which may be smaller.
func (t *Train) Runs(f func(b []byte, segment, packets int) error) error {
	for i, at := 0, 0; i < len(t.sizes); {
		segment, end, n := t.sizes[i], at+t.sizes[i], 1
		for n < maxSegments && i+n < len(t.sizes) {
			size := t.sizes[i+n]
			if size > segment || end+size-at > maxDatagram {
				break
			}
			end += size
			n++
			if size < segment {
				break
			}
		}
		if err := f(t.buf[at:end], segment, n); err != nil {
			return err
		}
		i, at = i+n, end
	}
	return nil
}
