package icemux

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"sluice/server/udp"
)

// Train is a run of packets for one destination.
type Train = udp.Train

// maxPacket is the largest packet taken from the network. WebRTC peers keep
// below 1500 bytes.
const maxPacket = 2048

// slabSize is how much memory a reader takes at a time. What it reads is handed
// on without copying and freed when the last packet of a slab is.
const slabSize = 64 << 10

// socket is one UDP socket.
type socket struct {
	conn net.PacketConn
	udp  *net.UDPConn // the same, where it is a real one
	addr netip.AddrPort
	out  *udp.Sender // of udp
}

func newSocket(conn net.PacketConn) (*socket, error) {
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("icemux: not a UDP socket")
	}
	s := &socket{conn: conn, addr: unmap(local.AddrPort())}
	if s.udp, ok = conn.(*net.UDPConn); ok {
		s.out = udp.NewSender(s.udp)
		if s.addr.Addr().IsUnspecified() {
			wantPktinfo(s.udp, s.addr.Addr().Is6())
		}
	}
	return s, nil
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// read calls f for every packet until the socket is closed. The packet's memory
// is f's to keep.
func (s *socket) read(f func(b []byte, from netip.AddrPort, local netip.Addr)) error {
	var slab []byte
	oob := make([]byte, 64)
	for failures := 0; ; {
		if len(slab) < maxPacket {
			slab = make([]byte, slabSize)
		}
		n, from, local, err := s.receive(slab[:maxPacket], oob)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			// Some systems report here what became of a packet sent earlier.
			if failures++; failures > 100 {
				return err
			}
			time.Sleep(time.Duration(failures) * time.Millisecond)
		case n < maxPacket:
			failures = 0
			f(slab[:n:n], unmap(from), local.Unmap())
			slab = slab[(n+15)&^15:]
		}
	}
}

func (s *socket) receive(b, oob []byte) (n int, from netip.AddrPort, local netip.Addr, err error) {
	if s.udp == nil {
		var addr net.Addr
		if n, addr, err = s.conn.ReadFrom(b); err != nil {
			return 0, from, local, err
		}
		if a, ok := addr.(*net.UDPAddr); ok {
			from = a.AddrPort()
		}
		return n, from, local, nil
	}
	n, oobn, _, from, err := s.udp.ReadMsgUDPAddrPort(b, oob)
	if err == nil {
		local = parsePktinfo(oob[:oobn])
	}
	return n, from, local, err
}

func (s *socket) send(b []byte, to netip.AddrPort, src *source) error {
	if s.udp == nil {
		_, err := s.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
		return err
	}
	return s.out.SendOne(b, to, src.control())
}

func (s *socket) sendTrain(t *Train, to netip.AddrPort, src *source) error {
	if s.udp != nil {
		return s.out.Send(t, to, src.control())
	}
	return t.Runs(func(b []byte, segment, _ int) error {
		for len(b) > 0 {
			n := min(segment, len(b))
			if err := s.send(b[:n], to, src); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	})
}
