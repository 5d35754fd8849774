package rtmp

import (
	"context"
	"net"
	"sync"

	"sluice/protocols/rtmp/message"
)

// Publisher is a client that publishes a stream. Write and Close may be
// called from any goroutine.
type Publisher struct {
	c       *clientConn
	name    string
	reading sync.WaitGroup
	closing sync.Once
}

// Publish connects to the server that the URL names and publishes a stream
// there: rtmp[s]://[user:password@]host[:port]/app/name[?query]. The
// publisher ends with ctx; Close must be called all the same. The error is
// a *StatusError or *RejectError where the server refuses.
func (c *Client) Publish(ctx context.Context, url string) (*Publisher, error) {
	cc, err := c.dial(ctx, url)
	if err != nil {
		return nil, err
	}
	name := cc.target.name
	for _, m := range []struct {
		streamID uint32
		message.Command
	}{
		{0, message.Command{Name: "releaseStream", Transaction: cc.nextCall(), Args: args(name)}},
		{0, message.Command{Name: "FCPublish", Transaction: cc.nextCall(), Args: args(name)}},
		{cc.id, message.Command{Name: "publish", Transaction: cc.nextCall(), Args: args(name, "live")}},
	} {
		if err == nil {
			err = cc.command(m.streamID, m.Command)
		}
	}
	if err == nil {
		err = cc.awaitStatus(CodePublishStart)
	}
	if err != nil {
		cc.close(err)
		return nil, err
	}
	cc.patience = patience{idle: cc.opts.PingInterval, ping: true}
	p := &Publisher{c: cc, name: name}
	p.reading.Go(p.read)
	return p, nil
}

func args(list ...any) []any { return list }

// read obeys the server until the connection ends.
func (p *Publisher) read() {
	for {
		m, err := p.c.next()
		if err == nil {
			var cmd message.Command
			var ok bool
			if cmd, ok, err = commandOf(m); ok && cmd.Name == "onStatus" {
				_, err = p.c.status(cmd)
			}
		}
		if err != nil {
			p.c.cancel(noEOF(err))
			return
		}
	}
}

// Caps returns what the server announced.
func (p *Publisher) Caps() Capabilities { return p.c.caps }

// StreamID is the message stream that the server has given.
func (p *Publisher) StreamID() uint32 { return p.c.id }

// ChunkSize is the chunk size that was announced to the server.
func (p *Publisher) ChunkSize() int { return p.c.opts.ChunkSize }

// Context ends with the session.
func (p *Publisher) Context() context.Context { return p.c.ctx }

// Done is closed when the server has ended the session; Err then says why.
func (p *Publisher) Done() <-chan struct{} { return p.c.ctx.Done() }

// Err returns why the session has ended: a *StatusError, a *ReconnectError,
// or what the connection failed of; nil while it goes on.
func (p *Publisher) Err() error { return context.Cause(p.c.ctx) }

// Write sends audio, video and data messages. StreamID is filled in.
func (p *Publisher) Write(list ...message.Message) error {
	if err := p.Err(); err != nil {
		return err
	}
	for i := range list {
		list[i].StreamID = p.c.id
	}
	return p.c.write(list...)
}

// WriteChunks sends what chunk.Append has made for StreamID and ChunkSize, in
// one system call. The list of buffers is consumed, their bytes are not.
func (p *Publisher) WriteChunks(bufs net.Buffers) error {
	if err := p.Err(); err != nil {
		return err
	}
	return p.c.writeChunks(bufs)
}

// Sent returns how many bytes have been sent.
func (p *Publisher) Sent() int64 { return p.c.sent.Load() }

// Close unpublishes and closes the connection.
func (p *Publisher) Close() {
	p.closing.Do(func() {
		var last []message.Command
		if p.Err() == nil {
			last = []message.Command{
				{Name: "FCUnpublish", Args: args(p.name)},
				{Name: "deleteStream", Args: args(int(p.c.id))},
			}
		}
		p.c.finish(last...)
		p.reading.Wait()
	})
}
