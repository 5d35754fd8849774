package rtsp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/udp"
)

// portPair is a pair of sockets, for RTP and for RTCP, of one track or of several.
// Those of one IP address are told apart by the peer's ports, which are those of
// SETUP then: no NAT shows others. The last track closes it.
type portPair struct {
	ports *ports // nil for a client's
	local netip.Addr
	port  int // of RTP; that of RTCP is the next
	conns [2]*net.UDPConn
	out   *udp.Sender // of RTP

	start   sync.Once
	readers sync.WaitGroup
	strange atomic.Int64 // packets from nobody's address and port

	mu     sync.Mutex
	links  map[netip.Addr][]*udpLink // by peer
	tracks int                       // on the pair; without one it is about to close
}

// socketBuffer is how much the kernel is asked to hold, in bytes: a key frame
// of a publisher comes at once.
const socketBuffer = 1 << 20

// openPair opens a port and the next one for a track.
func openPair(w way, port int) (*udpLink, error) {
	p := &portPair{local: w.local, port: port, links: make(map[netip.Addr][]*udpLink)}
	for i := range p.conns {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(w.local, uint16(port+i))))
		if err != nil {
			if i == 1 {
				err = errors.Join(err, p.conns[0].Close())
			}
			return nil, fmt.Errorf("rtsp: %w", err)
		}
		// What the system grants is enough.
		_ = c.SetReadBuffer(socketBuffer)
		_ = c.SetWriteBuffer(socketBuffer)
		p.conns[i] = c
	}
	p.out = udp.NewSender(p.conns[0])
	return p.put(w), nil
}

// put puts a track on the pair. It is for who holds mu, or made the pair.
func (p *portPair) put(w way) *udpLink {
	l := newUDPLink(p, w)
	p.links[w.peer] = append(p.links[w.peer], l)
	p.tracks++
	if list := p.links[w.peer]; len(list) > 1 {
		for _, l := range list {
			l.fix()
		}
	}
	return l
}

// room is what a track would find on a pair.
type room struct {
	same   int // tracks of its own address
	tracks int // all of them
}

// room returns what there is on the pair, and whether the track may join.
func (p *portPair) room(w way) (room, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return room{len(p.links[w.peer]), p.tracks}, p.local == w.local && p.admits(w)
}

// admits reports whether a track may join. It is for who holds mu.
func (p *portPair) admits(w way) bool {
	return p.tracks > 0 && !slices.ContainsFunc(p.links[w.peer], func(l *udpLink) bool { return l.meets(w) })
}

// attach puts a track on the pair, and returns nil where it may not join.
func (p *portPair) attach(w way) *udpLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.admits(w) {
		return nil
	}
	return p.put(w)
}

// detach reports whether the track was the last.
func (p *portPair) detach(l *udpLink) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.DeleteFunc(p.links[l.peer], func(other *udpLink) bool { return other == l })
	if p.links[l.peer] = list; len(list) == 0 {
		delete(p.links, l.peer)
	}
	p.tracks--
	return p.tracks == 0
}

// slab is how a reader takes memory: datagrams of up to limit bytes out of a
// piece of size. What it reads is handed on without copying, and freed when the
// last packet of a piece is.
type slab struct{ limit, size int }

var (
	// Some publishers leave it to IP to fragment.
	mediaSlab   = slab{limit: 64 << 10, size: 256 << 10}
	controlSlab = slab{limit: 2 << 10, size: 8 << 10}
)

// read starts the readers, if they don't run. The RTP socket of players gets
// nothing of size.
func (p *portPair) read(media bool) {
	p.start.Do(func() {
		for i := range p.conns {
			s := controlSlab
			if media && i == 0 {
				s = mediaSlab
			}
			p.readers.Go(func() { p.readFrom(i, s) })
		}
	})
}

// maxFailures is how many errors in a row a reader takes for what became of
// packets sent earlier.
const maxFailures = 100

func (p *portPair) readFrom(i int, s slab) {
	var free []byte
	for failures := 0; failures < maxFailures; {
		if len(free) < s.limit {
			free = make([]byte, s.size)
		}
		n, from, err := p.conns[i].ReadFromUDPAddrPort(free[:s.limit])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			failures++
			continue
		}
		failures = 0
		if p.hand(i, from, free[:n:n]) {
			free = free[min((n+15)&^15, len(free)):]
		}
	}
}

// hand gives a packet to the track that it is from, and reports whether that took it.
func (p *portPair) hand(i int, from netip.AddrPort, b []byte) bool {
	now := time.Now()
	l, take := p.find(i, from, b, now)
	if l == nil {
		p.strange.Add(1)
		return false
	}
	defer l.calls.Done()
	if take == nil {
		return false
	}
	take(i == 1, b, now)
	return true
}

// find returns the track that a packet is from, with one more call, and what
// takes it.
func (p *portPair) find(i int, from netip.AddrPort, b []byte, now time.Time) (*udpLink, taker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links[from.Addr().Unmap()] {
		if l.accept(i, from.Port(), b, now) {
			l.calls.Add(1)
			return l, l.take
		}
	}
	return nil, nil
}

// close closes the sockets, waits for the readers and gives the ports back.
func (p *portPair) close() {
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.readers.Wait()
	if p.ports != nil {
		p.ports.forget(p)
	}
}
