package icemux

import (
	"net/netip"
	"sync/atomic"
)

// Path is one way to a peer: a remote address over UDP, or a TCP connection.
type Path struct {
	// Remote is the peer's address.
	Remote netip.AddrPort
	// TCP is set for a path over a TCP connection.
	TCP bool

	socket *socket // for UDP
	conn   *tcpConn
	source atomic.Pointer[source]
	// routed is set once the mux delivers what comes from Remote; guarded by
	// the link's lock.
	routed bool
}

// source is the local address that a peer knows: answers leave from it, whatever
// the routing table would choose (RFC 8445 section 7.2.5.2.1 wants symmetry).
type source struct {
	addr netip.Addr
	oob  []byte
}

// control returns the control messages that packets need to leave from there.
func (s *source) control() []byte {
	if s == nil {
		return nil
	}
	return s.oob
}

// Send sends one packet.
func (p *Path) Send(b []byte) error {
	if p.conn != nil {
		return p.conn.send(b)
	}
	return p.socket.send(b, p.Remote, p.source.Load())
}

// SendTrain sends the packets of a train in order. It does not change the train.
// Packets after one that could not be sent are not sent.
func (p *Path) SendTrain(t *Train) error {
	if p.conn != nil {
		return p.conn.sendTrain(t)
	}
	return p.socket.sendTrain(t, p.Remote, p.source.Load())
}

// Local returns the address of this host that the peer talks to, or the zero
// Addr where the system does not tell.
func (p *Path) Local() netip.Addr {
	if s := p.source.Load(); s != nil {
		return s.addr
	}
	return netip.Addr{}
}

// arrivedAt notes the local address of a packet that came from the peer.
func (p *Path) arrivedAt(local netip.Addr) {
	if !local.IsValid() {
		return
	}
	if s := p.source.Load(); s == nil || s.addr != local {
		p.source.Store(&source{addr: local, oob: pktinfo(local)})
	}
}
