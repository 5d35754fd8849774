package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"syscall"
)

// From linux/udp.h; package syscall lacks them.
const (
	solUDP     = 17
	udpSegment = 103
)

// supportsGSO asks whether the kernel knows UDP_SEGMENT (4.18 and later).
func supportsGSO(conn *net.UDPConn) bool {
	ok := false
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_, err := syscall.GetsockoptInt(int(fd), solUDP, udpSegment)
			ok = err == nil
		})
	}
	return ok
}

// noGSO reports whether err says that segmentation is not to be had here.
func noGSO(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP)
}

func appendSegmentSize(oob []byte, size uint16) []byte {
	oob, data := AppendControl(oob, solUDP, udpSegment, 2)
	binary.NativeEndian.PutUint16(data, size)
	return oob
}

// controlHeader is the size of struct cmsghdr: a length as wide as a word, then
// level and type in four bytes each.
const controlHeader = syscall.SizeofCmsghdr

// AppendControl appends a control message with size zero bytes of data, and
// returns those too.
func AppendControl(oob []byte, level, typ uint32, size int) (all, data []byte) {
	at := len(oob)
	oob = append(oob, make([]byte, syscall.CmsgSpace(size))...)
	m := oob[at:]
	if controlHeader == 16 {
		binary.NativeEndian.PutUint64(m, uint64(syscall.CmsgLen(size)))
	} else {
		binary.NativeEndian.PutUint32(m, uint32(syscall.CmsgLen(size)))
	}
	binary.NativeEndian.PutUint32(m[controlHeader-8:], level)
	binary.NativeEndian.PutUint32(m[controlHeader-4:], typ)
	return oob, m[controlHeader : controlHeader+size]
}
