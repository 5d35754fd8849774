package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/protocols/rtsp/wire"
)

// fakeScript is how a fake server behaves: what real ones do that ours does not.
type fakeScript struct {
	login    wire.Login // asked for where not empty
	strongly bool       // by SHA-256 only
	redirect string     // of DESCRIBE
	noTCP    bool
	noUDP    bool
	silent   bool // over UDP nothing is sent
	odd      bool // answers have numbers of their own, and come after a 100
	oneshot  bool // the connection closes after a challenge; nonces hold on all
	public   string
	timeout  string // of the session
	packets  int    // to send; then BYE
	hold     bool   // no BYE: wait for the client
	hangup   bool   // close instead of BYE
	sdp      string
	tls      *tls.Config
}

// fakeServer is a server that plays one track of G.711 and a track that nobody can
// take.
type fakeServer struct {
	fakeScript
	t  *testing.T
	ln net.Listener
	wg sync.WaitGroup

	mu       sync.Mutex
	requests []wire.Request
	reports  int // RTCP packets of the client
	punched  int // RTP packets of the client
	notify   chan struct{}
	guard    *wire.Guard
}

const fakeSDP = "v=0\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=0\r\n" +
	"m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n"

func serveFake(t *testing.T, s fakeScript) *fakeServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{fakeScript: s, t: t, ln: ln, notify: make(chan struct{}, 1000), guard: &wire.Guard{Realm: "fake"}}
	if s.tls != nil {
		f.ln = tls.NewListener(ln, s.tls)
	}
	if f.sdp == "" {
		f.sdp = fakeSDP
	}
	f.wg.Go(func() {
		for {
			nc, err := f.ln.Accept()
			if err != nil {
				return
			}
			f.wg.Go(func() { f.serve(nc) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		f.wg.Wait()
	})
	return f
}

func (f *fakeServer) url(userinfo string) string {
	scheme := "rtsp://"
	if f.tls != nil {
		scheme = "rtsps://"
	}
	return scheme + userinfo + f.ln.Addr().String() + "/live/cam?channel=1"
}

// seen returns the requests of that method.
func (f *fakeServer) seen(m wire.Method) (list []wire.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if r.Method == m {
			list = append(list, r)
		}
	}
	return list
}

// await waits until ok, looking again at each request and packet.
func (f *fakeServer) await(ctx context.Context, ok func() bool) {
	for !ok() {
		select {
		case <-f.notify:
		case <-ctx.Done():
			f.t.Error("waited in vain")
			return
		}
	}
}

func (f *fakeServer) note(what func()) {
	f.mu.Lock()
	what()
	f.mu.Unlock()
	select {
	case f.notify <- struct{}{}:
	default:
	}
}

func (f *fakeServer) serve(nc net.Conn) {
	defer nc.Close()
	c := &fakeConn{fakeServer: f, nc: nc, guard: &wire.Guard{Realm: "fake", NoMD5: f.strongly, NoBasic: f.strongly}}
	if f.oneshot {
		c.guard = f.guard
	}
	defer c.closeUDP()
	in := wire.NewReader(nc)
	for {
		item, err := in.Read()
		if err != nil {
			return
		}
		if item.Frame != nil {
			f.note(func() { f.reports++ })
			continue
		}
		if item.Request == nil {
			continue
		}
		f.note(func() { f.requests = append(f.requests, *item.Request) })
		if !c.answer(item.Request) {
			return
		}
	}
}

type fakeConn struct {
	*fakeServer
	nc    net.Conn
	guard *wire.Guard
	rtp   *net.UDPConn
	rtcp  *net.UDPConn
	peer  *wire.Pair
	chans *wire.Pair
	udp   sync.WaitGroup
}

// closeUDP closes the sockets, once all that came before is counted: an empty
// packet comes behind it.
func (c *fakeConn) closeUDP() {
	if c.rtp == nil {
		return
	}
	for _, u := range []*net.UDPConn{c.rtp, c.rtcp} {
		if _, err := u.WriteTo(nil, u.LocalAddr()); err != nil {
			c.t.Error(err)
		}
	}
	c.udp.Wait()
	c.rtp.Close()
	c.rtcp.Close()
}

// answer answers a request; false ends the connection.
func (c *fakeConn) answer(r *wire.Request) bool {
	resp := &wire.Response{Status: wire.OK, Header: wire.Header{{Name: "CSeq", Value: r.CSeq()}}}
	if c.login != (wire.Login{}) && r.Method != wire.Options {
		_, err := c.guard.Check(r, time.Now(), func(u string) (string, bool) { return c.login.Password, u == c.login.User })
		if err != nil {
			resp.Status = wire.Unauthorized
			for _, ch := range c.guard.Challenges(time.Now(), err) {
				resp.Header.Add("WWW-Authenticate", ch.String())
			}
			return c.write(resp) && !c.oneshot
		}
	}
	if c.odd {
		c.write(&wire.Response{Status: 100})
		resp.Header.Set("CSeq", "99")
	}
	switch r.Method {
	case wire.Options:
		resp.Header.Add("Public", c.public)
	case wire.Describe:
		if c.redirect != "" {
			resp.Status = wire.MovedTemporarily
			resp.Header.Add("Location", c.redirect)
			break
		}
		resp.Header.Add("Content-Base", "rtsp://10.255.255.1/live/cam?channel=1/")
		resp.Body = []byte(c.sdp)
	case wire.Setup:
		c.setup(r, resp)
	case wire.Play:
		// Frames before the answer, as some cameras send them.
		c.send(0)
		if !c.write(resp) {
			return false
		}
		for i := 1; i < c.packets; i++ {
			c.send(uint16(i))
		}
		switch {
		case c.hangup:
			return false
		case !c.hold:
			c.sendControl([]byte{0x81, 203, 0, 1, 0, 0, 0, 9})
		}
		return true
	case wire.Teardown:
		c.write(resp)
		return false
	}
	return c.write(resp)
}

func (c *fakeConn) setup(r *wire.Request, resp *wire.Response) {
	list, err := wire.ParseTransports(r.Header.Get("Transport"))
	if err != nil {
		resp.Status = wire.BadRequest
		return
	}
	t := list[0]
	if (t.Lower == wire.TCP && c.noTCP) || (t.Lower == wire.UDP && c.noUDP) {
		resp.Status = wire.UnsupportedTransport
		return
	}
	if t.Lower == wire.UDP {
		c.rtp, c.rtcp = fakeListen(c.t), fakeListen(c.t)
		c.peer = t.ClientPort
		t.ServerPort = &wire.Pair{RTP: fakePort(c.rtp), RTCP: fakePort(c.rtcp)}
		for _, u := range []struct {
			conn  *net.UDPConn
			count *int
		}{{c.rtp, &c.punched}, {c.rtcp, &c.reports}} {
			c.udp.Go(func() {
				b := make([]byte, 1500)
				for {
					if n, err := u.conn.Read(b); n == 0 || err != nil {
						return
					}
					c.note(func() { *u.count++ })
				}
			})
		}
	} else {
		// Other channels than those that were asked for.
		t.Interleaved = &wire.Pair{RTP: 6, RTCP: 7}
		c.chans = t.Interleaved
	}
	resp.Header.Add("Transport", t.String())
	resp.Header.Add("Session", "abc"+c.timeout)
}

func fakeListen(t *testing.T) *net.UDPConn {
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Error(err)
	}
	return u
}

func fakePort(u *net.UDPConn) int { return u.LocalAddr().(*net.UDPAddr).Port }

// send sends a packet of 20 ms of sound.
func (c *fakeConn) send(n uint16) {
	p := rtp.Packet{PayloadType: 8, Sequence: 65530 + n, Timestamp: 160 * uint32(n), SSRC: 9, Payload: make([]byte, 160)}
	if c.peer == nil {
		c.nc.Write(wire.AppendFrame(wire.AppendFrame(nil, 99, []byte("x")), uint8(c.chans.RTP), p.Append(nil)))
	} else if !c.silent {
		c.rtp.WriteToUDP(p.Append(nil), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.peer.RTP})
	}
}

func (c *fakeConn) sendControl(b []byte) {
	if c.peer == nil {
		c.nc.Write(wire.AppendFrame(nil, uint8(c.chans.RTCP), b))
	} else if !c.silent {
		c.rtcp.WriteToUDP(b, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.peer.RTCP})
	}
}

func (c *fakeConn) write(r *wire.Response) bool {
	_, err := c.nc.Write(r.Append(nil))
	return err == nil
}

// clientRecorder collects what a session receives.
type clientRecorder struct {
	ctx       context.Context
	recording Recording
	packets   []rtp.Packet
	enough    int // packets after which it ends; 0 for never
	once      sync.Once
}

var errEnough = errors.New("enough")

func (r *clientRecorder) Context() context.Context { return r.ctx }
func (r *clientRecorder) Record(rec Recording) error {
	r.recording = rec
	return nil
}

func (r *clientRecorder) RTP(track int, b []byte, _ time.Time) error {
	p, err := rtp.Parse(b)
	if err != nil || track != 1 {
		return errors.New("a packet that was not sent")
	}
	r.packets = append(r.packets, p)
	if r.enough > 0 && len(r.packets) == r.enough {
		return errEnough
	}
	return nil
}
func (r *clientRecorder) RTCP(int, []byte, time.Time) {}
func (r *clientRecorder) Tick(now time.Time) (time.Time, error) {
	r.once.Do(func() { r.recording.Report(1, []byte{0x80, 201, 0, 1, 0, 0, 0, 1}) })
	return now.Add(time.Second), nil
}
func (r *clientRecorder) Close(error) {}

var _ Recorder = (*clientRecorder)(nil)

// clientPlay plays from a server until the session ends.
func clientPlay(t *testing.T, c *Client, url string, lower Lower, r *clientRecorder) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if r.ctx == nil {
		r.ctx = ctx
	}
	s, err := c.Describe(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Play(lower, []int{1}); err != nil {
		return err
	}
	if err := s.Await(testPatience); err != nil {
		return err
	}
	return s.Receive(r)
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

func contains(err error, s string) bool { return err != nil && strings.Contains(err.Error(), s) }
