package webrtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"sluice/webrtc/icemux"
)

// Kernel buffers for one socket that serves everybody.
const (
	readBuffer  = 4 << 20
	writeBuffer = 4 << 20
)

func checkAddress(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not host:port", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port number", s)
	}
	return nil
}

// listen opens the sockets.
func listen(cfg Config, log *slog.Logger) (*icemux.Mux, error) {
	udp, err := listenUDP(cfg.ListenUDP)
	if err != nil {
		return nil, fmt.Errorf("webrtc: listen_udp: %w", err)
	}
	var tcp []net.Listener
	if cfg.ListenTCP != "" {
		l, err := net.Listen("tcp", cfg.ListenTCP)
		if err != nil {
			for _, c := range udp {
				_ = c.Close()
			}
			return nil, fmt.Errorf("webrtc: listen_tcp: %w", err)
		}
		tcp = append(tcp, l)
	}
	return icemux.New(icemux.Config{UDP: udp, TCP: tcp, Log: log})
}

// listenUDP opens one socket for each address family: each then tells the local
// address of its packets in its own form. A host without IPv6 gets IPv4 only.
func listenUDP(address string) ([]net.PacketConn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host != "" && host != "::" {
		network := "udp"
		if host == "0.0.0.0" {
			network = "udp4" // for Go, "udp" and 0.0.0.0 is both families
		}
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			return nil, err
		}
		enlarge(conn)
		return []net.PacketConn{conn}, nil
	}
	var list []net.PacketConn
	var errs []error
	for _, network := range []string{"udp4", "udp6"} {
		conn, err := net.ListenPacket(network, net.JoinHostPort("", port))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		enlarge(conn)
		list = append(list, conn)
		if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			port = strconv.Itoa(a.Port) // the same for both where it was 0
		}
	}
	if len(list) == 0 {
		return nil, errors.Join(errs...)
	}
	if len(errs) > 0 && hasIPv6() {
		for _, c := range list {
			_ = c.Close()
		}
		return nil, errors.Join(errs...)
	}
	return list, nil
}

// hasIPv6 reports whether the host has the address family at all.
func hasIPv6() bool {
	probe, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = probe.Close()
	return true
}

// enlarge asks for big buffers; the kernel gives what its limits allow.
func enlarge(conn net.PacketConn) {
	if c, ok := conn.(*net.UDPConn); ok {
		_ = c.SetReadBuffer(readBuffer)
		_ = c.SetWriteBuffer(writeBuffer)
	}
}

// resolve turns public addresses into IP addresses: Firefox refuses candidates
// with names.
func resolve(ctx context.Context, list []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			addrs = append(addrs, a.Unmap())
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("webrtc: public_addresses: %q is neither an IP address nor a name that resolves: %w", s, err)
		}
		for _, a := range found {
			if a = a.Unmap(); !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs, nil
}
