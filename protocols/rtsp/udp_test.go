package rtsp

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/container/rtp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
)

// udpPeer is a client's pair of ports.
type udpPeer struct {
	conns  [2]*net.UDPConn
	server [2]*net.UDPAddr
}

// setupUDP sets a track up on new ports.
func setupUDP(c *rawClient, url, mode string) *udpPeer {
	c.t.Helper()
	p := &udpPeer{}
	ip := c.conn.LocalAddr().(*net.TCPAddr).IP
	for p.conns[1] == nil {
		a, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
		if err != nil {
			c.t.Fatal(err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		b, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port + 1})
		if err != nil {
			a.Close()
			continue
		}
		p.conns = [2]*net.UDPConn{a, b}
	}
	port := p.conns[0].LocalAddr().(*net.UDPAddr).Port
	for _, u := range p.conns {
		_ = u.SetDeadline(time.Now().Add(testPatience))
		c.t.Cleanup(func() { u.Close() })
	}
	res := c.do(wire.OK, wire.Setup, url, nil, fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d;mode=%s", port, port+1, mode))
	list, err := wire.ParseTransports(res.Header.Get(wire.HeaderTransport))
	if err != nil || list[0].ServerPort == nil || list[0].ClientPort == nil || list[0].ClientPort.RTP != port {
		c.t.Fatalf("Transport: %q", res.Header.Get(wire.HeaderTransport))
	}
	s := list[0].ServerPort
	if s.RTP%2 != 0 || s.RTCP != s.RTP+1 {
		c.t.Errorf("server_port %v", s)
	}
	for i, n := range []int{s.RTP, s.RTCP} {
		p.server[i] = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: n}
	}
	return p
}

// publishUDP announces VP8 and PCMA and goes on the air.
func (f *fixture) publishUDP(t testing.TB, path string) (*source, [2]*udpPeer) {
	t.Helper()
	c := f.dial(t)
	c.do(wire.OK, wire.Announce, f.url(path), describe(testVideo, testAudio))
	var peers [2]*udpPeer
	for i := range peers {
		peers[i] = setupUDP(c, fmt.Sprintf("%s/streamid=%d", f.url(path), i), "record")
	}
	c.do(wire.OK, wire.Record, f.url(path), nil)
	s := newSource(c)
	s.rawClient = c
	s.send = func(track int, b []byte) {
		if _, err := peers[track].conns[0].WriteToUDP(b, peers[track].server[0]); err != nil {
			t.Errorf("publish: %v", err)
		}
	}
	return s, peers
}

func (p *udpPeer) packet(t testing.TB) rtp.Packet {
	t.Helper()
	_ = p.conns[0].SetReadDeadline(time.Now().Add(testPatience)) // others may have taken long
	b := make([]byte, 2048)
	n, from, err := p.conns[0].ReadFromUDP(b)
	if err != nil {
		t.Fatal(err)
	}
	if from.Port != p.server[0].Port {
		t.Errorf("a packet from %v, want %v", from, p.server[0])
	}
	out, err := rtp.Parse(b[:n])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUDP publishes and plays over UDP.
func TestUDP(t *testing.T) {
	f := startService(t, auth.Config{})
	pub, in := f.publishUDP(t, "live/test")
	pub.run(t)
	c := f.dial(t)
	c.do(wire.OK, wire.Describe, f.url("live/test"), nil)
	var out [2]*udpPeer
	for i := range out {
		out[i] = setupUDP(c, fmt.Sprintf("%s/trackID=%d", f.url("live/test"), i), "play")
	}
	info := wire.ParseRTPInfo(c.do(wire.OK, wire.Play, f.url("live/test"), nil).Header.Get(wire.HeaderRTPInfo))
	ports := f.server.udp()
	for i, p := range out {
		if s := p.server; s[0].Port < ports.first || s[1].Port > ports.last {
			t.Errorf("track %d: ports %v, not from %d to %d", i, s, ports.first, ports.last)
		}
		next := info[i].Seq
		for range 30 {
			got := p.packet(t)
			if got.Sequence != next {
				t.Fatalf("track %d: packet %d, want %d", i, got.Sequence, next)
			}
			next++
		}
		b := make([]byte, 2048)
		n, err := p.conns[1].Read(b)
		if err != nil {
			t.Fatal(err)
		}
		list, err := rtcp.Unmarshal(b[:n])
		if err != nil || len(list) < 2 {
			t.Fatal(err)
		}
		if sr, ok := list[0].(*rtcp.SenderReport); !ok || sr.NTPTime == 0 || sr.RTPTime != info[i].Time {
			t.Errorf("track %d: %v", i, list[0])
		}
	}
	// The publisher gets reports.
	b := make([]byte, 2048)
	n, err := in[1].conns[1].Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := rtcp.Unmarshal(b[:n]); err != nil || len(list) == 0 {
		t.Errorf("%v", err)
	}
}

// TestPunch: a player behind a NAT is sent to where its packets come from, and
// packets from elsewhere change nothing.
func TestPunch(t *testing.T) {
	f := startService(t, auth.Config{})
	pub := f.publishHub(t, "live/test", testTracks().Media()...)
	live(t, pub)
	c := f.dial(t)
	p := setupUDP(c, f.url("live/test")+"/trackID=1", "play")
	other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, _ = other.WriteToUDP([]byte{0x80, 0, 0, 0}, p.server[0])
	nat, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer nat.Close()
	if _, err := nat.WriteToUDP([]byte{0x80, 0, 0, 0}, p.server[0]); err != nil {
		t.Fatal(err)
	}
	c.do(wire.OK, wire.Play, f.url("live/test"), nil)
	_ = nat.SetReadDeadline(time.Now().Add(testPatience))
	b := make([]byte, 2048)
	n, err := nat.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rtp.Parse(b[:n]); err != nil {
		t.Error(err)
	}
}

// TestForeignPackets: what does not come from the publisher's address is not
// taken.
func TestForeignPackets(t *testing.T) {
	f := startService(t, auth.Config{})
	pub, peers := f.publishUDP(t, "live/test")
	foreign, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	for i := range 50 {
		p := rtp.Packet{Sequence: uint16(i), Timestamp: uint32(i * 160), SSRC: 9, PayloadType: 8, Payload: bytes.Repeat([]byte{0xee}, 160)}
		_, _ = foreign.WriteToUDP(p.Append(nil), peers[1].server[0])
	}
	pub.run(t)
	c, _ := f.playTCP(t, "live/test")
	for range 30 {
		if p, channel := c.packet(); channel == 2 && p.Payload[0] == 0xee {
			t.Fatal("a foreign packet was taken")
		}
	}
}

// TestPortsUsedUp: the one who finds no ports is told so, and the ports come
// back.
func TestPortsUsedUp(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.UDPPorts = rangeOf(freeRange(t, 8)+1, 6) }) // two whole pairs
	pub := f.publishHub(t, "live/test", testTracks().Media()...)
	live(t, pub)
	first, _ := f.publishUDP(t, "live/other")
	url := f.url("live/test")
	second := f.dial(t)
	udp := "Transport: RTP/AVP;unicast;client_port=5000-5001"
	second.do(wire.NotEnoughBandwidth, wire.Setup, url+"/trackID=0", nil, udp)
	second.do(wire.OK, wire.Setup, url+"/trackID=0", nil, udp+",RTP/AVP/TCP;unicast;interleaved=0-1")
	first.do(wire.OK, wire.Teardown, f.url("live/other"), nil)
	third := f.dial(t)
	for i := range 2 {
		setupUDP(third, fmt.Sprintf("%s/trackID=%d", url, i), "play")
	}
}

// TestDeadUDPPlayer: one that gives no sign of life is ended. One that sends
// reports meanwhile is not, nor one behind a NAT whose reports can't be told from
// those of others, and that sends requests.
func TestDeadUDPPlayer(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.SessionTimeout, c.UDPPorts = 3*time.Second, rangeOf(freeRange(t, 2), 2) })
	pub := f.publishHub(t, "live/test", testTracks().Media()...)
	live(t, pub)
	url := f.url("live/test")
	play := func() (*rawClient, *udpPeer) {
		c := f.dial(t)
		p := setupUDP(c, url+"/trackID=1", "play")
		c.do(wire.OK, wire.Play, url, nil)
		return c, p
	}
	c, alive := play()
	nat, shared := play()
	shared.conns[1].Close()
	stop := make(chan struct{})
	var reporting sync.WaitGroup
	reporting.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = alive.conns[1].WriteToUDP([]byte{0x80, 201, 0, 1, 0, 0, 0, 0}, alive.server[1])
			_, _ = fmt.Fprintf(nat.conn, "GET_PARAMETER %s RTSP/1.0\r\nCSeq: 9\r\nSession: %s\r\n\r\n", url, nat.session)
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	defer reporting.Wait()
	defer close(stop)
	dead, _ := play()
	dead.ended()
	// The others began before it, so that their time was over before.
	c.do(wire.OK, wire.GetParameter, url, nil)
	if n := len(f.hub.Find("live/test").Viewers()); n != 2 {
		t.Errorf("%d players are left, want the one that sends reports and the one that sends requests", n)
	}
}
