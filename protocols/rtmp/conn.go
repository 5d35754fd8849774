package rtmp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sluice/protocols/rtmp/chunk"
	"sluice/protocols/rtmp/message"
)

// conn is what both sides of a connection share: messages in and out, and
// the messages that keep the connection itself going. One goroutine reads;
// any may write.
type conn struct {
	net    net.Conn
	opts   Options
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool

	br       *bufio.Reader
	chunks   *chunk.Reader
	received atomic.Int64
	window   int64 // the peer wants an acknowledgement after that many bytes
	acked    int64
	rest     []message.Message // of an aggregate
	patience patience

	mu     sync.Mutex // guards writing
	writer *chunk.Writer
	buf    []byte
	broken error // what a write has failed of; there are no more then
	sent   atomic.Int64
}

// The size of a connection's read buffer: players, of which there may be very
// many, send commands only.
const (
	commandBuffer = 1 << 10
	mediaBuffer   = 16 << 10
)

// patience says how long to wait for the peer.
type patience struct {
	until time.Time     // the end of the set-up, if it goes on
	idle  time.Duration // otherwise, the longest silence
	ping  bool          // silence is met with a ping, not with an error
}

// newConn returns the connection over nc, whose context ends with ctx.
func newConn(ctx context.Context, nc net.Conn, opts Options) *conn {
	c := &conn{net: nc, opts: opts, window: windowSize, writer: chunk.NewWriter()}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.br = bufio.NewReaderSize(countingReader{nc, &c.received}, commandBuffer)
	c.chunks = chunk.NewReader(c.br, commandLimits)
	c.patience.until = time.Now().Add(opts.SetupTimeout)
	// The end of the context wakes who reads.
	c.stop = context.AfterFunc(c.ctx, func() { _ = nc.SetReadDeadline(time.Unix(1, 0)) })
	return c
}

// expectMedia prepares for a peer that sends media, with the limits of the
// options and a larger buffer.
func (c *conn) expectMedia() {
	c.patience = patience{idle: c.opts.IdleTimeout}
	if c.br.Size() < mediaBuffer {
		c.br = bufio.NewReaderSize(c.br, mediaBuffer)
		c.chunks.SetSource(c.br)
	}
	c.chunks.SetLimits(c.opts.Limits)
}

// close ends the connection at once.
func (c *conn) close(cause error) {
	c.cancel(cause)
	c.stop()
	_ = c.net.Close() // the reason is known, what else fails is not of interest
}

type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (r countingReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.n.Add(int64(n))
	return n, err
}

// next returns the next message that is not about the connection itself.
func (c *conn) next() (message.Message, error) {
	for {
		if len(c.rest) > 0 {
			m := c.rest[0]
			c.rest = c.rest[1:]
			return m, nil
		}
		m, err := c.read()
		if err != nil {
			return message.Message{}, c.cause(err)
		}
		if err := c.acknowledge(); err != nil {
			return message.Message{}, err
		}
		switch m.Type {
		case message.Aggregate:
			if c.rest, err = message.Split(m); err != nil {
				return message.Message{}, err
			}
		case message.Acknowledgement, message.UserControl, message.WindowAckSize, message.SetPeerBandwidth:
			if err := c.control(m); err != nil {
				return message.Message{}, err
			}
		default:
			return m, nil
		}
	}
}

// read waits for a message to begin and then for the whole of it.
func (c *conn) read() (message.Message, error) {
	p := c.patience
	if p.until.IsZero() {
		if err := c.awaitByte(p); err != nil {
			return message.Message{}, err
		}
		c.setReadDeadline(time.Now().Add(c.opts.IdleTimeout))
	} else {
		c.setReadDeadline(p.until)
	}
	return c.chunks.Read()
}

// awaitByte waits out the silence between messages. Nothing is consumed, so
// that a timeout leaves the chunk stream as it is.
func (c *conn) awaitByte(p patience) error {
	for {
		c.setReadDeadline(time.Now().Add(p.idle))
		_, err := c.br.Peek(1)
		if err == nil || !p.ping || c.ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		ping := message.Event{Type: message.PingRequest, Value: uint32(time.Now().UnixMilli())}
		if err := c.write(ping.Message()); err != nil {
			return err
		}
	}
}

// setReadDeadline moves the deadline, unless the connection is to end.
func (c *conn) setReadDeadline(t time.Time) {
	_ = c.net.SetReadDeadline(t)
	if c.ctx.Err() != nil {
		_ = c.net.SetReadDeadline(time.Unix(1, 0))
	}
}

// cause tells why reading failed: what ended the connection's context goes
// before what that did to the socket.
func (c *conn) cause(err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if !c.patience.until.IsZero() {
			return fmt.Errorf("%w: nothing was published or played within %v", ErrTimeout, c.opts.SetupTimeout)
		}
		return fmt.Errorf("%w: the peer was silent for %v", ErrTimeout, c.patience.idle)
	}
	return err
}

// acknowledge tells the peer how much has come, once a window.
func (c *conn) acknowledge() error {
	n := c.received.Load()
	if n-c.acked < c.window {
		return nil
	}
	c.acked = n
	return c.write(message.NewUint32(message.Acknowledgement, uint32(n)))
}

// control obeys the messages about the connection itself.
func (c *conn) control(m message.Message) error {
	switch m.Type {
	case message.Acknowledgement:
		return nil // TCP itself holds back who sends too much
	case message.WindowAckSize:
		n, err := message.ParseUint32(m)
		if err == nil && n > 0 {
			c.window = int64(n)
		}
		return err
	case message.SetPeerBandwidth:
		n, limit, err := message.ParsePeerBandwidth(m)
		if err != nil || limit != message.Hard || n == windowSize {
			return err
		}
		return c.write(message.NewUint32(message.WindowAckSize, n))
	}
	e, err := message.ParseEvent(m)
	if err != nil || e.Type != message.PingRequest {
		return err
	}
	return c.write(message.Event{Type: message.PingResponse, Value: e.Value}.Message())
}

// write sends messages, all with one system call.
func (c *conn) write(list ...message.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	buf := c.buf[:0]
	for _, m := range list {
		var err error
		if buf, err = c.writer.Append(buf, chunk.StreamFor(m.Type), m); err != nil {
			return err
		}
		if m.Type == message.SetChunkSize {
			c.writer.SetChunkSize(c.opts.ChunkSize)
		}
	}
	c.keep(buf)
	return c.writeLocked(net.Buffers{buf})
}

// keep keeps a buffer for the next time, unless it has grown large.
func (c *conn) keep(buf []byte) {
	if cap(buf) <= 64<<10 {
		c.buf = buf
	}
}

// writeChunks sends bytes that are chunks already, headed by type 0 chunks.
func (c *conn) writeChunks(bufs net.Buffers) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writer.Reset()
	if _, ok := c.net.(*net.TCPConn); !ok && len(bufs) > 1 {
		// Elsewhere each buffer would be a write of its own, and with TLS a record.
		joined := c.buf[:0]
		for _, b := range bufs {
			joined = append(joined, b...)
		}
		c.keep(joined)
		bufs = net.Buffers{joined}
	}
	return c.writeLocked(bufs)
}

func (c *conn) writeLocked(bufs net.Buffers) error {
	if c.broken != nil {
		return c.broken
	}
	err := c.net.SetWriteDeadline(time.Now().Add(c.opts.WriteTimeout))
	if err == nil {
		var n int64
		n, err = bufs.WriteTo(c.net)
		c.sent.Add(n)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: the peer took nothing for %v", ErrTimeout, c.opts.WriteTimeout)
	}
	c.broken = err
	return err
}

// writable reports whether no write has failed yet.
func (c *conn) writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken == nil
}

// command sends a command.
func (c *conn) command(streamID uint32, cmd message.Command) error {
	m, err := cmd.Message(streamID)
	if err != nil {
		return err
	}
	return c.write(m)
}

// linger bounds how long a connection stays for the peer to read the last
// status.
const linger = 2 * time.Second

// farewell closes the sending side and waits a little for the peer to close
// its own: closing with bytes unread would make the kernel reset the
// connection, and the peer lose the status that tells it why.
func (c *conn) farewell() {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.stop()
	_ = c.net.SetReadDeadline(time.Now().Add(linger))
	_, _ = io.CopyN(io.Discard, c.net, int64(c.opts.Limits.Message))
}
