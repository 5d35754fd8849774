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

// errNoPorts says that every pair of the range is in use.
var errNoPorts = errors.New("no UDP ports are left: widen udp_ports, or use TCP")

// ports hands out pairs of UDP sockets from a range of ports.
type ports struct {
	first, last int // 0 where UDP is off

	mu   sync.Mutex
	next int
	used map[int]bool // by the even port
}

func newPorts(first, last int) *ports {
	return &ports{first: first, last: last, next: first, used: make(map[int]bool)}
}

// take reserves the next free pair, 0 where there is none.
func (p *ports) take() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range (p.last - p.first + 1) / 2 {
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

// open opens a pair on a local address, for a peer. Ports that other programs
// have are passed over.
func (p *ports) open(local netip.Addr, peer netip.Addr, client [2]uint16) (*portPair, error) {
	if p.first == 0 {
		return nil, errors.New("UDP is off: use TCP")
	}
	var taken []int
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
		pair, err := openPair(local, port)
		if err != nil {
			taken = append(taken, port)
			continue
		}
		pair.ports, pair.port = p, port
		for i := range pair.remote {
			pair.peer = peer
			pair.remote[i].Store(uint32(client[i]))
		}
		return pair, nil
	}
}

// portPair is a pair of sockets for one track of one peer: RTP, and RTCP.
type portPair struct {
	ports *ports
	port  int
	conns [2]*net.UDPConn
	out   *udp.Sender // of RTP
	peer  netip.Addr  // packets from elsewhere are not taken
	// remote are the peer's ports: those of SETUP, or, once packets have come
	// through a NAT, those that they came from.
	remote  [2]atomic.Uint32
	latched [2]atomic.Bool
	strange atomic.Int64 // packets from elsewhere
	reading bool
	readers sync.WaitGroup
}

// socketBuffer is how much the kernel is asked to hold, in bytes: a key frame
// of a publisher comes at once.
const socketBuffer = 1 << 20

func openPair(local netip.Addr, port int) (*portPair, error) {
	p := &portPair{}
	for i := range p.conns {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, uint16(port+i))))
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
	return p, nil
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

// read starts to call f for each packet of the peer, on a goroutine for each
// socket, until the pair is closed. The packet's memory is f's to keep. The RTP
// socket of a player gets nothing of size.
func (p *portPair) read(publisher bool, f func(control bool, b []byte, now time.Time)) {
	p.reading = true
	for i := range p.conns {
		s := controlSlab
		if publisher && i == 0 {
			s = mediaSlab
		}
		p.readers.Go(func() { p.readFrom(i, s, f) })
	}
}

// maxFailures is how many errors in a row a reader takes for what became of
// packets sent earlier.
const maxFailures = 100

func (p *portPair) readFrom(i int, s slab, f func(control bool, b []byte, now time.Time)) {
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
		if !p.accept(i, from) {
			p.strange.Add(1)
			continue
		}
		f(i == 1, free[:n:n], time.Now())
		free = free[min((n+15)&^15, len(free)):]
	}
}

// accept reports whether a packet comes from the peer. The first one shows
// which port the peer's NAT has given it.
func (p *portPair) accept(i int, from netip.AddrPort) bool {
	if from.Addr().Unmap() != p.peer {
		return false
	}
	if p.latched[i].CompareAndSwap(false, true) {
		p.remote[i].Store(uint32(from.Port()))
	}
	return uint32(from.Port()) == p.remote[i].Load()
}

// to returns where the peer takes packets.
func (p *portPair) to(i int) netip.AddrPort {
	return netip.AddrPortFrom(p.peer, uint16(p.remote[i].Load()))
}

// sendTrain sends RTP packets. What the network does not take is lost, as on any
// other part of the way.
func (p *portPair) sendTrain(t *udp.Train) error {
	if err := p.out.Send(t, p.to(0), nil); errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// send sends one packet, of RTP (0) or RTCP (1).
func (p *portPair) send(i int, b []byte) error {
	_, err := p.conns[i].WriteToUDPAddrPort(b, p.to(i))
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// close closes the sockets, waits for the readers and gives the ports back.
func (p *portPair) close() {
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.readers.Wait()
	p.ports.free(p.port)
}
