//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

// writer writes packets to a socket.
type writer struct{ conn *net.UDPConn }

func newWriter(conn *net.UDPConn) *writer { return &writer{conn} }

func (w *writer) write(b, oob []byte, to netip.AddrPort) error {
	_, _, err := w.conn.WriteMsgUDPAddrPort(b, oob, to)
	return err
}
