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

// wayOf is that of a peer on loopback.
func wayOf(peer string) way {
	return way{local: netip.MustParseAddr("127.0.0.1"), peer: netip.MustParseAddr(peer), client: [2]uint16{5000, 5001}}
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
		want      int // the number of the pair; -1 where there is none
	}
	for _, c := range []struct {
		name   string
		tracks []track
	}{
		{"players of several addresses", []track{{player, anna, 0}, {player, ben, 0}, {player, carl, 0}}},
		{"two tracks each", []track{{player, anna, 0}, {player, anna, 1}, {player, ben, 0}, {player, ben, 1}}},
		{"the range is the bound of one address", []track{{player, anna, 0}, {player, anna, 1}, {player, anna, 2}, {player, anna, -1}, {player, ben, 0}, {publisher, ben, -1}}},
		{"publishers are alone", []track{{publisher, anna, 0}, {player, ben, 1}, {publisher, carl, 2}, {player, carl, 1}, {player, carl, -1}, {player, anna, 1}}},
		{"the fewest tracks come first", []track{{player, anna, 0}, {player, ben, 0}, {player, ben, 1}, {player, carl, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPorts(31300, 31305)
			var links []*udpLink
			for i, tr := range c.tracks {
				find := p.share
				if tr.publisher {
					find = p.open
				}
				l, err := find(wayOf(tr.peer))
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
				if got := (l.pair.port - 31300) / 2; got != tr.want {
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
	p := newPorts(31310, 31317)
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
	if len(onPair) != 2 || onPair[31310] != 3*crowd/2 {
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
	ports := newPorts(31320, 31321)
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
	ports := newPorts(31330, 31333)
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
	f := startService(t, auth.Config{}, func(c *Config) { c.UDPPorts = "31211-31215" })
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
	// One address has no more ports, others have.
	url := f.url("live/test") + "/trackID=0"
	third := f.dialFrom(t, "127.0.0.3")
	res := third.do(wire.NotEnoughBandwidth, wire.Setup, url, nil, "Transport: RTP/AVP;unicast;client_port=5000-5001")
	if !strings.Contains(res.Reason, "For This Address, Use TCP") {
		t.Errorf("the reason is %q", res.Reason)
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

// TestManyPlayers plays to 100 players of 10 addresses by as many ports as a
// server has by default.
func TestManyPlayers(t *testing.T) {
	f := startService(t, auth.Config{})
	pub := f.publishHub(t, "live/test", testTracks().Media()...)
	live(t, pub)
	var peers [][2]*udpPeer
	for i := range 100 {
		_, p := f.playUDP(t, fmt.Sprintf("127.0.0.%d", 2+i%10), "live/test")
		peers = append(peers, p)
	}
	for _, p := range peers {
		for range 3 {
			p[0].packet(t)
			p[1].packet(t)
		}
	}
	if n := f.server.udp().inUse(); n < 20 || n > 25 {
		t.Errorf("%d pairs of ports are in use, want those of an address at least, and half of the range at most", n)
	}
}
