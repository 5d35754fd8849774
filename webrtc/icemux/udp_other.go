//go:build !linux

package icemux

import (
	"net"
	"net/netip"
)

func supportsGSO(*net.UDPConn) bool { return false }

func wantPktinfo(*net.UDPConn, bool) {}

func noGSO(error) bool { return true }

func appendSegmentSize(oob []byte, _ uint16) []byte { return oob }

func pktinfo(netip.Addr) []byte { return nil }

func parsePktinfo([]byte) netip.Addr { return netip.Addr{} }
