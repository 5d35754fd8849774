package udp

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// Sender sends trains from one socket. It is safe for concurrent use, and those
// who use it do not wait for each other.
type Sender struct {
	conn *net.UDPConn
	out  *writer
	gso  atomic.Bool
}

// NewSender returns a Sender for a socket.
func NewSender(conn *net.UDPConn) *Sender {
	s := &Sender{conn: conn, out: newWriter(conn)}
	s.gso.Store(supportsGSO(conn))
	return s
}

// SetGSO turns segmentation offload off, or on again where the system has it.
func (s *Sender) SetGSO(on bool) { s.gso.Store(on && supportsGSO(s.conn)) }

// SendOne sends one packet, as Send does.
func (s *Sender) SendOne(b []byte, to netip.AddrPort, oob []byte) error {
	return s.out.write(b, oob, to)
}

// Send sends the packets of a train. oob are control messages that go with each
// of them; it may be nil. Where the error is not nil the rest was not sent. On
// Linux a packet waits for room in the socket's buffer for about 100 ms at most:
// there may be none for seconds, for packets to hosts of the local network that
// don't answer stay in it.
func (s *Sender) Send(t *Train, to netip.AddrPort, oob []byte) error {
	return t.Runs(func(b []byte, segment, packets int) error {
		if packets > 1 && s.gso.Load() {
			var space [64]byte
			err := s.out.write(b, appendSegmentSize(append(space[:0], oob...), uint16(segment)), to)
			if err == nil || !noGSO(err) {
				return err
			}
			// The device can't (quic-go met EIO without checksum offload):
			// never ask again.
			s.gso.Store(false)
		}
		for len(b) > 0 {
			n := min(segment, len(b))
			if err := s.out.write(b[:n], oob, to); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	})
}
