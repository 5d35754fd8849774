package rtmp

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/protocols/container/amf"
	"sluice/protocols/rtmp/chunk"
	"sluice/protocols/rtmp/message"
)

// raw is a client that says what a test wants it to say.
type raw struct{ *clientConn }

func dialRaw(t *testing.T, addr string) raw {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return shakeRaw(t, nc)
}

func shakeRaw(t *testing.T, nc net.Conn) raw {
	t.Helper()
	r := raw{&clientConn{conn: newConn(t.Context(), nc, DefaultOptions())}}
	t.Cleanup(func() { r.close(io.EOF) })
	if err := r.offerHandshake(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r raw) send(t *testing.T, list ...message.Message) {
	t.Helper()
	if err := r.write(list...); err != nil {
		t.Fatal(err)
	}
}

// call sends a command and returns its answer.
func (r raw) call(t *testing.T, id uint32, name string, object amf.Value, list ...any) message.Command {
	t.Helper()
	if err := r.command(id, message.Command{Name: name, Transaction: r.nextCall(), Object: object, Args: list}); err != nil {
		t.Fatal(err)
	}
	cmd, err := r.answer()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return cmd
}

// say sends a command that has no answer.
func (r raw) say(t *testing.T, id uint32, name string, list ...any) {
	t.Helper()
	if err := r.command(id, message.Command{Name: name, Args: list}); err != nil {
		t.Fatal(err)
	}
}

func (r raw) connectRaw(t *testing.T) {
	t.Helper()
	if got := r.call(t, 0, "connect", amf.Object{{Name: "app", Value: "live"}}); got.Name != "_result" {
		t.Fatalf("connect: %+v", got)
	}
}

// ended returns what the server says at the end of the connection, or how it
// ended.
func (r raw) ended() error { return r.awaitStatus("") }

func (r raw) expect(t *testing.T, code string) {
	t.Helper()
	if err := r.awaitStatus(code); err != nil {
		t.Fatalf("waiting for %s: %v", code, err)
	}
}

// What Flash's own encoders say, in their order, with several sessions on one
// connection.
func TestCommands(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	c := dialRaw(t, s.addr)
	answer := c.call(t, 0, "connect", amf.Object{{Name: "app", Value: "live"}, {Name: "objectEncoding", Value: 3}})
	if got := amf.Get[float64](message.Arg[amf.Object](answer, 0), "objectEncoding"); got != 3 {
		t.Errorf("objectEncoding %v", got)
	}
	for _, name := range []string{"releaseStream", "FCPublish", "FCSubscribe", "getStreamLength"} {
		if got := c.call(t, 0, name, nil, "one"); got.Name != "_result" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := c.call(t, 0, "_checkbw", nil); got.Name != "_error" {
		t.Errorf("an unknown command: %+v", got)
	}
	for i := range maxStreams {
		if got := message.Arg[float64](c.call(t, 0, "createStream", nil), 0); got != float64(i+1) {
			t.Errorf("createStream gives %v, want %d", got, i+1)
		}
	}
	if got := c.call(t, 0, "createStream", nil); got.Name != "_error" {
		t.Errorf("too many streams: %+v", got)
	}

	for _, end := range []func(){
		func() { c.say(t, 0, "FCUnpublish", "one") },
		func() { c.say(t, 1, "closeStream") },
		func() { c.say(t, 0, "deleteStream", 1) },
	} {
		c.say(t, 1, "publish", "one", "live")
		c.expect(t, CodePublishStart)
		r.waitLive(t, "live/one", 1)
		c.say(t, 2, "publish", "two", "live")
		if err := c.awaitStatus(""); err == nil || !strings.Contains(err.Error(), CodePublishBadName) {
			t.Errorf("a second publish: %v", err)
		}
		end()
		c.expect(t, CodeUnpublishSuccess)
		r.waitLive(t, "live/one", 0)
	}
	if got := message.Arg[float64](c.call(t, 0, "createStream", nil), 0); got != 1 {
		t.Errorf("after deleteStream, createStream gives %v", got)
	}

	c.say(t, 1, "play", "one", -2, -1, true)
	c.expect(t, CodePlayStart)
	r.waitPlayers(t, "live/one", 1)
	c.say(t, 1, "play2", amf.Object{
		{Name: "streamName", Value: "two"}, {Name: "oldStreamName", Value: "one"}, {Name: "transition", Value: "switch"},
	})
	c.expect(t, CodePlayStart)
	session := r.player(t, "live/two")
	c.say(t, 1, "pause", true, 0)
	c.expect(t, CodePauseNotify)
	c.say(t, 1, "pause", false, 0)
	c.expect(t, CodeUnpauseNotify)
	c.say(t, 1, "receiveAudio", true)
	c.expect(t, CodeSeekNotify)
	c.say(t, 1, "seek", 1000)
	if err := c.awaitStatus(""); err == nil || !strings.Contains(err.Error(), CodeSeekFailed) {
		t.Errorf("seek: %v", err)
	}
	c.say(t, 0, "deleteStream", 1)
	<-session.done
	c.say(t, 1, "pause", true, 0) // of what is gone
	if got := c.call(t, 0, "createStream", nil); got.Name != "_result" {
		t.Errorf("the connection is no good after deleteStream: %+v", got)
	}
}

// Flash sends commands in AMF3 where it may, which are AMF0 behind a zero.
func TestCommandsInAMF3(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	c := dialRaw(t, s.addr)
	for _, cmd := range []struct {
		id uint32
		message.Command
	}{
		{0, message.Command{Name: "connect", Transaction: 1, Object: amf.Object{{Name: "app", Value: "live"}, {Name: "objectEncoding", Value: 3}}}},
		{0, message.Command{Name: "createStream", Transaction: 2}},
		{1, message.Command{Name: "publish", Args: args("one")}},
	} {
		m, err := cmd.Message(cmd.id)
		if err != nil {
			t.Fatal(err)
		}
		m.Type, m.Body = message.CommandAMF3, append([]byte{0}, m.Body...)
		c.send(t, m)
	}
	c.expect(t, CodePublishStart)
	r.waitLive(t, "live/one", 1)
}

func TestConnectionMessages(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	c := dialRaw(t, s.addr)
	c.connectRaw(t)
	c.send(t,
		message.Event{Type: message.PingRequest, Value: 1234}.Message(),
		message.Event{Type: message.SetBufferLength, Value: 1, BufferLength: 3000}.Message(),
		message.NewPeerBandwidth(5000, message.Hard),
		message.NewUint32(message.WindowAckSize, 1000),
		message.Message{Type: message.Acknowledgement, Body: []byte{0, 0, 0, 9}},
		message.Message{Type: message.SharedAMF0, Body: []byte("whatever")},
		message.Message{Type: 99, Body: []byte("whatever")},
		message.Message{Type: message.DataAMF0, StreamID: 1, Body: make([]byte, 1000)},
	)
	var pong, window, ack bool
	for !pong || !window || !ack {
		m, err := c.chunks.Read() // below what obeys
		if err != nil {
			t.Fatalf("pong %v, window %v, ack %v: %v", pong, window, ack, err)
		}
		switch m.Type {
		case message.UserControl:
			e, err := message.ParseEvent(m)
			pong = err == nil && e == message.Event{Type: message.PingResponse, Value: 1234}
		case message.WindowAckSize:
			n, err := message.ParseUint32(m)
			window = err == nil && n == 5000
		case message.Acknowledgement:
			n, err := message.ParseUint32(m)
			ack = err == nil && n > 1000
		}
	}
}

func TestAggregateOfAPublisher(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	p, err := testClient().Play(testContext(t), "rtmp://"+s.addr+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r.waitPlayers(t, "live/one", 1)
	c := dialRaw(t, s.addr)
	c.connectRaw(t)
	c.call(t, 0, "createStream", nil)
	c.say(t, 1, "publish", "one")
	c.expect(t, CodePublishStart)
	meta := samples()[0]
	var body []byte
	for _, m := range []message.Message{meta, {Type: message.Video, Timestamp: 7, Body: []byte("v")}, {Type: message.Audio, Timestamp: 9, Body: []byte("a")}} {
		body = message.AppendPart(body, m)
	}
	c.send(t, message.Message{Type: message.Aggregate, StreamID: 1, Timestamp: 1000, Body: body})
	c.say(t, 0, "deleteStream", 1)
	got, err := readAll(p)
	if err != nil {
		t.Fatal(err)
	}
	meta.Timestamp = 1000
	want := []message.Message{
		meta,
		{Type: message.Video, Timestamp: 1007, Body: []byte("v")},
		{Type: message.Audio, Timestamp: 1009, Body: []byte("a")},
	}
	for i := range want {
		want[i].StreamID = 1
	}
	sameMessages(t, want, got)
}

func TestBrokenPeers(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	for name, do := range map[string]func(raw){
		"publish before connect":   func(c raw) { c.say(t, 1, "publish", "x") },
		"connect twice":            func(c raw) { c.connectRaw(t); c.say(t, 0, "connect") },
		"publish without a stream": func(c raw) { c.connectRaw(t); c.say(t, 1, "publish", "x") },
		"play without a stream":    func(c raw) { c.connectRaw(t); c.say(t, 5, "play", "x") },
		"command that is a number": func(c raw) { c.send(t, message.Message{Type: message.CommandAMF0, Body: make([]byte, 9)}) },
		"empty command":            func(c raw) { c.send(t, message.Message{Type: message.CommandAMF0}) },
		"short user control":       func(c raw) { c.send(t, message.Message{Type: message.UserControl, Body: []byte{0}}) },
		"short window":             func(c raw) { c.send(t, message.Message{Type: message.WindowAckSize}) },
		"aggregate of garbage":     func(c raw) { c.send(t, message.Message{Type: message.Aggregate, Body: []byte("garbage")}) },
		"a large message at once": func(c raw) {
			c.send(t, message.Message{Type: message.Video, Body: make([]byte, commandLimits.Message+1)})
		},
		"chunk size of nothing":     func(c raw) { c.send(t, message.Message{Type: message.SetChunkSize, Body: make([]byte, 4)}) },
		"a chunk that is no chunk":  func(c raw) { _, _ = c.net.Write([]byte{0xff, 0xff, 0xff}) },
		"an end inside a message":   func(c raw) { _, _ = c.net.Write([]byte{0x03, 0, 0}); _ = c.net.(*net.TCPConn).CloseWrite() },
		"many chunk streams":        func(c raw) { c.manyStreams() },
		"connect with a long name":  func(c raw) { c.say(t, 0, strings.Repeat("x", 60000)) },
		"createStream, not connect": func(c raw) { c.say(t, 0, "createStream") },
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, s.addr)
			do(c)
			var timeout net.Error
			if err := c.ended(); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("the connection does not end: %v", err)
			}
		})
	}
}

func (r raw) manyStreams() {
	for id := range uint32(commandLimits.Streams + 1) {
		b, _ := chunk.Append(nil, 128, id+3, message.Message{Type: message.Audio, Body: make([]byte, 200)})
		if _, err := r.net.Write(b[:140]); err != nil {
			return
		}
	}
}

// The listener is one for everybody on the Internet.
func TestGarbageOnThePort(t *testing.T) {
	s := startServer(t, newRelay())
	for _, garbage := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00", "\x00", "\x06" + strings.Repeat("x", 2000),
		"\x03" + strings.Repeat("x", 4000), "\x03" + strings.Repeat("\x00", 3072) + strings.Repeat("\xff", 1000), "",
	} {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		// The server may be quicker: then these fail.
		_, _ = nc.Write([]byte(garbage))
		_ = nc.(*net.TCPConn).CloseWrite()
		_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = io.Copy(io.Discard, nc)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%.10q: the connection stays open", garbage)
		}
		_ = nc.Close()
	}
}

func TestTooManyConnections(t *testing.T) {
	s := startServer(t, newRelay(), func(s *Server) { s.MaxConnections = 2 })
	a, b := dialRaw(t, s.addr), dialRaw(t, s.addr)
	a.connectRaw(t)
	b.connectRaw(t)
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	if _, err := io.ReadAll(nc); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the third connection stays open")
		}
	}
	if got := a.call(t, 0, "createStream", nil); got.Name != "_result" {
		t.Errorf("the others suffer: %+v", got)
	}
}

// pipe runs a server connection in fake time and returns the other end.
func pipe(t *testing.T, h Handler) (nc net.Conn, ended <-chan error) {
	server := &Server{Handler: h, Options: DefaultOptions(), Log: testLog(t)}
	near, far := net.Pipe()
	done := make(chan error, 1)
	c := newServerConn(server, far)
	go func() {
		err := c.run()
		c.close(err)
		done <- err
	}()
	return near, done
}

// A peer that sends a byte now and then holds its connection for the set-up
// time and no longer.
func TestSlowLoris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := pipe(t, newRelay())
		start := time.Now()
		for {
			if _, err := nc.Write([]byte{3}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		err := <-ended
		if !errors.Is(err, ErrTimeout) || time.Since(start) > 12*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name string
		say  func(raw)
		want time.Duration
	}{
		{"before connect", func(raw) {}, 10 * time.Second},
		{"before publish", func(c raw) { c.connectRaw(t); c.call(t, 0, "createStream", nil) }, 10 * time.Second},
		{"of a publisher", func(c raw) {
			c.connectRaw(t)
			c.call(t, 0, "createStream", nil)
			c.say(t, 1, "publish", "one")
			c.expect(t, CodePublishStart)
		}, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, ended := pipe(t, newRelay())
				start := time.Now()
				peer := shakeRaw(t, nc)
				c.say(peer)
				_ = nc.SetDeadline(time.Time{})
				go func() { _, _ = io.Copy(io.Discard, nc) }()
				if err := <-ended; !errors.Is(err, ErrTimeout) || time.Since(start) != c.want {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		})
	}
}

// A player has nothing to say: it is pinged, and may be silent for ever.
func TestSilentPlayerIsPinged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, ended := pipe(t, newRelay())
		peer := shakeRaw(t, nc)
		peer.connectRaw(t)
		peer.call(t, 0, "createStream", nil)
		peer.say(t, 1, "play", "one")
		peer.expect(t, CodePlayStart)
		_ = nc.SetDeadline(time.Time{})
		for pings := 0; pings < 3; {
			m, err := peer.chunks.Read()
			if err != nil {
				t.Fatal(err)
			}
			if e, err := message.ParseEvent(m); m.Type == message.UserControl && err == nil && e.Type == message.PingRequest {
				pings++
			}
		}
		_ = nc.Close()
		if err := <-ended; err == nil {
			t.Error("no reason for the end")
		}
	})
}

// Whatever a client sends behind the handshake, its connection ends in order.
func FuzzServer(f *testing.F) {
	hello := append([]byte{3}, make([]byte, 2*1536)...)
	var session []byte
	w := chunk.NewWriter()
	for _, c := range []struct {
		id uint32
		message.Command
	}{
		{0, message.Command{Name: "connect", Transaction: 1, Object: amf.Object{{Name: "app", Value: "live"}}}},
		{0, message.Command{Name: "createStream", Transaction: 2}},
		{0, message.Command{Name: "createStream", Transaction: 3}},
		{1, message.Command{Name: "publish", Args: args("one", "live")}},
		{2, message.Command{Name: "play", Args: args("one")}},
		{2, message.Command{Name: "pause", Args: args(true, 0)}},
		{0, message.Command{Name: "deleteStream", Args: args(1)}},
	} {
		m, err := c.Message(c.id)
		if err == nil {
			session, err = w.Append(session, chunk.CommandStream, m)
		}
		if err == nil && c.Name == "publish" {
			session, err = w.Append(session, chunk.VideoStream, message.Message{Type: message.Video, StreamID: 1, Body: []byte{0x17}})
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add(session)
	f.Add([]byte("garbage"))
	f.Fuzz(func(t *testing.T, b []byte) {
		nc, ended := pipe(t, newRelay())
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(io.Discard, nc) })
		_, _ = nc.Write(slices.Concat(hello, b))
		_ = nc.Close()
		if err := <-ended; err == nil {
			t.Error("a connection ends without a reason")
		}
		reading.Wait()
	})
}
