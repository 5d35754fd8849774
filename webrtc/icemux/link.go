package icemux

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// maxPaths bounds the addresses that one session talks to at a time.
const maxPaths = 64

// Link is one session's share of a Mux.
type Link struct {
	mux     *Mux
	ufrag   string
	deliver func(b []byte, from *Path)
	agents  [4]*AgentConn // udp4, udp6, tcp4, tcp6

	mu     sync.Mutex
	closed bool
	udp    map[netip.AddrPort]*Path
	tcp    map[netip.AddrPort]*Path
}

func newLink(m *Mux, ufrag string, deliver func([]byte, *Path)) *Link {
	l := &Link{
		mux: m, ufrag: ufrag, deliver: deliver,
		udp: make(map[netip.AddrPort]*Path),
		tcp: make(map[netip.AddrPort]*Path),
	}
	for i := range l.agents {
		l.agents[i] = newAgentConn(l, i >= 2)
	}
	return l
}

// Agent returns the connection by which an ICE agent sends and receives STUN
// over UDP or TCP and over the address family of addr.
func (l *Link) Agent(tcp bool, addr netip.Addr) *AgentConn {
	return l.agent(tcp, netip.AddrPortFrom(addr, 0))
}

func (l *Link) agent(tcp bool, addr netip.AddrPort) *AgentConn {
	i := 0
	if !addr.Addr().Is4() {
		i = 1
	}
	if tcp {
		i += 2
	}
	return l.agents[i]
}

// Path returns the way to a peer's address that the agent has sent to or
// received from, or nil.
func (l *Link) Path(tcp bool, remote netip.AddrPort) *Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tcp {
		return l.tcp[remote]
	}
	return l.udp[remote]
}

// Close gives the ufrag and the addresses free and closes the link's TCP
// connections. deliver may still be running in another goroutine.
func (l *Link) Close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	var addrs []netip.AddrPort
	for a, p := range l.udp {
		if p.routed {
			addrs = append(addrs, a)
		}
	}
	streams := l.tcp
	l.udp, l.tcp = nil, nil
	l.mu.Unlock()
	l.mux.forget(l, addrs)
	for _, p := range streams {
		_ = p.conn.conn.Close()
	}
	for _, a := range l.agents {
		_ = a.Close()
	}
}

// path returns the path that media from a routed address belongs to.
func (l *Link) path(from netip.AddrPort) *Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.udp[from]
}

// request takes a STUN request for this session. Whether it is genuine the agent
// finds out; until it answers, nothing else is taken from that address.
func (l *Link) request(s *socket, b []byte, from netip.AddrPort, local netip.Addr) {
	l.mu.Lock()
	p := l.udp[from]
	if p == nil && !l.closed {
		if len(l.udp) >= maxPaths {
			l.evict()
		}
		if len(l.udp) < maxPaths {
			p = &Path{Remote: from, socket: s}
			l.udp[from] = p
		}
	}
	l.mu.Unlock()
	if p != nil {
		p.arrivedAt(local)
		l.agent(false, from).push(b, from)
	}
}

// evict drops the addresses that the agent never answered.
func (l *Link) evict() {
	for a, p := range l.udp {
		if !p.routed {
			delete(l.udp, a)
		}
	}
}

// joinTCP notes a connection on which a STUN request for this session came.
func (l *Link) joinTCP(c *tcpConn) *Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.tcp[c.remote]
	if p == nil && !l.closed && len(l.tcp) < maxPaths {
		p = &Path{Remote: c.remote, TCP: true, conn: c}
		l.tcp[c.remote] = p
	}
	return p
}

func (l *Link) leaveTCP(c *tcpConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.tcp[c.remote]; p != nil && p.conn == c {
		delete(l.tcp, c.remote)
	}
}

var errTooManyPaths = errors.New("icemux: the session talks to too many addresses")

// sendSTUN sends what the agent says, and by that opens the way for what the
// peer sends from there.
func (l *Link) sendSTUN(tcp bool, b []byte, to netip.AddrPort) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return net.ErrClosed
	}
	if tcp {
		p := l.tcp[to]
		l.mu.Unlock()
		if p == nil {
			return net.ErrClosed
		}
		return p.Send(b)
	}
	p := l.udp[to]
	if p == nil {
		s := l.mux.socketFor(to.Addr())
		if s == nil || len(l.udp) >= maxPaths {
			l.mu.Unlock()
			return errTooManyPaths
		}
		p = &Path{Remote: to, socket: s}
		l.udp[to] = p
	}
	first := !p.routed
	p.routed = true
	l.mu.Unlock()
	if first {
		l.mux.route(to, l)
	}
	return p.Send(b)
}
