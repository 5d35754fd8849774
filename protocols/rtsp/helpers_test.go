package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/container/rtp"
	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
	"sluice/server/hub"
	"sluice/server/media"
)

// testPatience is how long anything may take before a test gives up: the machine
// may be busy.
const testPatience = time.Minute

// fixture is a Service over a hub.
type fixture struct {
	*Service
	hub  *hub.Hub
	addr string
}

// startService serves on loopback until the test ends.
func startService(t testing.TB, access auth.Config, change ...func(*Config)) *fixture {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listen, cfg.ListenTLS, cfg.UDPPorts = "127.0.0.1:0", "", rangeOf(freeRange(t, 100), 100)
	for _, f := range change {
		f(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := auth.New(access)
	h := hub.New(hub.DefaultConfig(), hub.Options{Log: log, Authorize: a.Authorize, Secrets: a.Secrets})
	s, err := Start(cfg, testCerts(t), h, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testPatience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		h.Close()
		if n := s.server.udp().inUse(); n != 0 {
			t.Errorf("%d pairs of ports are still in use", n)
		}
	})
	return &fixture{Service: s, hub: h, addr: s.Addrs()[0].String()}
}

// freeRange returns the first, which is even, of n UDP ports of loopback that are
// free. They are none of those that the system gives out, where another test's
// or program's socket may come to lie at any time.
func freeRange(t testing.TB, n int) int {
	t.Helper()
	for range 1000 {
		if first := 10000 + 2*rand.IntN(10000); isFree(first, n) {
			return first
		}
	}
	t.Fatalf("no %d ports in a row are free", n)
	return 0
}

func isFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			return false
		}
		c.Close()
	}
	return true
}

// rangeOf is n ports from first on, as the configuration has them.
func rangeOf(first, n int) string { return fmt.Sprintf("%d-%d", first, first+n-1) }

// testCerts borrows the certificate of net/http's tests.
func testCerts(t testing.TB) *tls.Config {
	web := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	return &tls.Config{Certificates: web.TLS.Certificates}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

func (f *fixture) url(path string) string { return "rtsp://" + f.addr + "/" + path }

// frame is an interleaved frame that a client got.
type frame struct {
	channel uint8
	data    []byte
}

// rawClient speaks RTSP as a test tells it.
type rawClient struct {
	t       testing.TB
	conn    net.Conn
	reader  *wire.Reader
	cseq    int
	session string
	frames  []frame // those that came before an answer
}

func (f *fixture) dial(t testing.TB) *rawClient {
	t.Helper()
	return f.dialFrom(t, "127.0.0.1")
}

// dialFrom connects from an address of loopback.
func (f *fixture) dialFrom(t testing.TB, ip string) *rawClient {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	c, err := d.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newRawClient(t, c)
}

func newRawClient(t testing.TB, c net.Conn) *rawClient {
	_ = c.SetDeadline(time.Now().Add(testPatience))
	return &rawClient{t: t, conn: c, reader: wire.NewReader(c)}
}

// send writes a request. Each header is "Name: value".
func (c *rawClient) send(method wire.Method, url string, body []byte, headers ...string) {
	c.t.Helper()
	c.cseq++
	r := wire.Request{Method: method, URL: url, Body: body}
	r.Header.Add(wire.HeaderCSeq, strconv.Itoa(c.cseq))
	if c.session != "" {
		r.Header.Add(wire.HeaderSession, c.session)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if _, err := c.conn.Write(r.Append(nil)); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// answer reads the next response and keeps the frames before it.
func (c *rawClient) answer() *wire.Response {
	c.t.Helper()
	for {
		item, err := c.reader.Read()
		if err != nil {
			c.t.Fatalf("no answer: %v", err)
		}
		if item.Response != nil {
			if s := item.Response.Header.Get(wire.HeaderSession); s != "" {
				parsed, err := wire.ParseSession(s)
				if err != nil || parsed.Timeout != time.Minute && parsed.Timeout != 3*time.Second {
					c.t.Errorf("Session: %q", s)
				}
				c.session = parsed.ID
			}
			return item.Response
		}
		c.frames = append(c.frames, frame{item.Channel, item.Frame})
	}
}

// do sends a request and expects a status.
func (c *rawClient) do(want wire.Status, method wire.Method, url string, body []byte, headers ...string) *wire.Response {
	c.t.Helper()
	c.send(method, url, body, headers...)
	res := c.answer()
	if res.Status != want {
		c.t.Fatalf("%s %s: %d %s, want %d", method, url, res.Status, res.Reason, want)
	}
	if got := res.CSeq(); got != strconv.Itoa(c.cseq) {
		c.t.Fatalf("%s: CSeq %s, want %d", method, got, c.cseq)
	}
	return res
}

// frame reads the next interleaved frame.
func (c *rawClient) frame() (frame, error) {
	if len(c.frames) > 0 {
		f := c.frames[0]
		c.frames = c.frames[1:]
		return f, nil
	}
	for {
		item, err := c.reader.Read()
		if err != nil {
			return frame{}, err
		}
		if item.Request == nil && item.Response == nil {
			return frame{item.Channel, item.Frame}, nil
		}
	}
}

// packet reads the next RTP packet, and its channel.
func (c *rawClient) packet() (rtp.Packet, uint8) {
	c.t.Helper()
	for {
		f, err := c.frame()
		if err != nil {
			c.t.Fatalf("no packet: %v", err)
		}
		if f.channel%2 == 1 {
			continue
		}
		p, err := rtp.Parse(f.data)
		if err != nil {
			c.t.Fatal(err)
		}
		return p, f.channel
	}
}

// control reads the next RTCP packet of a channel.
func (c *rawClient) control(channel uint8) []rtcp.Packet {
	c.t.Helper()
	for {
		f, err := c.frame()
		if err != nil {
			c.t.Fatalf("no RTCP: %v", err)
		}
		if f.channel != channel {
			continue
		}
		list, err := rtcp.Unmarshal(f.data)
		if err != nil {
			c.t.Fatal(err)
		}
		return list
	}
}

// ended reads until the server closes the connection.
func (c *rawClient) ended() {
	c.t.Helper()
	for {
		if _, err := c.frame(); err != nil {
			if !errors.Is(err, io.EOF) {
				c.t.Errorf("the connection ended with %v", err)
			}
			c.conn.Close()
			return
		}
	}
}

// The tracks of the tests' streams.
var (
	testVideo = sdp.Media{
		Type: "video", Protocol: "RTP/AVP", Control: "streamid=0",
		Formats: []sdp.Format{{PayloadType: 96, Format: rtp.Format{Name: "VP8", Clock: 90000}}},
	}
	testAudio = sdp.Media{
		Type: "audio", Protocol: "RTP/AVP", Control: "streamid=1",
		Formats: []sdp.Format{{PayloadType: 8, Format: rtp.Format{Name: "PCMA", Clock: 8000}}},
	}
)

func describe(media ...sdp.Media) []byte {
	return (&sdp.Session{Name: "test", Media: media}).Append(nil)
}

// publishTCP announces VP8 and PCMA and goes on the air.
func (f *fixture) publishTCP(t testing.TB, path string) *source {
	t.Helper()
	c := f.dial(t)
	c.do(wire.OK, wire.Announce, f.url(path), describe(testVideo, testAudio), "Content-Type: application/sdp")
	c.do(wire.OK, wire.Setup, f.url(path)+"/streamid=0", nil, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")
	c.do(wire.OK, wire.Setup, f.url(path)+"/streamid=1", nil, "Transport: RTP/AVP/TCP;unicast;interleaved=2-3;mode=record")
	c.do(wire.OK, wire.Record, f.url(path), nil)
	return newSource(c)
}

// source is a publisher of 50 sounds and 25 pictures a second, the first of
// each ten a key frame.
type source struct {
	*rawClient
	send  func(track int, packet []byte)
	n     int // of steps of 20 ms
	seq   [2]uint16
	start [2]uint32
}

func newSource(c *rawClient) *source {
	s := &source{rawClient: c, seq: [2]uint16{65530, 7}, start: [2]uint32{1 << 31, 99}}
	s.send = func(track int, packet []byte) {
		if _, err := c.conn.Write(wire.AppendFrame(nil, uint8(2*track), packet)); err != nil {
			c.t.Errorf("publish: %v", err)
		}
	}
	return s
}

// vp8Picture is a picture of 320 by 240 that no decoder has to like.
func vp8Picture(key bool, size int) []byte {
	b := make([]byte, size)
	if key {
		copy(b, []byte{0x30, 0xa2, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0})
	} else {
		copy(b, []byte{0x31, 0, 0})
	}
	return b
}

// step sends 20 ms of media.
func (s *source) step() {
	sound := rtp.Packet{Sequence: s.seq[1], Timestamp: s.start[1] + uint32(s.n*160), SSRC: 2, PayloadType: 8, Payload: make([]byte, 160)}
	s.seq[1]++
	s.send(1, sound.Append(nil))
	if s.n%2 == 0 {
		picture := rtp.Packet{
			Sequence: s.seq[0], Timestamp: s.start[0] + uint32(s.n*1800), SSRC: 1, PayloadType: 96, Marker: true,
			Payload: append([]byte{0x10}, vp8Picture(s.n%20 == 0, 600)...),
		}
		s.seq[0]++
		s.send(0, picture.Append(nil))
	}
	s.n++
}

// run sends media in real time until the test or stop ends it.
func (s *source) run(t testing.TB) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			s.step()
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// playTCP describes a stream and plays it.
func (f *fixture) playTCP(t testing.TB, path string) (*rawClient, *wire.Response) {
	t.Helper()
	c := f.dial(t)
	c.do(wire.OK, wire.Describe, f.url(path), nil, "Accept: application/sdp")
	c.do(wire.OK, wire.Setup, f.url(path)+"/trackID=0", nil, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
	c.do(wire.OK, wire.Setup, f.url(path)+"/trackID=1", nil, "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
	return c, c.do(wire.OK, wire.Play, f.url(path)+"/", nil, "Range: npt=0.000-")
}

// publishHub publishes VP8 and PCMA in process.
func (f *fixture) publishHub(t testing.TB, path string, tracks ...*media.Track) *hub.Publisher {
	t.Helper()
	pub, err := f.hub.Publish(context.Background(), hub.Session{Stream: path, Internal: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range tracks {
		pub.Announce(tr)
	}
	t.Cleanup(func() { pub.Close(nil) })
	return pub
}
