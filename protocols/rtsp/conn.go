package rtsp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sluice/protocols/internal/wsframe"
	"sluice/protocols/rtsp/wire"
)

// conn writes to a connection: answers and media, by any goroutine; and it
// bounds how long reads wait.
type conn struct {
	net       net.Conn
	websocket bool // what is written is framed in messages
	timeout   time.Duration

	patience atomic.Pointer[patience]
	leaving  atomic.Int64 // ns that writes may take at most; 0 before the end

	mu     sync.Mutex // guards writing
	buf    []byte
	broken error // what a write has failed of; there are no more then
}

// patience says how long to wait for the peer.
type patience struct {
	until time.Time     // the end of the set-up, if it goes on
	idle  time.Duration // otherwise, the longest silence
	// alive reports whether the peer gave a sign of life elsewhere.
	alive func(now time.Time) bool
}

// noPatience ends a read at once.
func noPatience() patience { return patience{until: time.Unix(1, 0)} }

// Read reads from the connection, within the patience.
func (c *conn) Read(b []byte) (int, error) {
	for {
		p, now := c.patience.Load(), time.Now()
		deadline := p.until
		if deadline.IsZero() {
			deadline = now.Add(p.idle)
		}
		if err := c.net.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		if c.patience.Load() != p {
			continue // it was changed meanwhile
		}
		n, err := c.net.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if now = time.Now(); now.Before(deadline) || c.patience.Load() != p || p.until.IsZero() && p.alive != nil && p.alive(now) {
			continue // what woke it may be the change that brought p
		}
		return 0, ErrTimeout
	}
}

// setPatience changes how long reads wait; one that waits already too.
func (c *conn) setPatience(p patience) {
	c.patience.Store(&p)
	_ = c.net.SetReadDeadline(time.Unix(1, 0))
}

// respond writes an answer.
func (c *conn) respond(r *wire.Response) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = r.Append(c.buf[:0])
	if c.websocket {
		whole := wsframe.AppendHeader(nil, wsframe.Binary, len(c.buf))
		return c.write(net.Buffers{append(whole, c.buf...)})
	}
	return c.write(net.Buffers{c.buf})
}

// WriteMedia implements mediaWriter.
func (c *conn) WriteMedia(bufs net.Buffers) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.net.(*net.TCPConn); !ok && len(bufs) > 1 {
		// Elsewhere each buffer would be a write of its own, and with TLS a record.
		joined := c.buf[:0]
		for _, b := range bufs {
			joined = append(joined, b...)
		}
		c.keep(joined)
		bufs = net.Buffers{joined}
	}
	return c.write(bufs)
}

// keepBuffer is how large a buffer may be to be kept for the next time.
const keepBuffer = 64 << 10

func (c *conn) keep(buf []byte) {
	if cap(buf) <= keepBuffer {
		c.buf = buf
	}
}

// WriteFrame implements mediaWriter.
func (c *conn) WriteFrame(channel uint8, data []byte) error {
	var b []byte
	if c.websocket {
		b = wsframe.AppendHeader(b, wsframe.Binary, wire.FrameHeaderSize+len(data))
	}
	b = wire.AppendFrame(b, channel, data)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(net.Buffers{b})
}

// writeMessage writes a message of WebSocket that is no part of the stream.
func (c *conn) writeMessage(opcode byte, data []byte) error {
	b := append(wsframe.AppendHeader(nil, opcode, len(data)), data...)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(net.Buffers{b})
}

// write is for who holds mu.
func (c *conn) write(bufs net.Buffers) error {
	if c.broken != nil {
		return c.broken
	}
	err := c.allow()
	if err == nil {
		_, err = bufs.WriteTo(c.net)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: it took nothing for %v", ErrTimeout, c.timeout)
	}
	c.broken = err
	return err
}

// allow sets the deadline of a write.
func (c *conn) allow() error {
	for {
		leaving := c.leaving.Load()
		timeout := c.timeout
		if leaving > 0 {
			timeout = min(timeout, time.Duration(leaving))
		}
		err := c.net.SetWriteDeadline(time.Now().Add(timeout))
		if err != nil || c.leaving.Load() == leaving {
			return err
		}
	}
}

// linger bounds how long a connection stays for the peer to read what was
// written last, hurry the same where the whole server ends, and lingerBytes what
// the peer may send meanwhile.
const (
	linger      = 2 * time.Second
	hurry       = 250 * time.Millisecond
	lingerBytes = 4 << 20
)

// leave says that the connection ends, for which it has d: writes take no
// longer, those under way neither.
func (c *conn) leave(d time.Duration) {
	c.leaving.Store(int64(d))
	_ = c.net.SetWriteDeadline(time.Now().Add(d))
}

// farewell closes the sending side and waits a little for the peer to close
// its own: closing with bytes unread would make the kernel reset the
// connection, and the peer lose what was written last.
func (c *conn) farewell() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.net.SetReadDeadline(time.Now().Add(time.Duration(c.leaving.Load())))
	_, _ = io.CopyN(io.Discard, c.net, lingerBytes)
}
