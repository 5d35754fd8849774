package rtsp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/udp"
)

// portPair is a pair of sockets, for RTP and for RTCP, of one track or of several
// whose peers have different IP addresses. The last track closes it.
type portPair struct {
	ports *ports // nil for a client's
	local netip.Addr
	port  int // of RTP; that of RTCP is the next
	conns [2]*net.UDPConn
	out   *udp.Sender // of RTP

	start   sync.Once
	readers sync.WaitGroup
	strange atomic.Int64 // packets from nobody's address and port

	mu    sync.Mutex
	links map[netip.Addr]*udpLink // by peer; without one the pair is about to close
}

// socketBuffer is how much the kernel is asked to hold, in bytes: a key frame
// of a publisher comes at once.
const socketBuffer = 1 << 20

// openPair opens a port and the next one for a track.
func openPair(w way, port int) (*udpLink, error) {
	p := &portPair{local: w.local, port: port, links: make(map[netip.Addr]*udpLink)}
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
	l := newUDPLink(p, w)
	p.links[w.peer] = l
	return l, nil
}

// room returns how many tracks the pair has, and whether this one may join.
func (p *portPair) room(w way) (tracks int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links), p.local == w.local && p.open(w.peer)
}

// open reports whether a track of the peer may join. It is for who holds mu.
func (p *portPair) open(peer netip.Addr) bool {
	return p.links[peer] == nil && len(p.links) > 0
}

// attach puts a track on the pair, and returns nil where it may not join.
func (p *portPair) attach(w way) *udpLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open(w.peer) {
		return nil
	}
	l := newUDPLink(p, w)
	p.links[w.peer] = l
	return l
}

// detach reports whether the track was the last.
func (p *portPair) detach(l *udpLink) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l.peer)
	return len(p.links) == 0
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

// hand gives a packet to the track of its peer, and reports whether that took it.
func (p *portPair) hand(i int, from netip.AddrPort, b []byte) bool {
	p.mu.Lock()
	l := p.links[from.Addr().Unmap()]
	var take taker
	if l != nil {
		take = l.take
		l.calls.Add(1)
	}
	p.mu.Unlock()
	if l == nil {
		p.strange.Add(1)
		return false
	}
	defer l.calls.Done()
	if !l.accept(i, from.Port()) {
		p.strange.Add(1)
		return false
	}
	if take == nil {
		return false
	}
	take(i == 1, b, time.Now())
	return true
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
