package transport

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"sluice/webrtc/icemux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// recorder is a Handler that keeps what it gets.
type recorder struct {
	mu    sync.Mutex
	rtp   [][]byte
	rtcp  [][]byte
	ticks int
}

func (r *recorder) RTP(_ *rtp.Header, b []byte, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rtp = append(r.rtp, b)
}

func (r *recorder) RTCP(b []byte, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rtcp = append(r.rtcp, b)
}

func (r *recorder) Tick(time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticks++
	return time.Hour
}

func (r *recorder) count() (rtp, rtcp int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rtp), len(r.rtcp)
}

// host is one end: a mux and a configuration of its own.
type host struct {
	cfg Config
	udp netip.AddrPort
	tcp netip.AddrPort
}

func newHost(t testing.TB, log *slog.Logger) *host {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux, err := icemux.New(icemux.Config{UDP: []net.PacketConn{udp}, TCP: []net.Listener{tcp}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mux.Close)
	cert, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return &host{
		cfg: Config{Mux: mux, Certificate: cert, ConnectTimeout: patience, PeerTimeout: patience, Log: log},
		udp: mux.UDPAddrs()[0], tcp: mux.TCPAddrs()[0],
	}
}

func (h *host) candidate() Candidate { return Candidate{Addr: h.udp, Priority: 1 << 30, Type: "host"} }

// pair connects a server to a peer. The peer is made of this package too: it
// takes the server for a lite agent, and so takes the lead, and is the DTLS
// client.
type pair struct {
	server, peer               *Transport
	serverHost, peerHost       *host
	serverHandler, peerHandler *recorder
}

func newPair(t testing.TB, change func(server, peer *host, toServer, toPeer *Remote)) *pair {
	t.Helper()
	p := &pair{
		serverHost: newHost(t, nil), peerHost: newHost(t, nil),
		serverHandler: &recorder{}, peerHandler: &recorder{},
	}
	// Credentials are drawn in New, so the server begins with none of the peer's
	// and learns them by a restart, as a peer with a new offer would tell them.
	toServer := Remote{
		Ufrag: "none", Pwd: "nonenonenonenonenonenone",
		Fingerprints: []Fingerprint{{"SHA-256", strings.ToLower(p.peerHost.cfg.Certificate.Fingerprint)}},
	}
	toPeer := Remote{
		Lite: true, Passive: true, Candidates: []Candidate{p.serverHost.candidate()},
		Fingerprints: []Fingerprint{{"sha-256", p.serverHost.cfg.Certificate.Fingerprint}},
	}
	if change != nil {
		change(p.serverHost, p.peerHost, &toServer, &toPeer)
	}
	var err error
	if p.server, err = New(p.serverHost.cfg, toServer, p.serverHandler); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.server.Close(nil) })
	toPeer.Ufrag, toPeer.Pwd = p.server.Local().Ufrag, p.server.Local().Pwd
	if p.peer, err = New(p.peerHost.cfg, toPeer, p.peerHandler); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.peer.Close(nil) })
	p.introduce(t)
	return p
}

// introduce tells the server's agent who the peer is.
func (p *pair) introduce(t testing.TB) {
	t.Helper()
	l := p.peer.Local()
	if err := p.server.current.agent.SetRemoteCredentials(l.Ufrag, l.Pwd); err != nil {
		t.Fatal(err)
	}
	p.server.AddCandidates([]Candidate{p.peerHost.candidate()})
}

func (p *pair) connect(t testing.TB) {
	t.Helper()
	for _, tr := range []*Transport{p.server, p.peer} {
		select {
		case <-tr.Ready():
		case <-time.After(patience):
			t.Fatalf("not connected: %+v", tr.Stats())
		}
	}
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// exchange sends a train and a report each way and looks at what arrives.
func (p *pair) exchange(t testing.TB) {
	t.Helper()
	for _, way := range []struct {
		from *Transport
		to   *recorder
	}{{p.server, p.peerHandler}, {p.peer, p.serverHandler}} {
		rtpBefore, rtcpBefore := way.to.count()
		var train icemux.Train
		for i, n := range []int{1180, 1180, 600, 100} {
			h := Header{SSRC: 7, Timestamp: 90000, Sequence: uint16(65534 + rtpBefore + i), PayloadType: 96, Marker: i == 3}
			if err := way.from.AppendRTP(&train, h, []byte{1, 2}, bytes.Repeat([]byte{byte(i)}, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := way.from.Send(&train); err != nil || train.Len() != 0 {
			t.Fatal(err, train.Len())
		}
		b, err := (&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := way.from.SendRTCP(b); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "media", func() bool {
			r, c := way.to.count()
			return r == rtpBefore+4 && c == rtcpBefore+1
		})
		way.to.mu.Lock()
		last := way.to.rtp[rtpBefore+3]
		if len(last) != 12+2+100 || last[1] != 0x80|96 || last[12] != 1 || last[14] != 3 {
			t.Errorf("got % x", last)
		}
		if !bytes.Equal(way.to.rtcp[rtcpBefore], b) {
			t.Errorf("got RTCP % x", way.to.rtcp[rtcpBefore])
		}
		way.to.mu.Unlock()
	}
}

func TestConnect(t *testing.T) {
	p := newPair(t, nil)
	p.connect(t)
	p.exchange(t)
	s := p.server.Stats()
	if s.State != "connected" || s.Remote != p.peerHost.udp.String() || s.Protocol != "udp" || len(s.Pairs) == 0 ||
		s.PacketsSent != 5 || s.PacketsReceived != 5 || s.Broken != 0 || !strings.Contains(s.Profile, "GCM") {
		t.Errorf("Stats() = %+v", s)
	}
	if got := p.server.Path(); got != "udp "+p.peerHost.udp.String() {
		t.Errorf("Path() = %q", got)
	}
	waitFor(t, "a round-trip time", func() bool { _, ok := p.peer.RTT(); return ok })

	p.peer.Close(nil)
	select {
	case <-p.server.Context().Done():
	case <-time.After(patience):
		t.Fatal("the server does not notice the goodbye")
	}
	if err := contextCause(p.server); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("ends with %v", err)
	}
	if s := p.server.Stats(); s.State != "closed" {
		t.Errorf("State %q", s.State)
	}
}

func TestForgedCertificate(t *testing.T) {
	p := newPair(t, func(_, _ *host, toServer, _ *Remote) {
		other, err := NewCertificate()
		if err != nil {
			t.Fatal(err)
		}
		toServer.Fingerprints[0].Value = other.Fingerprint
	})
	select {
	case <-p.server.Context().Done():
	case <-time.After(patience):
		t.Fatal("the session goes on")
	}
	if err := contextCause(p.server); !errors.Is(err, errFingerprint) {
		t.Errorf("ends with %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	h := newHost(t, nil)
	h.cfg.ConnectTimeout = 500 * time.Millisecond
	gone := netip.MustParseAddrPort("127.0.0.1:9")
	tr, err := New(h.cfg, Remote{
		Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuvwx", Fingerprints: []Fingerprint{{"sha-256", "00"}},
		Candidates: []Candidate{
			{Addr: gone, Type: "host", Priority: 1},
			{Addr: gone, Type: "srflx", Priority: 2},
			{Addr: gone, Type: "relay", Priority: 3},
			{TCP: true, Addr: gone, Type: "host", Priority: 4},
		},
	}, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close(nil) })
	select {
	case <-tr.Context().Done():
	case <-time.After(patience):
		t.Fatal("never gives up")
	}
	err = contextCause(tr)
	if !errors.Is(err, ErrNotConnected) || !strings.Contains(err.Error(), "127.0.0.1:9") {
		t.Errorf("ends with %v", err)
	}
	if err := tr.SendRTCP(nil); err == nil {
		t.Error("sends without keys")
	}
}

func TestSilentPeer(t *testing.T) {
	t.Parallel()
	p := newPair(t, func(server, _ *host, _, _ *Remote) { server.cfg.PeerTimeout = 2 * time.Second })
	p.connect(t)
	p.peerHost.cfg.Mux.Close() // as if the process had been killed
	select {
	case <-p.server.Context().Done():
	case <-time.After(patience):
		t.Fatal("a dead peer stays")
	}
	if err := contextCause(p.server); !errors.Is(err, ErrPeerGone) {
		t.Errorf("ends with %v", err)
	}
}

// TestRestart moves the peer to another port, in the middle of media.
func TestRestart(t *testing.T) {
	p := newPair(t, nil)
	p.connect(t)
	p.exchange(t)
	moved := newHost(t, nil)
	p.peer.cfg.Mux = moved.cfg.Mux
	before := p.server.Local()

	// The peer draws new credentials; the server answers with its own.
	toServer, err := p.peer.Restart("none", "nonenonenonenonenonenone", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.server.Restart(toServer.Ufrag, toServer.Pwd, []Candidate{moved.candidate()})
	if err != nil {
		t.Fatal(err)
	}
	if answer == before || p.server.Local() != answer {
		t.Errorf("credentials %v after %v", answer, before)
	}
	p.peer.mu.Lock()
	pending := p.peer.pending
	p.peer.mu.Unlock()
	if err := pending.agent.SetRemoteCredentials(answer.Ufrag, answer.Pwd); err != nil {
		t.Fatal(err)
	}
	p.peer.AddCandidates([]Candidate{p.serverHost.candidate()})
	waitFor(t, "the new path", func() bool {
		return p.server.Stats().Remote == moved.udp.String() && p.peer.Stats().Remote == p.serverHost.udp.String()
	})
	p.exchange(t)
}

// TestFailedRestart: a restart that leads nowhere leaves the session as it was.
func TestFailedRestart(t *testing.T) {
	t.Parallel()
	// It is the restarts' too, which is what the test takes.
	p := newPair(t, func(server, _ *host, _, _ *Remote) { server.cfg.ConnectTimeout = 5 * time.Second })
	p.connect(t)
	local := p.server.Local()
	for range 2 { // the second takes the place of the first
		if _, err := p.server.Restart("gone", "gonegonegonegonegonegone", nil); err != nil {
			t.Fatal(err)
		}
	}
	p.exchange(t)
	waitFor(t, "the end of the restart", func() bool { return p.server.Local() == local })
	p.exchange(t)
	if p.server.Context().Err() != nil {
		t.Errorf("the session ended: %v", contextCause(p.server))
	}
}

func TestCloseBeforeConnecting(t *testing.T) {
	h := newHost(t, nil)
	tr, err := New(h.cfg, Remote{Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuvwx"}, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { tr.Close(mine) })
	}
	wg.Wait()
	if err := contextCause(tr); !errors.Is(err, mine) {
		t.Errorf("ends with %v", err)
	}
	if _, err := tr.Restart("abcd", "abcdefghijklmnopqrstuvwx", nil); err == nil {
		t.Error("a closed session restarts")
	}
}

// TestForgedMedia: packets that are not genuine are counted and dropped.
func TestForgedMedia(t *testing.T) {
	p := newPair(t, nil)
	p.connect(t)
	path := p.peer.path.Load()
	for _, b := range [][]byte{
		append([]byte{0x80, 96}, make([]byte, 100)...), append([]byte{0x80, 200}, make([]byte, 100)...),
		{0x80, 96, 0, 0},
		{0x80, 200, 0, 0},
		{0x80},
		{},
		{255, 255, 255, 255},
	} {
		_ = path.Send(b)
	}
	waitFor(t, "the count", func() bool { return p.server.Stats().Broken == 4 })
	p.exchange(t)
}
func contextCause(t *Transport) error { return context.Cause(t.Context()) }
