package udp

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// writer writes packets to a socket. Methods of net.UDPConn take turns, and one
// that waits for room in the buffer keeps the others waiting; here each one asks
// the kernel itself.
type writer struct {
	conn  *net.UDPConn
	raw   syscall.RawConn // nil where the system gives none
	ip6   bool            // the socket takes addresses of IPv6, and IPv4 as such
	calls sync.Pool       // of *call, so that sending takes no memory
}

func newWriter(conn *net.UDPConn) *writer {
	w := &writer{conn: conn}
	w.calls.New = func() any { return newCall() }
	raw, err := conn.SyscallConn()
	if err != nil {
		return w
	}
	var domain int
	if cerr := raw.Control(func(fd uintptr) {
		domain, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_DOMAIN)
	}); cerr == nil && err == nil {
		w.raw, w.ip6 = raw, domain == syscall.AF_INET6
	}
	return w
}

// firstWait and lastWait are how long a packet waits for room, between one try
// and the next, before it is given up.
const (
	firstWait = time.Millisecond
	lastWait  = 64 * time.Millisecond
)

func (w *writer) write(b, oob []byte, to netip.AddrPort) error {
	if w.raw == nil || to.Addr().Zone() != "" {
		_, _, err := w.conn.WriteMsgUDPAddrPort(b, oob, to)
		return err
	}
	c := w.calls.Get().(*call)
	defer w.calls.Put(c)
	c.b, c.oob = b, append(c.oob[:0], oob...)
	c.address(to, w.ip6)
	for wait := firstWait; ; wait *= 2 {
		err := w.raw.Control(c.send)
		if err == nil {
			err = c.err
		}
		if !errors.Is(err, syscall.EAGAIN) || wait > lastWait {
			c.b = nil
			return err
		}
		time.Sleep(wait)
	}
}

// call is one call of sendmsg.
type call struct {
	b, oob []byte
	to     syscall.Sockaddr // ip4 or ip6
	ip4    syscall.SockaddrInet4
	ip6    syscall.SockaddrInet6
	err    error
	send   func(fd uintptr)
}

func newCall() *call {
	c := &call{}
	c.send = func(fd uintptr) {
		_, c.err = syscall.SendmsgN(int(fd), c.b, c.oob, c.to, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
	}
	return c
}

// address sets where the packet goes; a socket of IPv4 can't reach IPv6, which
// the kernel says.
func (c *call) address(to netip.AddrPort, ip6 bool) {
	if ip := to.Addr().Unmap(); ip.Is4() && !ip6 {
		c.ip4 = syscall.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}
		c.to = &c.ip4
		return
	}
	c.ip6 = syscall.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	c.to = &c.ip6
}
