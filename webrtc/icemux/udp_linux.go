package icemux

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

var ne = binary.NativeEndian

// From linux/udp.h and linux/in6.h; package syscall lacks them.
const (
	solUDP          = 17
	udpSegment      = 103
	ipv6RecvPktinfo = 49
	ipv6Pktinfo     = 50
)

// supportsGSO asks whether the kernel knows UDP_SEGMENT (4.18 and later).
func supportsGSO(conn *net.UDPConn) bool {
	ok := false
	control(conn, func(fd int) {
		_, err := syscall.GetsockoptInt(fd, solUDP, udpSegment)
		ok = err == nil
	})
	return ok
}

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

// noGSO reports whether err says that segmentation is not to be had here.
func noGSO(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP)
}

func appendSegmentSize(oob []byte, size uint16) []byte {
	oob, data := appendControl(oob, solUDP, udpSegment, 2)
	ne.PutUint16(data, size)
	return oob
}

// pktinfo is the control message that makes a packet leave from addr.
func pktinfo(addr netip.Addr) []byte {
	if addr.Is4() {
		// struct in_pktinfo: ifindex, spec_dst, addr
		oob, data := appendControl(nil, syscall.IPPROTO_IP, syscall.IP_PKTINFO, 12)
		a := addr.As4()
		copy(data[4:], a[:])
		return oob
	}
	// struct in6_pktinfo: addr, ifindex
	oob, data := appendControl(nil, syscall.IPPROTO_IPV6, ipv6Pktinfo, 20)
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

// appendControl appends a control message with size zero bytes of data, and
// returns those too.
func appendControl(oob []byte, level, typ uint32, size int) (all, data []byte) {
	at := len(oob)
	oob = append(oob, make([]byte, syscall.CmsgSpace(size))...)
	m := oob[at:]
	if cmsgHeader == 16 {
		ne.PutUint64(m, uint64(syscall.CmsgLen(size)))
	} else {
		ne.PutUint32(m, uint32(syscall.CmsgLen(size)))
	}
	ne.PutUint32(m[cmsgHeader-8:], level)
	ne.PutUint32(m[cmsgHeader-4:], typ)
	return oob, m[cmsgHeader : cmsgHeader+size]
}
