package rtsp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
)

// wayOf is that of a peer on loopback, from its port 5000 and the next one.
func wayOf(peer string) way { return wayFrom(peer, 5000) }

func wayFrom(peer string, port uint16) way {
	return way{local: netip.MustParseAddr("127.0.0.1"), peer: netip.MustParseAddr(peer), client: [2]uint16{port, port + 1}}
}

// TestShare: which pairs tracks are put on, by the order in which they come.
func TestShare(t *testing.T) {
	const (
		player, publisher = false, true
		anna, ben, carl   = "127.0.0.2", "127.0.0.3", "127.0.0.4"
	)
	type track struct {
		publisher bool
		peer      string
		port      uint16
		want      int // the number of the pair; -1 where there is none
	}
	for _, c := range []struct {
		name   string
		tracks []track
	}{
		{"players of several addresses", []track{{player, anna, 1, 0}, {player, ben, 1, 0}, {player, carl, 1, 0}}},
		{"two tracks each", []track{{player, anna, 1, 0}, {player, anna, 3, 1}, {player, ben, 1, 0}, {player, ben, 3, 1}}},
		{"one address shares by port, and leaves half of the range", []track{
			{player, anna, 1, 0},
			{player, anna, 3, 1},
			{player, anna, 5, 0},
			{player, anna, 7, 1},
			{player, ben, 1, 0},
			{publisher, anna, 1, 2},
			{publisher, ben, 1, -1},
			{player, anna, 9, 1},
		}},
		{"one address and port is on each pair once", []track{
			{player, anna, 1, 0}, {player, anna, 1, 1}, {player, anna, 1, 2}, {player, anna, 1, -1}, {player, anna, 3, 0},
		}},
		{"publishers are alone", []track{{publisher, anna, 1, 0}, {player, ben, 1, 1}, {publisher, carl, 1, 2}, {player, carl, 1, 1}, {player, carl, 1, -1}, {player, anna, 1, 1}}},
		{"the fewest tracks come first", []track{{player, anna, 1, 0}, {player, ben, 1, 0}, {player, ben, 3, 1}, {player, carl, 1, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := freeRange(t, 6)
			p := newPorts(first, first+5)
			var links []*udpLink
			for i, tr := range c.tracks {
				find := p.share
				if tr.publisher {
					find = p.open
				}
				l, err := find(wayFrom(tr.peer, tr.port))
				if tr.want < 0 {
					if !errors.Is(err, errNoPorts) {
						t.Errorf("track %d: %v, %v", i, l, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				links = append(links, l)
				if got := (l.pair.port - first) / 2; got != tr.want {
					t.Errorf("track %d is on pair %d, want %d", i, got, tr.want)
				}
			}
			for _, l := range links {
				l.close()
			}
			if n := p.inUse(); n != 0 || len(p.shared) != 0 {
				t.Errorf("%d pairs are still in use, %d are shared", n, len(p.shared))
			}
		})
	}
}

// TestCrowd: a pair with many tracks is left alone as long as half of the range
// is free.
func TestCrowd(t *testing.T) {
	first := freeRange(t, 8)
	p := newPorts(first, first+7)
	onPair := map[int]int{}
	var links []*udpLink
	for i := range 3 * crowd {
		l, err := p.share(wayOf(fmt.Sprintf("127.0.1.%d", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
		onPair[l.pair.port]++
	}
	if len(onPair) != 2 || onPair[first] != 3*crowd/2 {
		t.Errorf("tracks by pair: %v", onPair)
	}
	for _, l := range links {
		l.close()
	}
	if n := p.inUse(); n != 0 {
		t.Errorf("%d pairs are still in use", n)
	}
}

// heard is a packet that a track was given.
type heard struct {
	control bool
	text    string
}

// sender returns a function that sends to a pair from a port of loopback.
func sender(t *testing.T, ip string, p *portPair) func(i int, text string) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return func(i int, text string) {
		t.Helper()
		if _, err := c.WriteToUDP([]byte(text), p.conns[i].LocalAddr().(*net.UDPAddr)); err != nil {
			t.Error(err)
		}
	}
}

// TestSharedPair: each track of a pair is given the packets of its own peer,
// while others join and leave.
func TestSharedPair(t *testing.T) {
	first := freeRange(t, 2)
	ports := newPorts(first, first+1)
	var links [2]*udpLink
	var got [2]chan heard
	var send [2]func(int, string)
	for i, ip := range []string{"127.0.0.2", "127.0.0.3"} {
		l, err := ports.share(wayOf(ip))
		if err != nil {
			t.Fatal(err)
		}
		links[i], got[i], send[i] = l, make(chan heard, 10), sender(t, ip, l.pair)
	}
	pair := links[0].pair
	if links[1].pair != pair {
		t.Fatal("the pair is not shared")
	}
	expect := func(i int, want heard) {
		t.Helper()
		select {
		case h := <-got[i]:
			if h != want {
				t.Errorf("track %d got %v, want %v", i, h, want)
			}
		case <-time.After(testPatience):
			t.Fatalf("track %d got nothing", i)
		}
	}
	for i, l := range links {
		l.read(false, func(control bool, b []byte, _ time.Time) { got[i] <- heard{control, string(b)} })
	}
	// What comes from elsewhere is for nobody: another address, or another port of
	// one that is known.
	strange, other := sender(t, "127.0.0.4", pair), sender(t, "127.0.0.3", pair)
	strange(0, "stranger")
	send[0](0, "media")
	expect(0, heard{false, "media"})
	send[1](0, "first")
	expect(1, heard{false, "first"})
	other(0, "another port")
	send[1](1, "report")
	expect(1, heard{true, "report"})
	send[1](0, "second")
	expect(1, heard{false, "second"})
	if n := pair.strange.Load(); n != 2 {
		t.Errorf("%d strange packets, want 2", n)
	}
	// One leaves; the other one stays.
	links[0].close()
	send[0](0, "late")
	send[1](0, "on")
	expect(1, heard{false, "on"})
	if n := pair.strange.Load(); n != 3 || len(got[0]) != 0 || ports.inUse() != 1 {
		t.Errorf("%d strange packets, %d for the one who left, %d pairs in use", n, len(got[0]), ports.inUse())
	}
	// Its place is free, and one that comes back latches anew.
	l, err := ports.share(wayOf("127.0.0.2"))
	if err != nil || l.pair != pair || l.to(0).Port() != 5000 {
		t.Fatalf("%v, %v", l, err)
	}
	l.read(false, func(control bool, b []byte, _ time.Time) { got[0] <- heard{control, string(b)} })
	send[0](0, "again")
	expect(0, heard{false, "again"})
	links[1].close()
	if ports.inUse() != 1 {
		t.Error("the pair was closed under a track")
	}
	l.close()
	if err := l.send(0, []byte("x")); !errors.Is(err, net.ErrClosed) || ports.inUse() != 0 {
		t.Errorf("after the last track: %v, %d pairs in use", err, ports.inUse())
	}
}

// TestShareRace: tracks come and go on all sides, and none is given a packet
// after its end.
func TestShareRace(t *testing.T) {
	first := freeRange(t, 4)
	ports := newPorts(first, first+3)
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			w := wayOf(fmt.Sprintf("127.0.0.%d", i/2+2))
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: w.peer.AsSlice()})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 100 {
				l, err := ports.share(w)
				if err != nil {
					continue // the last one has the ports still
				}
				closed := false // a write to it while a packet is taken is a race
				l.read(false, func(bool, []byte, time.Time) {
					if closed {
						t.Error("a packet after the end")
					}
				})
				_, _ = c.WriteToUDP([]byte("x"), l.pair.conns[0].LocalAddr().(*net.UDPAddr))
				_ = l.send(1, []byte("y"))
				l.close()
				closed = true
			}
		})
	}
	running.Wait()
	if ports.inUse() != 0 {
		t.Errorf("%d pairs are still in use", ports.inUse())
	}
}

// playUDP describes a stream and plays it over UDP.
func (f *fixture) playUDP(t testing.TB, ip, path string) (*rawClient, [2]*udpPeer) {
	t.Helper()
	c := f.dialFrom(t, ip)
	c.do(wire.OK, wire.Describe, f.url(path), nil)
	var peers [2]*udpPeer
	for i := range peers {
		peers[i] = setupUDP(c, fmt.Sprintf("%s/trackID=%d", f.url(path), i), "play")
	}
	c.do(wire.OK, wire.Play, f.url(path), nil)
	return c, peers
}

// TestPlayersShare: players of several addresses play by the same ports, from
// behind NATs too, and go on when others leave.
func TestPlayersShare(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.UDPPorts = rangeOf(freeRange(t, 8), 8) })
	pub := f.publishHub(t, "live/test", testTracks().Media()...)
	live(t, pub)
	first, peers := f.playUDP(t, "127.0.0.2", "live/test")
	second, others := f.playUDP(t, "127.0.0.3", "live/test")
	for i, p := range peers {
		if p.server[0].Port != others[i].server[0].Port {
			t.Errorf("track %d: ports %v and %v", i, p.server[0], others[i].server[0])
		}
		p.packet(t)
		others[i].packet(t)
	}
	for range 2 { // as if publishers had them
		defer f.server.udp().free(f.server.udp().take())
	}
	// Another one of the same address gets a pair on which its port is its own, and
	// the next with that port none.
	url := f.url("live/test") + "/trackID=0"
	port := others[0].conns[0].LocalAddr().(*net.UDPAddr).Port
	transport := fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d", port, port+1)
	third := f.dialFrom(t, "127.0.0.3").do(wire.OK, wire.Setup, url, nil, transport)
	if want := fmt.Sprintf("server_port=%d-", others[1].server[0].Port); !strings.Contains(third.Header.Get(wire.HeaderTransport), want) {
		t.Errorf("Transport: %q, want %s", third.Header.Get(wire.HeaderTransport), want)
	}
	fourth := f.dialFrom(t, "127.0.0.3").do(wire.NotEnoughBandwidth, wire.Setup, url, nil, transport)
	if !strings.Contains(fourth.Reason, "Use TCP") {
		t.Errorf("the reason is %q", fourth.Reason)
	}
	nat := setupUDP(f.dialFrom(t, "127.0.0.4"), url, "play")
	if nat.server[0].Port != peers[0].server[0].Port && nat.server[0].Port != peers[1].server[0].Port {
		t.Errorf("port %v is not shared", nat.server[0])
	}
	// The first leaves, and the other one plays on.
	first.do(wire.OK, wire.Teardown, f.url("live/test"), nil)
	second.do(wire.OK, wire.GetParameter, f.url("live/test"), nil)
	for range 50 {
		others[0].packet(t)
	}
}

// TestManyPlayers plays to more players than a server has pairs of ports by
// default, and a publisher over UDP still finds its own.
func TestManyPlayers(t *testing.T) {
	for _, c := range []struct {
		name               string
		players, addresses int
	}{{"several addresses", 100, 10}, {"one address", 200, 1}} {
		t.Run(c.name, func(t *testing.T) {
			f := startService(t, auth.Config{})
			pub := f.publishHub(t, "live/test", testTracks().Media()...)
			live(t, pub)
			var peers [][2]*udpPeer
			for i := range c.players {
				_, p := f.playUDP(t, fmt.Sprintf("127.0.0.%d", 1+i%c.addresses), "live/test")
				peers = append(peers, p)
			}
			for _, p := range peers {
				for range 3 {
					p[0].packet(t)
					p[1].packet(t)
				}
			}
			if n := f.server.udp().inUse(); n != 25 {
				t.Errorf("%d pairs of ports are in use, want half of the range", n)
			}
			f.publishUDP(t, "live/other")
		})
	}
}

// TestSharedByPort: tracks of one address on one pair are given what comes from
// the ports of their SETUP, and what comes from others is for nobody, though it
// were the first.
func TestSharedByPort(t *testing.T) {
	lowest := freeRange(t, 2)
	ports := newPorts(lowest, lowest+1)
	type peer struct {
		link *udpLink
		conn [2]*net.UDPConn
		got  chan heard
	}
	join := func() *peer {
		t.Helper()
		p := &peer{got: make(chan heard, 10)}
		w := wayOf("127.0.0.1")
		for i := range p.conn {
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: w.peer.AsSlice()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			p.conn[i], w.client[i] = c, c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		}
		var err error
		if p.link, err = ports.share(w); err != nil {
			t.Fatal(err)
		}
		p.link.read(false, func(control bool, b []byte, _ time.Time) { p.got <- heard{control, string(b)} })
		return p
	}
	say := func(from *net.UDPConn, to *udpLink, i int, text string) {
		t.Helper()
		if _, err := from.WriteToUDP([]byte(text), to.pair.conns[i].LocalAddr().(*net.UDPAddr)); err != nil {
			t.Error(err)
		}
	}
	expect := func(p *peer, want heard) {
		t.Helper()
		select {
		case h := <-p.got:
			if h != want {
				t.Errorf("got %v, want %v", h, want)
			}
		case <-time.After(testPatience):
			t.Fatalf("%v did not come", want)
		}
	}
	first := join()
	nat, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer nat.Close()
	say(nat, first.link, 0, "from a NAT") // alone on the pair it is taken
	expect(first, heard{false, "from a NAT"})
	second, third := join(), join()
	for _, p := range []*peer{third, first, second} {
		say(nat, p.link, 1, "whose?")
		from := p.conn[0]
		if p == first {
			from = nat
		}
		say(from, p.link, 0, "media")
		expect(p, heard{false, "media"})
		say(p.conn[1], p.link, 1, "report")
		expect(p, heard{true, "report"})
	}
	if n := first.link.pair.strange.Load(); n != 3 {
		t.Errorf("%d strange packets, want 3", n)
	}
	// Those who stay are still known by their ports.
	first.link.close()
	third.link.close()
	say(third.conn[1], second.link, 1, "late")
	say(second.conn[1], second.link, 1, "report")
	expect(second, heard{true, "report"})
	if b := make([]byte, 16); second.link.send(0, []byte("media")) == nil {
		if n, err := second.conn[0].Read(b); err != nil || string(b[:n]) != "media" {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
	second.link.close()
}
