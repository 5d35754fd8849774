package rtmp

import (
	"context"
	"io"

	"sluice/protocols/rtmp/message"
)

// Player is a client that plays a stream. It is for one goroutine at a time,
// but for Close.
type Player struct {
	c    *clientConn
	name string
}

// Play connects to the server that the URL names and plays a stream of it:
// rtmp[s]://[user:password@]host[:port]/app/name[?query]. The player ends
// with ctx; Close must be called all the same. The error is a *StatusError or
// *RejectError where the server refuses.
func (c *Client) Play(ctx context.Context, url string) (*Player, error) {
	cc, err := c.dial(ctx, url)
	if err != nil {
		return nil, err
	}
	p := &Player{c: cc, name: cc.target.name}
	buffer := message.Event{Type: message.SetBufferLength, Value: cc.id, BufferLength: 1000}
	play, err := message.Command{
		Name: "play", Transaction: cc.nextCall(), Args: args(p.name, -2000),
	}.Message(cc.id)
	if err == nil {
		err = cc.write(play, buffer.Message())
	}
	if err == nil {
		err = cc.awaitStatus(CodePlayStart)
	}
	if err != nil {
		cc.close(err)
		return nil, err
	}
	cc.expectMedia()
	return p, nil
}

// Read returns the next audio, video or data message. The body belongs to the
// caller. io.EOF means that the stream has ended, or that its publisher has
// gone; a *ReconnectError asks to connect again.
func (p *Player) Read() (message.Message, error) {
	for {
		m, err := p.c.next()
		if err != nil {
			return message.Message{}, err
		}
		switch m.Type {
		case message.Audio, message.Video, message.DataAMF0, message.DataAMF3:
			if m.StreamID == p.c.id {
				return m, nil
			}
			continue
		}
		cmd, ok, err := commandOf(m)
		if err != nil {
			return message.Message{}, err
		}
		if !ok || cmd.Name != "onStatus" {
			continue
		}
		code, err := p.c.status(cmd)
		switch {
		case err != nil:
			return message.Message{}, err
		case code == CodePlayStop, code == CodePlayUnpublishNotify:
			return message.Message{}, io.EOF
		}
	}
}

// Caps returns what the server announced.
func (p *Player) Caps() Capabilities { return p.c.caps }

// Pause stops the stream, or lets it go on.
func (p *Player) Pause(on bool) error {
	return p.call("pause", on, 0)
}

// Receive says which kinds of media to send.
func (p *Player) Receive(audio, video bool) error {
	if err := p.call("receiveAudio", audio); err != nil {
		return err
	}
	return p.call("receiveVideo", video)
}

func (p *Player) call(name string, list ...any) error {
	return p.c.command(p.c.id, message.Command{Name: name, Args: list})
}

// Received returns how many bytes have come.
func (p *Player) Received() int64 { return p.c.received.Load() }

// End makes Read return err. It may be called from any goroutine.
func (p *Player) End(err error) { p.c.cancel(err) }

// Close ends the stream and closes the connection.
func (p *Player) Close() {
	var last []message.Command
	if context.Cause(p.c.ctx) == nil {
		last = append(last, message.Command{Name: "deleteStream", Args: args(int(p.c.id))})
	}
	p.c.finish(last...)
}
