package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// offerSDP returns a WHEP offer as a client makes it.
func offerSDP(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../signaling/testdata/offers/whep-chromium-156.sdp")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func post(path, body string, more ...string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n%s\r\n%s",
		path, len(body), strings.Join(more, ""), body)
}

func get(path string, more ...string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, strings.Join(more, ""))
}

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// TestBadHTTP attacks the HTTP and HTTPS ports and the API.
func TestBadHTTP(t *testing.T) {
	s := besiege(t)
	offer := offerSDP(t)
	good := [][]byte{
		get("/" + calm + ".flv"),
		get("/"+calm+".flv", upgrade),
		get("/" + calm),
		get("/api/v1/streams"),
		post("/"+calm+"/whep", offer),
		post("/live/nobody/whip", strings.ReplaceAll(offer, "recvonly", "sendonly")),
	}
	ports := []struct {
		addr   string
		secure bool
	}{{s.http, false}, {s.https, true}, {s.api, false}}
	s.attack(t, "garbage", 1, func(t *testing.T) int {
		const n = 300
		atOnce(n, 16, func(i int) {
			p := ports[i%len(ports)]
			raw := i%5 == 4 // garbage where TLS is due
			if !throw(p.addr, p.secure && !raw, garbage(uint64(i), 1+i*31)) {
				t.Errorf("%d: the server does not close", i)
			}
		})
		return n
	})
	s.attack(t, "truncated at every byte", 3, func(t *testing.T) (n int) {
		for _, request := range good {
			n += len(request)
			atOnce(len(request), 16, func(i int) {
				addr := s.http
				if bytes.Contains(request, []byte("/api/")) {
					addr = s.api
				}
				if !throw(addr, false, request[:i]) {
					t.Errorf("%.30q at %d: the server does not close", request, i)
				}
			})
		}
		return n
	})
	s.attack(t, "requests that lie", 2, func(t *testing.T) int { return lies(t, s.gateway, offer) })
	s.attack(t, "offers with flipped bytes", 4, func(t *testing.T) int { return flippedOffers(t, s.gateway, offer) })
	s.attack(t, "WebSocket frames", 3, func(t *testing.T) int { return badFrames(t, s.gateway) })
	// All at once, as each takes as long as the server is patient.
	const slow, silent = 200, 500
	s.attack(t, "slow-loris and floods of connections", 1, func(t *testing.T) int {
		var all sync.WaitGroup
		for _, p := range ports {
			all.Go(func() { loris(t, p.addr, p.secure, slow, func(i int) ([]byte, int) { return slowly(i, offer) }) })
			all.Go(func() { flood(t, p.addr, p.secure, silent) })
		}
		all.Wait()
		return len(ports) * (slow + silent)
	})
	s.by.finish()
}

// slowly returns a request, and how much of it is sent at once.
func slowly(i int, offer string) (b []byte, atOnce int) {
	switch i % 4 {
	case 0: // a body that nobody reads
		b = fmt.Appendf(nil, "POST /%s.flv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", calm)
	case 1: // a body that is read
		b = bytes.Replace(post("/"+calm+"/whep", offer), []byte("Content-Length: "), []byte("Content-Length: 1"), 1)
	default:
		b = get("/"+calm+strings.Repeat("x", 100), "Content-Length: 5000\r\n")
	}
	if i%16 < 8 {
		return b, len(b) * (i % 8) / 8
	}
	return b, bytes.Index(b, []byte("\r\n\r\n")) + 4
}

// lies sends requests whose lengths are not what they say.
func lies(t *testing.T, g *gateway, offer string) (sessions int) {
	endless := func(head string, part string) func(net.Conn) int {
		return func(conn net.Conn) int {
			sent, err := io.WriteString(conn, head)
			for n := 0; err == nil && sent < 1<<30; sent += n {
				n, err = io.WriteString(conn, part)
			}
			return sent
		}
	}
	const kB = 1 << 10
	whep := "POST /" + calm + "/whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n"
	long := strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 1500)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(long), long)
	for what, send := range map[string]func(net.Conn) int{
		"headers without end":        endless("GET / HTTP/1.1\r\nHost: localhost\r\n", "X-Flood: "+strings.Repeat("a", 60*kB)+"\r\n"),
		"many headers without end":   endless("GET / HTTP/1.1\r\nHost: localhost\r\n", strings.Repeat("A: b\r\n", 10*kB)),
		"a header line without end":  endless("GET / HTTP/1.1\r\nX: ", strings.Repeat("a", 60*kB)),
		"a request line without end": endless("GET /", strings.Repeat("a", 60*kB)),
		"an SDP of 1 GB":             endless(whep+"Content-Length: 1073741824\r\n\r\nv=0\r\n", long),
		"an SDP without end":         endless(whep+"Transfer-Encoding: chunked\r\n\r\n", chunk),
		"a body of 1 GB for a page":  endless("POST /"+calm+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n", long),
		"a chunk of 2^63 bytes":      endless(whep+"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", long),
		"a chunk of 2^64 bytes":      endless(whep+"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", long),
		"a chunk extension":          endless(whep+"Transfer-Encoding: chunked\r\n\r\n1;", long),
		"two lengths":                endless(whep+"Content-Length: 5\r\nContent-Length: 500\r\n\r\n", long),
		"a negative length":          endless(whep+"Content-Length: -5\r\n\r\n", long),
		"a length of 2^70":           endless(whep+"Content-Length: 1180591620717411303424\r\n\r\n", long),
		"less than the length":       func(c net.Conn) int { n, _ := io.WriteString(c, whep+"Content-Length: 50000\r\n\r\n"+offer); return n },
		"a stream that is a folder":  func(c net.Conn) int { n, _ := c.Write(get("/live/../../etc/passwd.flv")); return n },
		"a stream that is encoded":   func(c net.Conn) int { n, _ := c.Write(get("/live/%2e%2e%2f%2e%2e%2fetc.flv")); return n },
		"a NUL in the name":          func(c net.Conn) int { n, _ := c.Write(get("/live/%00.flv")); return n },
	} {
		for _, addr := range []string{g.http, g.api} {
			sessions++
			conn, err := dial(addr, false)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			done := make(chan bool, 1)
			go func() { done <- ended(conn) }()
			// Twice the sockets' buffers go through whatever the server does.
			if n := send(conn); n > 32<<20 {
				t.Errorf("%s: the server took %d bytes", what, n)
			}
			if half, ok := conn.(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			if !<-done {
				t.Errorf("%s: the server does not close", what)
			}
			conn.Close()
		}
	}
	return sessions
}

// flippedOffers posts offers that are nearly right.
func flippedOffers(t *testing.T, g *gateway, offer string) int {
	const n = 400
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	atOnce(n, 8, func(i int) {
		b := []byte(offer)
		noise := garbage(uint64(i), 64)
		for j := range 1 + i%16 {
			b[int(binary.BigEndian.Uint16(noise[2*j:]))%len(b)] = noise[32+j]
		}
		if i%4 == 3 { // lines that are missing
			lines := strings.SplitAfter(offer, "\n")
			at := i % len(lines)
			b = []byte(strings.Join(append(lines[:at:at], lines[min(at+1+i%5, len(lines)):]...), ""))
		}
		res, err := client.Post("http://"+g.http+"/"+calm+"/whep", "application/sdp", bytes.NewReader(b))
		if err != nil {
			t.Errorf("%d: %v", i, err)
			return
		}
		defer res.Body.Close()
		if res.StatusCode >= 500 {
			text, _ := io.ReadAll(res.Body)
			t.Errorf("%d: %s: %s for\n%s", i, res.Status, text, b)
		}
	})
	return n
}

// badFrames plays by WebSocket and sends what a player never sends.
func badFrames(t *testing.T, g *gateway) (sessions int) {
	frame := func(first byte, length uint64, payload []byte) []byte {
		b := []byte{first, 0x80 | 127}
		b = binary.BigEndian.AppendUint64(b, length)
		return append(append(b, 0, 0, 0, 0), payload...)
	}
	for what, b := range map[string][]byte{
		"no mask":             {0x82, 1, 0},
		"length 2^63":         frame(0x82, 1<<63, nil),
		"length 2^64-1":       frame(0x82, 1<<64-1, nil),
		"length 2^62":         frame(0x82, 1<<62, make([]byte, 1<<20)),
		"a control frame":     frame(0x89, 200, make([]byte, 200)),
		"half a control":      {0x09, 0x80, 0, 0, 0, 0},
		"reserved bits":       {0xf2, 0x80, 0, 0, 0, 0},
		"unknown opcode":      {0x8f, 0x80, 0, 0, 0, 0},
		"continued nothing":   {0x80, 0x80, 0, 0, 0, 0},
		"a broken close":      {0x88, 0x81, 0, 0, 0, 0, 1},
		"a million fragments": append([]byte{0x02, 0x80, 0, 0, 0, 0}, bytes.Repeat([]byte{0, 0x81, 0, 0, 0, 0, 'x'}, 1<<18)...),
		"garbage":             garbage(7, 4096),
	} {
		sessions++
		ws, _, err := websocket.DefaultDialer.Dial("ws://"+g.http+"/"+calm+".flv", nil)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		conn := ws.NetConn()
		_ = conn.SetDeadline(time.Now().Add(patience))
		go func() { _, _ = conn.Write(b) }()
		if !ended(conn) {
			t.Errorf("%s: the server does not close", what)
		}
		conn.Close()
	}
	// Pings without end, by a player that takes nothing: the answers must not
	// pile up.
	sessions++
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+g.http+"/"+calm+".flv", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	conn := ws.NetConn()
	_ = conn.SetDeadline(time.Now().Add(patience))
	pings := bytes.Repeat([]byte{0x89, 0x80 | 4, 0, 0, 0, 0, 'p', 'i', 'n', 'g'}, 1<<12)
	for err == nil {
		_, err = conn.Write(pings)
	}
	if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
		t.Error("pings without end: the server does not close")
	}
	return sessions
}
