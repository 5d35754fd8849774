package icemux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// delivery is what a link was given.
type delivery struct {
	b    []byte
	path *Path
}

type testMux struct {
	*Mux
	udp, tcp netip.AddrPort
}

func newTestMux(t testing.TB) *testMux {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{UDP: []net.PacketConn{udp}, TCP: []net.Listener{tcp}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return &testMux{m, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), m.UDPAddrs()[0].Port()), m.TCPAddrs()[0]}
}

func (m *testMux) open(t testing.TB, ufrag string) (*Link, chan delivery) {
	t.Helper()
	got := make(chan delivery, 100)
	l, err := m.Open(ufrag, func(b []byte, p *Path) { got <- delivery{b, p} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, got
}

// dial returns a peer's UDP socket towards an address of the mux.
func dial(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t testing.TB, w io.Writer, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// answer lets the agent read one message and send one back.
func answer(t testing.TB, a *AgentConn, want []byte) netip.AddrPort {
	t.Helper()
	buf := make([]byte, 1500)
	n, from, err := a.ReadFromAddrPort(buf)
	if err != nil || !bytes.Equal(buf[:n], want) {
		t.Fatalf("the agent reads %x, %v; want %x", buf[:n], err, want)
	}
	if _, err := a.WriteToAddrPort(stunMessage(bindingResponse, ""), from); err != nil {
		t.Fatal(err)
	}
	return from
}

func receive(t testing.TB, ch <-chan delivery) delivery {
	t.Helper()
	select {
	case d := <-ch:
		return d
	case <-time.After(patience):
		t.Fatal("nothing was delivered")
		panic("unreachable")
	}
}

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	media    = append([]byte{0x80, 96}, make([]byte, 50)...)
)

func TestUDP(t *testing.T) {
	m := newTestMux(t)
	one, gotOne := m.open(t, "one")
	two, gotTwo := m.open(t, "two")
	if _, err := m.Open("one", nil); !errors.Is(err, ErrUfragTaken) {
		t.Errorf("a second link with the same ufrag: %v", err)
	}
	c1, c2 := dial(t, m.udp), dial(t, m.udp)
	send(t, c1, media) // from nobody
	for _, c := range []struct {
		conn  *net.UDPConn
		link  *Link
		ufrag string
	}{{c1, one, "one"}, {c2, two, "two"}} {
		msg := stunMessage(bindingRequest, c.ufrag+":peer")
		send(t, c.conn, stunMessage(bindingRequest, "nobody:peer"))
		send(t, c.conn, msg)
		answer(t, c.link.Agent(false, loopback), msg)
		buf := make([]byte, 1500)
		if n, err := c.conn.Read(buf); err != nil || !isSTUN(buf[:n]) {
			t.Fatalf("the peer reads %x, %v", buf[:n], err)
		}
	}
	send(t, c1, media)
	send(t, c2, append(media[:2:2], 1))
	if d := receive(t, gotOne); !bytes.Equal(d.b, media) || d.path.Remote != c1.LocalAddr().(*net.UDPAddr).AddrPort() {
		t.Errorf("link one got %x from %v", d.b, d.path.Remote)
	}
	if d := receive(t, gotTwo); len(d.b) != 3 {
		t.Errorf("link two got %x", d.b)
	}
	// A response goes to the agent as well.
	response := stunMessage(bindingResponse, "")
	send(t, c1, response)
	answer(t, one.Agent(false, loopback), response)

	one.Close()
	send(t, c1, media)
	send(t, c2, media)
	receive(t, gotTwo)
	if len(gotOne) != 0 {
		t.Error("a closed link gets packets")
	}
}

// TestUnansweredAddress: what an agent did not answer brings no media in.
func TestUnansweredAddress(t *testing.T) {
	m := newTestMux(t)
	l, got := m.open(t, "one")
	c := dial(t, m.udp)
	msg := stunMessage(bindingRequest, "one:peer")
	for range 2 * maxPaths {
		send(t, dial(t, m.udp), msg) // far more than a link wants to know
	}
	send(t, c, msg)
	send(t, c, media)
	buf := make([]byte, 1500)
	for {
		// The queue is bounded, so that c's own request may not be in it.
		n, from, err := l.Agent(false, loopback).ReadFromAddrPort(buf)
		if err != nil || n != len(msg) {
			t.Fatal(n, err)
		}
		if len(l.Agent(false, loopback).in) == 0 {
			_ = from
			break
		}
	}
	if len(got) != 0 {
		t.Error("media came in before the agent answered")
	}
	l.mu.Lock()
	if len(l.udp) > maxPaths {
		t.Errorf("%d paths", len(l.udp))
	}
	l.mu.Unlock()
}

// TestRestartSharesAnAddress: in the middle of an ICE restart two links talk to
// one address; media goes to the newer, responses to both.
func TestRestartSharesAnAddress(t *testing.T) {
	m := newTestMux(t)
	c := dial(t, m.udp)
	old, gotOld := m.open(t, "old")
	msg := stunMessage(bindingRequest, "old:peer")
	send(t, c, msg)
	answer(t, old.Agent(false, loopback), msg)
	renewed, gotNew := m.open(t, "new")
	msg = stunMessage(bindingRequest, "new:peer")
	send(t, c, msg)
	answer(t, renewed.Agent(false, loopback), msg)

	response := stunMessage(bindingResponse, "")
	send(t, c, response)
	answer(t, old.Agent(false, loopback), response)
	answer(t, renewed.Agent(false, loopback), response)
	send(t, c, media)
	receive(t, gotNew)
	renewed.Close()
	send(t, c, media)
	receive(t, gotOld)
}

// TestAnswersFromTheAddressAsked: a host with several addresses answers from the
// one that the peer knows.
func TestAnswersFromTheAddressAsked(t *testing.T) {
	m := newTestMux(t)
	if pktinfo(loopback) == nil {
		t.Skip("only Linux tells the address that was asked")
	}
	l, _ := m.open(t, "one")
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	msg, buf := stunMessage(bindingRequest, "one:peer"), make([]byte, 1500)
	for _, host := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.1"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(host), m.udp.Port())
		if _, err := conn.WriteTo(msg, net.UDPAddrFromAddrPort(to)); err != nil {
			t.Fatal(err)
		}
		peer := answer(t, l.Agent(false, loopback), msg)
		if _, from, err := conn.ReadFrom(buf); err != nil || from.String() != to.String() {
			t.Errorf("asked at %v, answered from %v (%v)", to, from, err)
		}
		if got := l.Path(false, peer).Local(); got != to.Addr() {
			t.Errorf("Local() = %v, want %v", got, to.Addr())
		}
	}
}

func TestTrainOverUDP(t *testing.T) {
	m := newTestMux(t)
	l, got := m.open(t, "one")
	c := dial(t, m.udp)
	msg := stunMessage(bindingRequest, "one:peer")
	send(t, c, msg)
	answer(t, l.Agent(false, loopback), msg)
	send(t, c, media)
	path := receive(t, got).path
	buf := make([]byte, 1500)
	if _, err := c.Read(buf); err != nil { // the agent's answer
		t.Fatal(err)
	}
	for _, gso := range []bool{true, false} {
		m.sockets[0].out.SetGSO(gso)
		checkTrain(t, path, func() []byte {
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			return buf[:n]
		})
	}
}

// checkTrain sends packets of many sizes and reads them back.
func checkTrain(t *testing.T, path *Path, read func() []byte) {
	t.Helper()
	var tr Train
	sizes := []int{1200, 1200, 1200, 300, 90, 1200, 1200, 90, 90, 89, 1}
	for i, n := range sizes {
		b := tr.Room(n + 16)
		for k := range b {
			b[k] = byte(i)
		}
		tr.Add(n)
	}
	if err := path.SendTrain(&tr); err != nil {
		t.Fatal(err)
	}
	for i, n := range sizes {
		if b := read(); len(b) != n || b[0] != byte(i) || b[n-1] != byte(i) {
			t.Fatalf("packet %d has %d bytes of %d, want %d", i, len(b), b[0], n)
		}
	}
}

func TestTCP(t *testing.T) {
	m := newTestMux(t)
	l, got := m.open(t, "one")
	conn, err := net.Dial("tcp4", m.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	msg := stunMessage(bindingRequest, "one:peer")
	send(t, conn, appendFrame(nil, msg))
	from := answer(t, l.Agent(true, loopback), msg)
	read := func() []byte {
		b, err := readFrame(conn)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !isSTUN(read()) {
		t.Error("the answer is not STUN")
	}
	send(t, conn, appendFrame(nil, media))
	d := receive(t, got)
	if !bytes.Equal(d.b, media) || !d.path.TCP || l.Path(true, from) != d.path {
		t.Errorf("got %x by %+v", d.b, d.path)
	}
	checkTrain(t, d.path, read)
	l.Close()
	if _, err := readFrame(conn); err == nil {
		t.Error("the connection outlives its link")
	}
}

// TestTCPFromStrangers: a connection that does not begin with a request for a
// known session ends at once.
func TestTCPFromStrangers(t *testing.T) {
	m := newTestMux(t)
	for name, b := range map[string][]byte{
		"media":           appendFrame(nil, media),
		"unknown session": appendFrame(nil, stunMessage(bindingRequest, "nobody:peer")),
		"too large":       binary.BigEndian.AppendUint16(nil, maxPacket+1),
		"HTTP":            []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp4", m.tcp.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send(t, conn, b)
			if name == "HTTP" {
				// It announces more than it sends.
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.ErrNoProgress) {
				t.Error("the connection stays")
			}
		})
	}
}

func TestQuery(t *testing.T) {
	m, server := newTestMux(t), newTestMux(t)
	l, _ := server.open(t, "")
	go func() {
		// The query has no USERNAME, which is that of the empty ufrag here.
		buf := make([]byte, 1500)
		n, from, err := l.Agent(false, loopback).ReadFromAddrPort(buf)
		if err != nil {
			return
		}
		reply := append([]byte(nil), buf[:n]...)
		binary.BigEndian.PutUint16(reply, bindingResponse)
		reply = append(reply, 0, stunXORMapped, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0)
		binary.BigEndian.PutUint16(reply[26:], 4242^stunCookie>>16)
		binary.BigEndian.PutUint32(reply[28:], 0xcb007109^stunCookie)
		binary.BigEndian.PutUint16(reply[2:], uint16(len(reply)-stunHeader))
		_, _ = l.Agent(false, loopback).WriteToAddrPort(reply, from)
	}()
	got, err := m.Query(t.Context(), server.udp)
	if err != nil || got != netip.MustParseAddrPort("203.0.113.9:4242") {
		t.Errorf("Query = %v, %v", got, err)
	}
}
