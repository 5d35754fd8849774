package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sluice/protocols/container/amf"
	"sluice/protocols/rtmp/message"
)

// maxStreams bounds the message streams of a connection. Clients use one.
const maxStreams = 8

// serverConn is the server's side of a connection. One goroutine reads and
// obeys; each player has one more that writes to it.
type serverConn struct {
	*conn
	server  *Server
	info    *ConnectInfo // nil before connect
	streams map[uint32]*netStream
	publish *PublishSession // nil while nothing is published
	plays   sync.WaitGroup
	told    atomic.Bool // the peer knows why the connection ends
}

// netStream is a message stream that the peer has created.
type netStream struct {
	published bool // at least once
	play      *PlaySession
}

func newServerConn(s *Server, nc net.Conn) *serverConn {
	return &serverConn{
		conn:    newConn(context.Background(), nc, s.Options),
		server:  s,
		streams: make(map[uint32]*netStream),
	}
}

// End implements conns.Conn.
func (c *serverConn) End(cause error) { c.cancel(cause) }

// Cut implements conns.Conn.
func (c *serverConn) Cut() { _ = c.net.Close() }

// run serves the connection to its end and tells why it ended. The caller
// closes it.
func (c *serverConn) run() error {
	if err := c.acceptHandshake(); err != nil {
		return err
	}
	err := c.loop()
	c.cancel(err)
	c.plays.Wait()
	c.goodbye(err)
	return err
}

func (c *serverConn) loop() error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		if err := c.handle(m); err != nil {
			return err
		}
	}
}

// goodbye tells a peer that is still there why the connection ends.
func (c *serverConn) goodbye(err error) {
	var broken net.Error
	gone := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken)
	switch {
	case gone:
		return
	case c.told.Load() || c.info == nil:
	case errors.Is(err, ErrServerClosed) && c.info.Caps.Ex&ExReconnect != 0:
		c.tell(0, "status", CodeReconnectRequest, "the server restarts, please connect again")
	case errors.Is(err, ErrServerClosed):
		c.tell(0, "status", CodeConnectClosed, "the server is stopping")
	default:
		c.tell(0, "error", CodeConnectClosed, err.Error())
	}
	if c.writable() {
		c.farewell()
	}
}

// tell sends the status that ends a session, and with it the connection.
func (c *serverConn) tell(id uint32, level, code, description string) {
	c.told.Store(true)
	_ = c.status(id, level, code, description) // it ends in any case
}

// handle obeys a message that is not for the session that reads.
func (c *serverConn) handle(m message.Message) error {
	switch m.Type {
	case message.CommandAMF0, message.CommandAMF3:
		cmd, err := message.ParseCommand(m)
		if err != nil {
			return err
		}
		return c.obey(m.StreamID, cmd)
	case message.Audio, message.Video:
		if st := c.streams[m.StreamID]; st == nil || !st.published {
			return fmt.Errorf("%w: %v on message stream %d, which is not published", ErrProtocol, m.Type, m.StreamID)
		}
	}
	return nil // what comes late, and what live media has no use for
}

// obey carries a command out. What it returns ends the connection.
func (c *serverConn) obey(id uint32, cmd message.Command) error {
	if (c.info == nil) != (cmd.Name == "connect") {
		return fmt.Errorf("%w: command %.40q out of order", ErrProtocol, cmd.Name)
	}
	st := c.streams[id]
	switch cmd.Name {
	case "connect":
		return c.connect(cmd)
	case "createStream":
		return c.createStream(cmd)
	case "publish":
		return c.startPublish(id, st, message.Arg[string](cmd, 0))
	case "play":
		return c.startPlay(id, st, message.Arg[string](cmd, 0))
	case "play2":
		options := amf.Properties(message.Arg[any](cmd, 0))
		return c.startPlay(id, st, amf.Get[string](options, "streamName"))
	case "FCUnpublish":
		return c.unpublish()
	case "closeStream":
		return c.closeStream(id)
	case "deleteStream":
		id := uint32(message.Arg[float64](cmd, 0))
		defer delete(c.streams, id)
		return c.closeStream(id)
	case "pause", "pauseRaw", "receiveAudio", "receiveVideo", "seek":
		if st == nil || st.play == nil {
			return nil
		}
		return st.play.control(cmd)
	case "FCPublish":
		return errors.Join(c.result(cmd, nil), c.notice("onFCPublish", CodePublishStart))
	case "FCSubscribe":
		return errors.Join(c.result(cmd, nil), c.notice("onFCSubscribe", CodePlayStart))
	case "releaseStream":
		return c.result(cmd, nil)
	case "getStreamLength":
		return c.result(cmd, 0) // live
	case "_result", "_error", "onStatus":
		return nil
	}
	return c.refuse(cmd, CodeCallFailed, "no such command", nil)
}

func (c *serverConn) connect(cmd message.Command) error {
	info := newConnectInfo(amf.Properties(cmd.Object))
	info.Remote = c.net.RemoteAddr()
	_, info.TLS = c.net.(*tls.Conn)
	err := c.server.Handler.HandleConnect(c.ctx, info)
	if err != nil {
		_ = c.reject(cmd, err) // it ends in any case
		return err
	}
	c.info = info
	encoding := 0
	if info.amf3 {
		encoding = 3
	}
	// Enhanced RTMP leaves open in which of the two objects clients look.
	caps := AllCapabilities().properties()
	answer, err := message.Command{
		Name: "_result", Transaction: cmd.Transaction,
		Object: append(amf.Object{
			{Name: "fmsVer", Value: "FMS/4,5,0,1"}, {Name: "capabilities", Value: 31},
		}, caps...),
		Args: []amf.Value{append(amf.Object{
			{Name: "level", Value: "status"},
			{Name: "code", Value: CodeConnectSuccess},
			{Name: "description", Value: "Connection succeeded."},
			{Name: "objectEncoding", Value: encoding},
		}, caps...)},
	}.Message(0)
	if err != nil {
		return err
	}
	return c.write(
		message.NewUint32(message.WindowAckSize, windowSize),
		message.NewPeerBandwidth(windowSize, message.Dynamic),
		message.NewUint32(message.SetChunkSize, uint32(c.opts.ChunkSize)),
		answer,
	)
}

// reject answers a connect that the handler refuses.
func (c *serverConn) reject(cmd message.Command, reason error) error {
	var r *RejectError
	var ex amf.Object
	text := reason.Error()
	if errors.As(reason, &r) {
		text = r.Description
		if r.Redirect != "" {
			ex = amf.Object{{Name: "code", Value: 302}, {Name: "redirect", Value: r.Redirect}}
		}
	}
	return c.refuse(cmd, CodeConnectRejected, text, ex)
}

func (c *serverConn) createStream(cmd message.Command) error {
	for id := uint32(1); id <= maxStreams; id++ {
		if c.streams[id] == nil {
			c.streams[id] = &netStream{}
			return c.result(cmd, int(id))
		}
	}
	return c.refuse(cmd, CodeCallFailed, "too many streams on this connection", nil)
}

// closeStream ends what happens on a message stream.
func (c *serverConn) closeStream(id uint32) error {
	if st := c.streams[id]; st != nil && st.play != nil {
		st.play.end(errStopped)
		st.play = nil
	}
	if c.publish != nil && c.publish.id == id {
		c.publish.ended = true
	}
	c.wait()
	return nil
}

// wait sets how long to wait for the peer and how much it may send, after
// what goes on. Between sessions a new set-up time begins.
func (c *serverConn) wait() {
	if c.publish != nil && !c.publish.ended {
		c.expectMedia()
		return
	}
	c.chunks.SetLimits(commandLimits)
	for _, st := range c.streams {
		if st.play != nil {
			c.patience = patience{idle: c.opts.PingInterval, ping: true}
			return
		}
	}
	c.patience = patience{until: time.Now().Add(c.opts.SetupTimeout)}
}

// result answers a command that asks for an answer.
func (c *serverConn) result(cmd message.Command, value amf.Value) error {
	if cmd.Transaction == 0 {
		return nil
	}
	return c.command(0, message.Command{Name: "_result", Transaction: cmd.Transaction, Args: []amf.Value{value}})
}

// refuse answers a command that asks for an answer with an error.
func (c *serverConn) refuse(cmd message.Command, code, text string, ex amf.Object) error {
	if cmd.Transaction == 0 {
		return nil
	}
	info := amf.Object{
		{Name: "level", Value: "error"}, {Name: "code", Value: code}, {Name: "description", Value: text},
	}
	if ex != nil {
		info = append(info, amf.Property{Name: "ex", Value: ex})
	}
	return c.command(0, message.Command{Name: "_error", Transaction: cmd.Transaction, Args: []amf.Value{info}})
}

// notice sends what encoders of Adobe's wait for.
func (c *serverConn) notice(name, code string) error {
	info := amf.Object{{Name: "code", Value: code}, {Name: "description", Value: ""}}
	return c.command(0, message.Command{Name: name, Args: []amf.Value{info}})
}

func (c *serverConn) status(id uint32, level, code, description string) error {
	m, err := onStatus(id, level, code, description)
	if err != nil {
		return err
	}
	return c.write(m)
}
