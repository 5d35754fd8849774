package icemux

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// AgentConn is the net.PacketConn over which an ICE agent speaks STUN. What the
// agent does not read in time is dropped: STUN repeats itself.
type AgentConn struct {
	link *Link
	tcp  bool
	in   chan stunPacket
	done chan struct{}
	once sync.Once
}

type stunPacket struct {
	b    []byte
	from netip.AddrPort
}

var _ net.PacketConn = (*AgentConn)(nil)

func newAgentConn(l *Link, tcp bool) *AgentConn {
	return &AgentConn{link: l, tcp: tcp, in: make(chan stunPacket, 16), done: make(chan struct{})}
}

func (c *AgentConn) push(b []byte, from netip.AddrPort) {
	select {
	case c.in <- stunPacket{b, from}:
	default:
	}
}

// ReadFromAddrPort reads one STUN message.
func (c *AgentConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-c.in:
		return copy(b, p.b), p.from, nil
	case <-c.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteToAddrPort sends one STUN message.
func (c *AgentConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if err := c.link.sendSTUN(c.tcp, b, unmap(to)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ReadFrom implements net.PacketConn.
func (c *AgentConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	if c.tcp {
		return n, net.TCPAddrFromAddrPort(from), nil
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo implements net.PacketConn.
func (c *AgentConn) WriteTo(b []byte, to net.Addr) (int, error) {
	switch a := to.(type) {
	case *net.UDPAddr:
		return c.WriteToAddrPort(b, a.AddrPort())
	case *net.TCPAddr:
		return c.WriteToAddrPort(b, a.AddrPort())
	default:
		return 0, net.InvalidAddrError("icemux: neither UDP nor TCP")
	}
}

// Close ends reading. The agent calls it.
func (c *AgentConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

// LocalAddr returns the address of the socket behind the connection.
func (c *AgentConn) LocalAddr() net.Addr {
	if c.tcp {
		for _, a := range c.link.mux.TCPAddrs() {
			return net.TCPAddrFromAddrPort(a)
		}
		return &net.TCPAddr{}
	}
	for _, a := range c.link.mux.UDPAddrs() {
		return net.UDPAddrFromAddrPort(a)
	}
	return &net.UDPAddr{}
}

// SetDeadline does nothing: Close ends a read, and a write does not wait.
func (c *AgentConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *AgentConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *AgentConn) SetWriteDeadline(time.Time) error { return nil }
