package icemux

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits of TCP connections. A connection must name its session within
// firstTimeout, may be silent for idleTimeout (consent checks come every few
// seconds), and takes what it is sent within writeTimeout.
const (
	maxStreams   = 4096
	maxUnnamed   = 128
	firstTimeout = 5 * time.Second
	idleTimeout  = 30 * time.Second
	writeTimeout = 5 * time.Second
)

// tcpConn is one connection of RFC 4571 frames: a length in two bytes, big
// endian, and a packet.
type tcpConn struct {
	conn   net.Conn
	remote netip.AddrPort

	mu  sync.Mutex // guards out and orders writes
	out []byte
}

func (m *Mux) accept(l net.Listener) {
	unnamed := make(chan struct{}, maxUnnamed)
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, most likely: some will be free again soon.
			time.Sleep(50 * time.Millisecond)
			continue
		}
		addr, ok := conn.RemoteAddr().(*net.TCPAddr)
		if !ok {
			_ = conn.Close()
			continue
		}
		c := &tcpConn{conn: conn, remote: unmap(addr.AddrPort())}
		select {
		case unnamed <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		if !m.adopt(c) {
			<-unnamed
			_ = conn.Close()
			continue
		}
		m.wg.Go(func() {
			m.serve(c, func() { <-unnamed })
			m.mu.Lock()
			delete(m.streams, c)
			m.mu.Unlock()
			_ = conn.Close()
		})
	}
}

func (m *Mux) adopt(c *tcpConn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.streams) >= maxStreams {
		return false
	}
	m.streams[c] = struct{}{}
	return true
}

// serve reads a connection to its end. named is called once, when the
// connection has named its session or ended.
func (m *Mux) serve(c *tcpConn, named func()) {
	once := sync.OnceFunc(named)
	defer once()
	var link *Link
	var path *Path
	defer func() {
		if link != nil {
			link.leaveTCP(c)
		}
	}()
	r := bufio.NewReader(c.conn)
	_ = c.conn.SetReadDeadline(time.Now().Add(firstTimeout))
	for {
		b, err := readFrame(r)
		if err != nil {
			return
		}
		if isSTUN(b) && isRequest(b) {
			// After an ICE restart the same connection may name the new session.
			if l := m.link(localUfrag(b)); l != nil && l != link {
				if link != nil {
					link.leaveTCP(c)
				}
				link, path = l, l.joinTCP(c)
			}
		}
		if path == nil {
			return
		}
		once()
		_ = c.conn.SetReadDeadline(time.Now().Add(idleTimeout))
		if isSTUN(b) {
			link.agent(true, c.remote).push(b, c.remote)
		} else {
			link.deliver(b, path)
		}
	}
}

var errFrameSize = errors.New("icemux: frame larger than a packet can be")

func readFrame(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n > maxPacket {
		return nil, errFrameSize
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func (c *tcpConn) send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = appendFrame(c.out[:0], b)
	return c.flush()
}

func (c *tcpConn) sendTrain(t *Train) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = c.out[:0]
	for b := range t.Packets {
		c.out = appendFrame(c.out, b)
	}
	return c.flush()
}

func appendFrame(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(b))), b...)
}

// flush writes c.out. A write that fails may have left half a frame behind, so
// the connection ends with it.
func (c *tcpConn) flush() error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := c.conn.Write(c.out); err != nil {
		_ = c.conn.Close()
		return err
	}
	return nil
}
