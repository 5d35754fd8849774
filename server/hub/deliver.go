package hub

import (
	"net"
	"time"

	"sluice/server/media"
)

// Chunk is a unit of a format that is a stream of bytes (RTMP, FLV, TS).
type Chunk struct {
	// Head is what a player must have seen before Data can be decoded:
	// metadata, sequence headers. Chunks share it until it changes; it is
	// sent where it differs from the one sent before.
	Head *Head
	Data []byte
}

// Head is the bytes before a Chunk. It is compared by pointer.
type Head struct {
	// Opening stands before Bytes where a connection begins: a file header.
	Opening []byte
	// Resume stands before Bytes where a player that is on already enters anew,
	// having missed a part: what tells its decoder so.
	Resume []byte
	Bytes  []byte
	// MediaType is the media type of what follows with its parameters, where
	// the format knows it better than its name tells: it goes into the header
	// of a response, or into a message before Opening.
	MediaType string
	// Tracks are those of what follows, for a Delivery's Front and Follows; may be
	// nil.
	Tracks *media.Tracks
}

// Delivery writes a subscription to a connection.
type Delivery struct {
	Conn net.Conn
	// Timeout is how long one write may take before the viewer counts as dead.
	Timeout time.Duration
	// Preamble returns what stands before all else where the connection
	// begins; may be nil.
	Preamble func(*Head) []byte
	// Follows reports whether a player that has had one head can go on after
	// another; where not, the delivery ends with ErrChanged, all before it being
	// sent. May be nil: players take any.
	Follows func(old, next *Head) bool
	// Front appends to dst what this viewer gets in place of the first n bytes of
	// the chunk's data, which are not its alone; may be nil.
	Front func(dst []byte, c Chunk) (front []byte, n int)
}

// batchSize is how many chunks go into one writev: more than a second of
// picture and sound.
const batchSize = 128

// Run writes until the viewer or the format ends, or the connection fails. It
// waits for nobody but its own peer.
func (d Delivery) Run(v *Viewer, sub *Subscription[Chunk]) error {
	chunks := make([]Chunk, batchSize)
	room := make(net.Buffers, 0, 2*batchSize+2)
	var head *Head
	var joined, fronts []byte
	var over error
	preamble := d.Preamble
	for {
		if err := sub.Wait(); err != nil {
			return err
		}
		n, _ := sub.Read(chunks)
		broken := sub.Broken()
		bufs, size := room[:0], 0
		fronts = fronts[:0]
		if preamble != nil && n > 0 {
			b := preamble(chunks[0].Head)
			bufs, size, preamble = append(bufs, b), len(b), nil
		}
		for _, c := range chunks[:n] {
			if c.Head != nil && c.Head != head {
				if head != nil && d.Follows != nil && !d.Follows(head, c.Head) {
					over = ErrChanged
					break
				}
				var lead []byte
				switch {
				case head == nil:
					lead = c.Head.Opening
				case broken:
					lead = c.Head.Resume
				}
				if len(lead) > 0 {
					bufs, size = append(bufs, lead), size+len(lead)
				}
				head, broken = c.Head, false
				bufs, size = append(bufs, head.Bytes), size+len(head.Bytes)
			}
			data := c.Data
			if d.Front != nil {
				at := len(fronts)
				var n int
				fronts, n = d.Front(fronts, c)
				front := fronts[at:len(fronts):len(fronts)]
				bufs, size, data = append(bufs, front), size+len(front), data[n:]
			}
			bufs, size = append(bufs, data), size+len(data)
		}
		if size == 0 && over == nil {
			continue
		}
		if err := d.Conn.SetWriteDeadline(time.Now().Add(d.Timeout)); err != nil {
			return err
		}
		if err := write(d.Conn, bufs, &joined); err != nil {
			return err
		}
		v.Sent(size)
		clear(chunks[:n])
		clear(bufs)
		if over != nil {
			return over
		}
	}
}

// write sends the buffers with one system call where the connection is TCP.
// On others, where each buffer would be a write (and a TLS record) of its
// own, it joins them first; the scratch buffer is kept for the next time.
func write(conn net.Conn, bufs net.Buffers, scratch *[]byte) error {
	if _, ok := conn.(*net.TCPConn); ok {
		_, err := bufs.WriteTo(conn)
		return err
	}
	b := (*scratch)[:0]
	for _, p := range bufs {
		b = append(b, p...)
	}
	*scratch = b
	_, err := conn.Write(b)
	return err
}
