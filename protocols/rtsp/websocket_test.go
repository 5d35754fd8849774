package rtsp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
)

// wsConn is a client's WebSocket as a connection of RTSP: each write is a
// message, and each message read must be one response or one frame.
type wsConn struct {
	net.Conn
	t    testing.TB
	ws   *websocket.Conn
	rest []byte
}

func (c *wsConn) Write(b []byte) (int, error) {
	return len(b), c.ws.WriteMessage(websocket.BinaryMessage, b)
}

func (c *wsConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		kind, m, err := c.ws.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		if kind != websocket.BinaryMessage {
			c.t.Errorf("a message of kind %d", kind)
		}
		if m[0] == '$' && len(m) != 4+int(m[2])<<8+int(m[3]) || m[0] != '$' && !bytes.HasPrefix(m, []byte("RTSP/1.0 ")) {
			c.t.Errorf("a message with %q", m[:min(len(m), 20)])
		}
		c.rest = m
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (f *fixture) dialWS(t testing.TB, url string) *rawClient {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"chat", Subprotocol}}
	ws, res, err := dialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Sec-Websocket-Protocol"); got != Subprotocol {
		t.Errorf("subprotocol %q", got)
	}
	t.Cleanup(func() { ws.Close() })
	return newRawClient(t, &wsConn{Conn: ws.NetConn(), t: t, ws: ws})
}

// TestWebSocket publishes and plays over WebSocket. The player names the stream
// by the path of the WebSocket, and sends reports.
func TestWebSocket(t *testing.T) {
	f := startService(t, auth.Config{PublishTokens: []string{"pub"}, PlayTokens: []string{"watch"}})
	web := httptest.NewServer(f.Service)
	t.Cleanup(web.Close)
	base := "ws" + strings.TrimPrefix(web.URL, "http")

	c := f.dialWS(t, base+"/live/test.rtsp")
	url := "rtsp://anywhere/live/test.rtsp?token=pub"
	c.do(wire.OK, wire.Announce, url, describe(testVideo, testAudio))
	c.do(wire.OK, wire.Setup, url+"/streamid=0", nil, tcp01+";mode=record")
	c.do(wire.OK, wire.Setup, url+"/streamid=1", nil, "Transport: RTP/AVP/TCP;interleaved=2-3;mode=record")
	c.do(wire.OK, wire.Record, url, nil)
	newSource(c).run(t)

	p := f.dialWS(t, base+"/live/test.rtsp?token=watch")
	p.do(wire.OK, wire.Describe, "rtsp://anywhere", nil)
	p.do(wire.UnsupportedTransport, wire.Setup, "rtsp://anywhere/trackID=0", nil, "Transport: RTP/AVP;unicast;client_port=5000-5001")
	p.do(wire.OK, wire.Setup, "rtsp://anywhere/trackID=0", nil, "Transport: RTP/AVP/TCP;interleaved=0-1")
	p.do(wire.OK, wire.Setup, "rtsp://anywhere/trackID=1", nil, "Transport: RTP/AVP/TCP;interleaved=4-5")
	p.do(wire.OK, wire.Play, "rtsp://anywhere", nil)
	var next [2]uint16
	for i := range 60 {
		if i == 20 {
			if _, err := p.conn.Write(wire.AppendFrame(nil, 1, []byte{0x80, 201, 0, 1, 0, 0, 0, 0})); err != nil {
				t.Fatal(err)
			}
			if err := p.conn.(*wsConn).ws.WriteMessage(websocket.PingMessage, []byte("are you there")); err != nil {
				t.Fatal(err)
			}
		}
		got, channel := p.packet()
		if channel != 0 && channel != 4 || i > 10 && got.Sequence != next[channel/4] {
			t.Fatalf("channel %d: packet %d, want %d", channel, got.Sequence, next[channel/4])
		}
		next[channel/4] = got.Sequence + 1
	}
	p.do(wire.OK, wire.GetParameter, "rtsp://anywhere", nil)

	f.dialWS(t, base+"/live/test.rtsp").do(wire.Unauthorized, wire.Describe, "rtsp://anywhere", nil)
	res, err := http.Get(web.URL + "/live/test.rtsp")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("plain HTTP: %s", res.Status)
	}
}

// message is a client's message with a mask.
func message(opcode byte, final bool, payload []byte) []byte {
	b := []byte{opcode, 0x80 | byte(len(payload))}
	if final {
		b[0] |= 0x80
	}
	if len(payload) > 125 {
		b = []byte{b[0], 0x80 | 126, byte(len(payload) >> 8), byte(len(payload))}
	}
	mask := []byte{1, 2, 3, 4}
	b = append(b, mask...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

func TestMessageReader(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 1000)
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"fragments", string(message(2, false, []byte("ab"))) + string(message(0, true, []byte("cd"))), "abcd", io.EOF},
		{"text, and nothing", string(message(1, true, []byte("ab"))) + string(message(2, true, nil)) + string(message(2, true, long)), "ab" + string(long), io.EOF},
		{"ping between", string(message(2, true, []byte("ab"))) + string(message(9, true, []byte("p"))) + string(message(2, true, []byte("c"))), "abc", io.EOF},
		{"close", string(message(8, true, []byte{3, 0xe8})) + "more", "", io.EOF},
		{"no mask", "\x82\x02ab", "", errMessage},
		{"reserved bits", "\xc2\x82\x00\x00\x00\x00ab", "", errMessage},
		{"unknown opcode", string(message(5, true, []byte("a"))), "", errMessage},
		{"long ping", string(message(9, true, long)), "", errMessage},
		{"cut", string(message(2, true, []byte("abc"))[:7]), "a", io.ErrUnexpectedEOF},
		{"cut in the header", string(message(2, true, long)[:3]), "", io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pongs int
			m := &messageReader{r: bufio.NewReader(strings.NewReader(c.in)), answer: func(byte, []byte) error {
				pongs++
				return nil
			}}
			got, err := io.ReadAll(m)
			if err == nil {
				err = io.EOF
			}
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", got, err)
			}
			if wantPong := strings.Contains(c.name, "ping between") || c.name == "close"; (pongs > 0) != wantPong {
				t.Errorf("%d answers", pongs)
			}
		})
	}
}

func FuzzMessageReader(f *testing.F) {
	f.Add(append(message(2, false, []byte("ab")), message(0, true, []byte("cd"))...))
	f.Add(append(message(9, true, []byte("p")), message(8, true, nil)...))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00abc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &messageReader{r: bufio.NewReader(bytes.NewReader(b)), answer: func(_ byte, p []byte) error {
			if len(p) > maxControl {
				t.Errorf("an answer of %d bytes", len(p))
			}
			return nil
		}}
		n, _ := io.Copy(io.Discard, m)
		if n > int64(len(b)) {
			t.Errorf("%d bytes of %d", n, len(b))
		}
	})
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"rtsp://h/live/x", "rtsp://h:1/live/x/trackID=0", "rtsp://h/live/x?token=t/trackID=1", "rtsp://h/live/x/trackID=1?token=t", "*", "", "rtsp://h", "/live/%2e%2e/x/",
	} {
		f.Add(s, "rtsp://h/live/x/streamid=0", "video")
	}
	f.Fuzz(func(t *testing.T, url, a, b string) {
		if p := parseTarget(url); p.Track > 255 || p.Track < -1 || strings.HasPrefix(p.Path, "/") || strings.HasSuffix(p.Path, "/") {
			t.Errorf("%q: %+v", url, p)
		}
		if n := findMedia(url, []string{a, b}); n < -1 || n > 1 {
			t.Errorf("%d", n)
		}
	})
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		url, path string
		track     int
		token     string
	}{
		{"rtsp://h/live/x", "live/x", -1, ""},
		{"rtsp://h:5544/live/x/", "live/x", -1, ""},
		{"rtsp://h/live/x/trackID=0", "live/x", 0, ""},
		{"rtsp://h/live/x/trackID=1/", "live/x", 1, ""},
		{"rtsp://h/live/x?token=t", "live/x", -1, "t"},
		{"rtsp://h/live/x?token=t/", "live/x", -1, "t"},
		{"rtsp://h/live/x?token=t/trackID=1", "live/x", 1, "t"},
		{"rtsp://h/live/x/?token=t/trackID=1", "live/x", 1, "t"},
		{"rtsp://h/live/x/trackID=1?token=t", "live/x", 1, "t"},
		{"rtsp://h/live/x/trackID=x", "live/x/trackID=x", -1, ""},
		{"rtsp://[::1]:5544/x", "x", -1, ""},
		{"rtsp://h/live/a%62c", "live/abc", -1, ""},
		{"rtsp://h?token=t", "", -1, "t"},
		{"rtsp://h", "", -1, ""},
		{"/live/x", "live/x", -1, ""},
		{"*", "", -1, ""},
	} {
		if got := parseTarget(c.url); got.Path != c.path || got.Track != c.track || got.Query.Get("token") != c.token {
			t.Errorf("%s: %+v", c.url, got)
		}
	}
	for _, c := range []struct {
		url      string
		controls []string
		want     int
	}{
		{"rtsp://h/live/x/streamid=1", []string{"rtsp://h/live/x/streamid=0", "rtsp://h/live/x/streamid=1"}, 1},
		{"rtsp://other:1/live/x/streamid=1/", []string{"rtsp://h/live/x/streamid=0", "rtsp://h/live/x/streamid=1"}, 1},
		{"rtsp://h/live/x/1?token=t", []string{"rtsp://h/live/x?token=t/0", "rtsp://h/live/x?token=t/1"}, 1},
		{"rtsp://h/live/10", []string{"rtsp://h/live/10/0", "rtsp://h/live/10/1"}, -1},
		{"rtsp://h/live/x", []string{"rtsp://h/live/x/video"}, 0},
	} {
		if got := findMedia(c.url, c.controls); got != c.want {
			t.Errorf("%s: %d, want %d", c.url, got, c.want)
		}
	}
}
