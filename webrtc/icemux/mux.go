package icemux

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// ErrUfragTaken is returned by Open for a ufrag that is in use.
var ErrUfragTaken = errors.New("icemux: ufrag is in use")

// Config is what a Mux runs on.
type Config struct {
	// UDP are the sockets, at most one for each address family; or one that
	// serves both. The mux closes them.
	UDP []net.PacketConn
	// TCP are the listeners for ICE over TCP. It may be empty. The mux closes them.
	TCP []net.Listener
	// Log gets what is worth knowing; nil discards it.
	Log *slog.Logger
}

// Mux shares sockets among ICE sessions. All its methods are safe for concurrent
// use.
type Mux struct {
	log       *slog.Logger
	sockets   []*socket
	listeners []net.Listener
	wg        sync.WaitGroup

	mu      sync.RWMutex
	closed  bool
	links   map[string]*Link           // by local ufrag
	routes  map[netip.AddrPort][]*Link // by remote UDP address, newest first
	streams map[*tcpConn]struct{}      // open TCP connections
	queries map[[12]byte]chan<- []byte // requests to STUN servers, by transaction
}

// New starts a mux on the given sockets.
func New(cfg Config) (*Mux, error) {
	m := &Mux{
		log:       cfg.Log,
		listeners: cfg.TCP,
		links:     make(map[string]*Link),
		routes:    make(map[netip.AddrPort][]*Link),
		streams:   make(map[*tcpConn]struct{}),
		queries:   make(map[[12]byte]chan<- []byte),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	for _, conn := range cfg.UDP {
		s, err := newSocket(conn)
		if err != nil {
			return nil, err
		}
		m.sockets = append(m.sockets, s)
	}
	for _, s := range m.sockets {
		m.wg.Go(func() {
			err := s.read(func(b []byte, from netip.AddrPort, local netip.Addr) { m.fromUDP(s, b, from, local) })
			if err != nil {
				m.log.Error("webrtc: reading the UDP socket failed, no media until a restart", "address", s.addr, "error", err)
			}
		})
	}
	for _, l := range m.listeners {
		m.wg.Go(func() { m.accept(l) })
	}
	return m, nil
}

// Close ends all links and connections, closes the sockets and waits until
// nothing of the mux runs any more.
func (m *Mux) Close() {
	m.mu.Lock()
	m.closed = true
	links := m.links
	m.links = make(map[string]*Link)
	streams := m.streams
	m.streams = make(map[*tcpConn]struct{})
	m.mu.Unlock()
	for _, s := range m.sockets {
		_ = s.conn.Close()
	}
	for _, l := range m.listeners {
		_ = l.Close()
	}
	for c := range streams {
		_ = c.conn.Close()
	}
	for _, l := range links {
		l.Close()
	}
	m.wg.Wait()
}

// UDPAddrs returns the addresses of the UDP sockets, which may be unspecified.
func (m *Mux) UDPAddrs() []netip.AddrPort {
	var list []netip.AddrPort
	for _, s := range m.sockets {
		list = append(list, s.addr)
	}
	return list
}

// TCPAddrs returns the addresses of the listeners, which may be unspecified.
func (m *Mux) TCPAddrs() []netip.AddrPort {
	var list []netip.AddrPort
	for _, l := range m.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			list = append(list, unmap(a.AddrPort()))
		}
	}
	return list
}

// Open gives the session with the local ufrag its share of the mux. deliver is
// called with everything but STUN that its peer sends, on a goroutine that
// serves other sessions as well: it must not block. The packet is its to keep.
func (m *Mux) Open(ufrag string, deliver func(b []byte, from *Path)) (*Link, error) {
	l := newLink(m, ufrag, deliver)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, net.ErrClosed
	}
	if m.links[ufrag] != nil {
		return nil, fmt.Errorf("%w: %s", ErrUfragTaken, ufrag)
	}
	m.links[ufrag] = l
	return l, nil
}

func (m *Mux) fromUDP(s *socket, b []byte, from netip.AddrPort, local netip.Addr) {
	if !isSTUN(b) {
		m.mu.RLock()
		routes := m.routes[from]
		m.mu.RUnlock()
		if len(routes) > 0 {
			l := routes[0]
			if p := l.path(from); p != nil {
				l.deliver(b, p)
			}
		}
		return
	}
	if isRequest(b) {
		if l := m.link(localUfrag(b)); l != nil {
			l.request(s, b, from, local)
		}
		return
	}
	// A response has no USERNAME, and in the middle of an ICE restart two
	// sessions may wait for one from this address: an agent knows its own by
	// the transaction.
	m.mu.RLock()
	routes := m.routes[from]
	query := m.queries[[12]byte(b[8:stunHeader])]
	m.mu.RUnlock()
	if query != nil {
		select {
		case query <- b:
		default:
		}
	}
	for _, l := range routes {
		l.agent(false, from).push(b, from)
	}
}

func (m *Mux) link(ufrag []byte) *Link {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.links[string(ufrag)]
}

// socketFor returns the socket that reaches addr, or nil.
func (m *Mux) socketFor(addr netip.Addr) *socket {
	for _, s := range m.sockets {
		if s.addr.Addr().Is4() == addr.Is4() {
			return s
		}
	}
	// A socket bound to [::] may serve both families.
	for _, s := range m.sockets {
		if s.addr.Addr() == netip.IPv6Unspecified() {
			return s
		}
	}
	return nil
}

// route delivers what comes from addr to l. The slices are never changed in
// place: readers hold them without the lock.
func (m *Mux) route(addr netip.AddrPort, l *Link) {
	const most = 4
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[l.ufrag] != l {
		return
	}
	list := append([]*Link{l}, m.routes[addr]...)
	m.routes[addr] = list[:min(len(list), most)]
}

func (m *Mux) forget(l *Link, addrs []netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[l.ufrag] == l {
		delete(m.links, l.ufrag)
	}
	for _, a := range addrs {
		list := slices.DeleteFunc(slices.Clone(m.routes[a]), func(o *Link) bool { return o == l })
		if len(list) == 0 {
			delete(m.routes, a)
		} else {
			m.routes[a] = list
		}
	}
}
