package rtsp

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// errNoPorts says that every pair of the range is in use: by publishers, and,
// for a player, by one of its own address and port.
var errNoPorts = errors.New("no UDP ports are left: widen udp_ports, or use TCP")

// ports hands out pairs of UDP ports from a range.
type ports struct {
	first, last int // 0 where UDP is off

	mu     sync.Mutex // taken before that of a pair
	next   int
	used   map[int]bool // by the even port
	shared []*portPair  // on which players may join
}

func newPorts(first, last int) *ports {
	return &ports{first: first, last: last, next: first, used: make(map[int]bool)}
}

// size returns how many pairs the range has.
func (p *ports) size() int { return (p.last - p.first + 1) / 2 }

// take reserves the next free pair, 0 where there is none.
func (p *ports) take() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.size() {
		port := p.next
		if p.next += 2; p.next > p.last {
			p.next = p.first
		}
		if !p.used[port] {
			p.used[port] = true
			return port
		}
	}
	return 0
}

func (p *ports) free(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, port)
}

// inUse returns how many pairs are in use.
func (p *ports) inUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.used)
}

// forget takes back the ports of a pair that is closed.
func (p *ports) forget(pair *portPair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = slices.DeleteFunc(p.shared, func(other *portPair) bool { return other == pair })
	delete(p.used, pair.port)
}

// way is between which addresses a track travels.
type way struct {
	local, peer netip.Addr
	client      [2]uint16 // the peer's ports of RTP and RTCP, 0 until they are known
}

// open opens a pair of ports for one track alone.
func (p *ports) open(w way) (*udpLink, error) {
	if p.first == 0 {
		return nil, errors.New("UDP is off: use TCP")
	}
	var taken []int // by other programs
	defer func() {
		for _, port := range taken {
			p.free(port)
		}
	}()
	for {
		port := p.take()
		if port == 0 {
			return nil, errNoPorts
		}
		l, err := openPair(w, port)
		if err != nil {
			taken = append(taken, port)
			continue
		}
		l.pair.ports = p
		return l, nil
	}
}

// crowd is how many tracks share a pair before another one is opened, as long as
// half of the range is free for publishers. A socket has one buffer for all, and
// peers on the local network that are gone without a word fill it: Linux keeps
// some 200 kB for each while it asks for them.
const crowd = 8

// share finds a pair of ports for a player's track: one on which no other is of
// its address, so that a NAT may change its ports; with half of the range in use,
// one where its ports are its own.
func (p *ports) share(w way) (*udpLink, error) {
	if 2*p.inUse() < p.size() {
		if l := p.join(w, func(r room) bool { return r.same == 0 && r.tracks < crowd }); l != nil {
			return l, nil
		}
		if l, err := p.openShared(w); err == nil {
			return l, nil
		}
	}
	if l := p.join(w, func(room) bool { return true }); l != nil {
		return l, nil
	}
	return p.openShared(w)
}

// openShared opens a pair of ports that other players may join.
func (p *ports) openShared(w way) (*udpLink, error) {
	l, err := p.open(w)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = append(p.shared, l.pair)
	return l, nil
}

// join puts a track on the shared pair that has the fewest of its address, and of
// those the fewest of all, among those that fit; nil where there is none.
func (p *ports) join(w way, fits func(room) bool) *udpLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var best *portPair
		var least room
		for _, pair := range p.shared {
			r, ok := pair.room(w)
			if ok && fits(r) && (best == nil || r.before(least)) {
				best, least = pair, r
			}
		}
		if best == nil {
			return nil
		}
		if l := best.attach(w); l != nil {
			return l
		}
		// The last of its tracks has left meanwhile.
	}
}

// before reports whether r is the better place.
func (r room) before(other room) bool {
	return cmp.Or(cmp.Compare(r.same, other.same), cmp.Compare(r.tracks, other.tracks)) < 0
}
