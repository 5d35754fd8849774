//go:build !linux

package icemux

import (
	"net"
	"net/netip"
)

func wantPktinfo(*net.UDPConn, bool) {}

func pktinfo(netip.Addr) []byte { return nil }

func parsePktinfo([]byte) netip.Addr { return netip.Addr{} }
