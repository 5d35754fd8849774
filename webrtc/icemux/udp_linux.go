package icemux

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"

	"sluice/server/udp"
)

var ne = binary.NativeEndian

// From linux/in6.h; package syscall lacks them.
const (
	ipv6RecvPktinfo = 49
	ipv6Pktinfo     = 50
)

// wantPktinfo asks for the local address of every packet. Where that is refused
// the routing table chooses what answers leave from.
func wantPktinfo(conn *net.UDPConn, v6 bool) {
	control(conn, func(fd int) {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
		if v6 {
			_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, ipv6RecvPktinfo, 1)
		}
	})
}

func control(conn *net.UDPConn, f func(fd int)) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// pktinfo is the control message that makes a packet leave from addr.
func pktinfo(addr netip.Addr) []byte {
	if addr.Is4() {
		// struct in_pktinfo: ifindex, spec_dst, addr
		oob, data := udp.AppendControl(nil, syscall.IPPROTO_IP, syscall.IP_PKTINFO, 12)
		a := addr.As4()
		copy(data[4:], a[:])
		return oob
	}
	// struct in6_pktinfo: addr, ifindex
	oob, data := udp.AppendControl(nil, syscall.IPPROTO_IPV6, ipv6Pktinfo, 20)
	a := addr.As16()
	copy(data, a[:])
	return oob
}

// parsePktinfo returns the destination address that a packet came with.
func parsePktinfo(oob []byte) netip.Addr {
	for len(oob) >= cmsgHeader {
		n := controlLen(oob)
		if n < cmsgHeader || n > len(oob) {
			break
		}
		level, typ, data := ne.Uint32(oob[cmsgHeader-8:]), ne.Uint32(oob[cmsgHeader-4:]), oob[cmsgHeader:n]
		switch {
		case level == syscall.IPPROTO_IP && typ == syscall.IP_PKTINFO && len(data) >= 12:
			// addr is the packet's destination; spec_dst may differ from it.
			return netip.AddrFrom4([4]byte(data[8:12]))
		case level == syscall.IPPROTO_IPV6 && typ == ipv6Pktinfo && len(data) >= 16:
			return netip.AddrFrom16([16]byte(data[:16]))
		}
		oob = oob[min(syscall.CmsgSpace(len(data)), len(oob)):]
	}
	return netip.Addr{}
}

// cmsgHeader is the size of struct cmsghdr: a length as wide as a word, then
// level and type in four bytes each.
const cmsgHeader = syscall.SizeofCmsghdr

func controlLen(oob []byte) int {
	if cmsgHeader == 16 {
		return int(min(ne.Uint64(oob), 1<<20))
	}
	return int(min(ne.Uint32(oob), 1<<20))
}
