//go:build !linux

package udp

import "net"

func supportsGSO(*net.UDPConn) bool { return false }

func noGSO(error) bool { return true }

func appendSegmentSize(oob []byte, _ uint16) []byte { return oob }
