package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stall plays a stream of much data and reads nothing of it. The server is to
// end it.
func (a actor) stall(ctx context.Context, _ string) error {
	const stream = "big/rtmp"
	ways := map[string]func() (net.Conn, error){
		"rtmp": func() (net.Conn, error) {
			conn, err := dialSmall(a.g.rtmp)
			if err == nil {
				err = shakeRTMP(conn)
			}
			if err == nil {
				_, err = conn.Write(bytes.Join([][]byte{
					command(0, "connect", 1, map[string]any{"app": "big", "tcUrl": "rtmp://localhost/big"}),
					command(0, "createStream", 2, nil), command(1, "play", 3, nil, "rtmp"),
				}, nil))
			}
			return conn, err
		},
		"rtsp": func() (net.Conn, error) {
			conn, err := dialSmall(a.g.rtsp)
			if err != nil {
				return nil, err
			}
			c := newRawRTSP(conn, "rtsp://"+a.g.rtsp+"/"+stream)
			_, err = c.ask("SETUP", "/trackID=0", "", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
			if err == nil {
				_, err = c.ask("PLAY", "", "")
			}
			return conn, err
		},
	}
	for _, extension := range []string{".flv", ".ts", ".mp4"} {
		for name, more := range map[string]string{"http": "", "ws": upgrade} {
			ways[name+extension] = func() (net.Conn, error) {
				conn, err := dialSmall(a.g.http)
				if err == nil {
					_, err = conn.Write(get("/"+stream+extension, more))
				}
				return conn, err
			}
		}
	}
	names := []string{"rtmp", "rtsp", "http.flv", "http.ts", "http.mp4", "ws.flv", "ws.ts", "ws.mp4"}
	name := names[a.r.IntN(len(names))]
	conn, err := ways[name]()
	if conn != nil {
		defer conn.Close()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	// The buffers fill, some MB, and then the write timeout passes.
	for seen := false; ; wait(ctx, time.Second) {
		there, err := a.watched(ctx, stream, conn.LocalAddr().String())
		switch {
		case err != nil:
			return err
		case there:
			seen = true
		case seen:
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: the server does not end it; it was there: %v", name, seen)
		}
	}
}

// watched reports whether a stream is watched from an address.
func (s *soak) watched(ctx context.Context, name, addr string) (bool, error) {
	var list []stream
	if err := s.api(context.WithoutCancel(ctx), http.MethodGet, "/api/v1/streams", "", &list); err != nil {
		return false, err
	}
	for _, l := range list {
		if l.Name == name {
			for _, v := range l.Viewers {
				if v.Remote == addr {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// closes expects the server to end a connection.
func (a actor) closes(conn net.Conn, what string) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if !ended(conn) {
		return fmt.Errorf("%s: the server does not close", what)
	}
	return nil
}

// dialSmall connects with a receive buffer that is soon full.
func dialSmall(addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }), err)
	}}
	return d.Dial("tcp", addr)
}

// vanish is a peer that is gone without a word, or falls silent.
func (a actor) vanish(ctx context.Context, stream string) error {
	switch a.r.IntN(4) {
	case 0: // a player over UDP whose connection is still there
		return a.silent(stream, func(c *rawRTSP, transport string) error {
			_, err := c.ask("SETUP", "/trackID=0", "", transport)
			if err == nil {
				_, err = c.ask("PLAY", "", "")
			}
			return err
		})
	case 1: // a publisher over UDP
		return a.silent("live/silent"+strconv.Itoa(a.r.IntN(1000)), func(c *rawRTSP, transport string) error {
			return c.record(transport + ";mode=record")
		})
	case 2: // one who connects and says nothing
		addr := []string{a.g.rtmp, a.g.rtsp}[a.r.IntN(2)]
		conn, err := dial(addr, false)
		if err != nil {
			return err
		}
		defer conn.Close()
		return a.closes(conn, "one who says nothing")
	default: // a player that resets its connection
		conn, err := dial(a.g.http, false)
		if err != nil {
			return err
		}
		_, err = conn.Write(get("/" + stream + []string{".flv", ".ts", ".mp4", ".m3u8"}[a.r.IntN(4)]))
		_, _ = io.CopyN(io.Discard, conn, 20_000)
		_ = conn.(*net.TCPConn).SetLinger(0)
		return errors.Join(err, conn.Close())
	}
}

// silent has a session over UDP, leaves its ports, and expects the end of it.
func (a actor) silent(stream string, begin func(c *rawRTSP, transport string) error) error {
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer socket.Close()
	conn, err := dial(a.g.rtsp, false)
	if err != nil {
		return err
	}
	defer conn.Close()
	port := socket.LocalAddr().(*net.UDPAddr).Port
	c := newRawRTSP(conn, "rtsp://"+a.g.rtsp+"/"+stream)
	if err := begin(c, fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d", port, port+1)); err != nil {
		return fmt.Errorf("%s: %w", stream, err)
	}
	_ = socket.Close()
	return a.closes(conn, "a silent peer of "+stream)
}

// throwGarbage sends what nobody should. The server closes, and everybody else
// plays on.
func (a actor) throwGarbage(context.Context, string) error {
	noise := garbage(a.r.Uint64(), 1+a.r.IntN(20_000))
	spoil := func(b []byte) []byte { // flips some bytes, and cuts
		b = bytes.Clone(b)
		for range a.r.IntN(20) {
			b[a.r.IntN(len(b))] ^= byte(1 + a.r.IntN(255))
		}
		return b[:a.r.IntN(len(b))]
	}
	what, sent := "", true
	switch a.r.IntN(6) {
	case 0:
		ports := []string{a.g.http, a.g.https, a.g.rtmp, a.g.rtmps, a.g.rtsp, a.g.rtsps, a.g.api, a.g.webrtc}
		i := a.r.IntN(len(ports))
		what, sent = fmt.Sprintf("noise, port %d", i), throw(ports[i], false, noise)
	case 1:
		const after = handshakeSize
		what, sent = "RTMP", throw(a.g.rtmp, false, append(bytes.Clone(a.tape[:after]), spoil(a.tape[after:])...))
	case 2:
		what, sent = "HTTP", throw(a.g.http, false, spoil(get("/live/rtmp0"+[]string{".flv", ".mp4", ".m3u8?_HLS_msn=7&_HLS_part=1", ".ts", ".rtsp"}[a.r.IntN(5)], upgrade)))
	case 3:
		res, err := http.Post("http://"+a.g.http+"/live/bad1.ts", "video/mp2t", bytes.NewReader(spoil(a.ts)))
		if err == nil {
			res.Body.Close()
		}
	case 4:
		conn, err := dial(a.g.rtsp, false)
		if err != nil {
			return err
		}
		defer conn.Close()
		c := newRawRTSP(conn, "rtsp://"+a.g.rtsp+"/live/bad2")
		if err := c.record("Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"); err != nil && !strings.Contains(err.Error(), " 403 ") {
			return err // another one may be at it
		}
		for len(noise) > 0 {
			n := min(len(noise), 1+a.r.IntN(1500))
			_, _ = conn.Write(binary.BigEndian.AppendUint16([]byte{'$', byte(a.r.IntN(3))}, uint16(n)))
			_, _ = conn.Write(noise[:n])
			noise = noise[n:]
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		return a.closes(conn, "RTP noise")
	case 5:
		conn, err := net.Dial("udp", a.g.webrtc)
		if err != nil {
			return err
		}
		defer conn.Close()
		for range 50 {
			_, _ = conn.Write(noise[:a.r.IntN(min(len(noise), 1500))])
		}
	}
	if !sent {
		return fmt.Errorf("%s: the server does not close", what)
	}
	return nil
}

// rawRTSP is an RTSP client that says what a test wants.
type rawRTSP struct {
	net.Conn
	r       *bufio.Reader
	url     string
	session string
	cseq    int
}

func newRawRTSP(conn net.Conn, url string) *rawRTSP {
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &rawRTSP{Conn: conn, r: bufio.NewReader(conn), url: url}
}

// ask sends a request and expects success.
func (c *rawRTSP) ask(method, track, body string, headers ...string) (textproto.MIMEHeader, error) {
	c.cseq++
	head := fmt.Sprintf("%s %s%s RTSP/1.0\r\nCSeq: %d\r\n", method, c.url, track, c.cseq)
	if c.session != "" {
		headers = append(headers, "Session: "+c.session)
	}
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	for _, h := range headers {
		head += h + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"+body); err != nil {
		return nil, err
	}
	for { // past media
		first, err := c.r.Peek(4)
		if err != nil {
			return nil, err
		}
		if first[0] != '$' {
			break
		}
		if _, err := c.r.Discard(4 + int(binary.BigEndian.Uint16(first[2:]))); err != nil {
			return nil, err
		}
	}
	t := textproto.NewReader(c.r)
	line, err := t.ReadLine()
	if err != nil {
		return nil, err
	}
	h, err := t.ReadMIMEHeader()
	if err == nil && !strings.HasPrefix(line, "RTSP/1.0 200 ") {
		err = fmt.Errorf("%s: %s", method, line)
	}
	if s, _, _ := strings.Cut(h.Get("Session"), ";"); s != "" {
		c.session = s
	}
	return h, err
}

// record announces a stream of G.711 and goes on the air.
func (c *rawRTSP) record(transport string) error {
	const sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=soak\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\na=control:streamid=0\r\n"
	_, err := c.ask("ANNOUNCE", "", sdp, "Content-Type: application/sdp")
	if err == nil {
		_, err = c.ask("SETUP", "/streamid=0", "", transport)
	}
	if err == nil {
		_, err = c.ask("RECORD", "", "")
	}
	return err
}
