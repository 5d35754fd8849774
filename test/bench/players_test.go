package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sluice/server/hub"
)

type contextual = context.Context

// player reads what a server sends and does nothing with it.
type player struct {
	conn   net.Conn
	base   int64 // payload that was published before it came
	got    atomic.Int64
	target atomic.Int64
	wake   chan struct{}
	ended  chan struct{}
}

// begin reads from in until the connection ends.
func begin(conn net.Conn, in io.Reader) *player {
	p := &player{conn: conn, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	_ = conn.SetDeadline(time.Time{})
	go func() {
		defer close(p.ended)
		buf := make([]byte, 256<<10)
		for {
			n, err := in.Read(buf)
			if err != nil {
				return
			}
			if got, target := p.got.Add(int64(n)), p.target.Load(); target > 0 && got >= target {
				select {
				case p.wake <- struct{}{}:
				default:
				}
			}
		}
	}()
	return p
}

// await waits until so much of what was published has come; what formats add is
// little. It fails where nothing comes any more: the player was sent something
// else, or left some out.
func (p *player) await(published int64) error {
	want := published - p.base
	p.target.Store(want)
	defer p.target.Store(0)
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for p.got.Load() < want {
		select {
		case <-p.wake:
		case <-p.ended:
			return io.ErrUnexpectedEOF
		case <-late.C:
			return fmt.Errorf("%d bytes of %d have come", p.got.Load(), want)
		}
	}
	return nil
}

// settle waits until nothing comes any more, and counts that as all there was.
func (p *player) settle(published int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for got := int64(-1); got != p.got.Load(); <-tick.C {
		got = p.got.Load()
	}
	p.base = published - p.got.Load()
}

func (p *player) close() {
	p.conn.Close()
	<-p.ended
}

func dial(addr string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return conn, err
}

// get asks for what a playlist says.
func get(addr, path string) error {
	res, err := http.Get("http://" + addr + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %w", path, res.Status, err)
	}
	for line := range strings.Lines(string(body)) {
		if next := strings.TrimSpace(line); strings.HasPrefix(string(body), "#EXTM3U\n") && strings.Contains(string(body), "EXT-X-STREAM-INF") && next != "" && next[0] != '#' {
			if next[0] != '/' {
				next = path[:strings.LastIndexByte(path, '/')+1] + next
			}
			return get(addr, next)
		}
	}
	return nil
}

func playHTTP(addr, suffix string, ws bool) (*player, error) {
	conn, err := dial(addr)
	if err != nil {
		return nil, err
	}
	head := ""
	if ws {
		head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	fmt.Fprintf(conn, "GET /%s%s HTTP/1.1\r\nHost: bench\r\n%s\r\n", stream, suffix, head)
	in := bufio.NewReaderSize(conn, 256<<10)
	line, err := textproto.NewReader(in).ReadLine()
	if err != nil || !strings.Contains(line, " 200 ") && !strings.Contains(line, " 101 ") {
		return nil, fmt.Errorf("GET: %q %w", line, err)
	}
	return begin(conn, in), nil
}

// playRTSP plays both tracks interleaved.
func playRTSP(addr string) (*player, error) {
	conn, err := dial(addr)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 256<<10)
	url := "rtsp://" + addr + "/" + stream
	session, body, n := "", "", 0
	ask := func(method, url, head string) (err error) {
		n++
		fmt.Fprintf(conn, "%s %s RTSP/1.0\r\nCSeq: %d\r\n%s%s\r\n", method, url, n, session, head)
		r := textproto.NewReader(in)
		line, err := r.ReadLine()
		if err != nil || !strings.HasPrefix(line, "RTSP/1.0 200") {
			return fmt.Errorf("%s: %q %w", method, line, err)
		}
		h, err := r.ReadMIMEHeader()
		if err != nil {
			return err
		}
		if id, _, _ := strings.Cut(h.Get("Session"), ";"); id != "" {
			session = "Session: " + id + "\r\n"
		}
		size, _ := strconv.Atoi(h.Get("Content-Length"))
		b := make([]byte, size)
		_, err = io.ReadFull(in, b)
		body = string(b)
		return err
	}
	if err := ask("DESCRIBE", url, "Accept: application/sdp\r\n"); err != nil {
		return nil, err
	}
	track := 0
	for line := range strings.Lines(body) {
		control, ok := strings.CutPrefix(strings.TrimSpace(line), "a=control:")
		if !ok || control == "*" {
			continue
		}
		if !strings.HasPrefix(control, "rtsp://") {
			control = url + "/" + control
		}
		if control == url || control == url+"/" {
			continue
		}
		if err := ask("SETUP", control, fmt.Sprintf("Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d\r\n", track, track+1)); err != nil {
			return nil, err
		}
		track += 2
	}
	if err := ask("PLAY", url, ""); err != nil {
		return nil, err
	}
	return begin(conn, in), nil
}

// playRTMP plays with the simple handshake and without reading an answer.
func playRTMP(addr string) (*player, error) {
	conn, err := dial(addr)
	if err != nil {
		return nil, err
	}
	hello := make([]byte, 1+1536)
	hello[0] = 3
	if _, err := conn.Write(hello); err != nil {
		return nil, err
	}
	answer := make([]byte, 1+2*1536)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, err
	}
	app, name, _ := strings.Cut(stream, "/")
	text := func(s string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{2}, uint16(len(s))), s...)
	}
	command := func(streamID byte, parts ...[]byte) []byte {
		var body []byte
		for _, p := range parts {
			body = append(body, p...)
		}
		return append([]byte{3, 0, 0, 0, 0, 0, byte(len(body)), 20, streamID, 0, 0, 0}, body...)
	}
	number := func(n byte) []byte { // 1 to 3 in AMF0
		return [][]byte{{0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}, {0, 0x40, 0, 0, 0, 0, 0, 0, 0}, {0, 0x40, 8, 0, 0, 0, 0, 0, 0}}[n-1]
	}
	object := append(append([]byte{3, 0, 3, 'a', 'p', 'p'}, text(app)...), 0, 0, 9)
	out := append([]byte{}, answer[1:1+1536]...)
	out = append(out, command(0, text("connect"), number(1), object)...)
	out = append(out, command(0, text("createStream"), number(2), []byte{5})...)
	out = append(out, command(1, text("play"), number(3), []byte{5}, text(name))...)
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	return begin(conn, conn), nil
}

// info is what the hub says of the newest player.
func (p *player) info(h *hub.Hub) any {
	list := h.Find(stream).Viewers()
	return list[len(list)-1].Info()
}
