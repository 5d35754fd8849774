package webrtc

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// locator knows by which addresses clients may reach this server.
type locator struct {
	udp, tcp   []netip.AddrPort // listening; may be unspecified
	public     []netip.Addr
	interfaces []string
	networks   []netip.Prefix
	// hosts returns the addresses of this host's interfaces.
	hosts func(interfaces []string) ([]netip.Addr, error)

	mu      sync.Mutex
	found   []netip.Addr
	foundAt time.Time
	mapped  []netip.AddrPort // by STUN
}

// rescan is how long a look at the interfaces is good for.
const rescan = 5 * time.Second

// candidates returns the values of the a=candidate lines for a client that came
// by HTTP from remote: public addresses first. Loopback addresses are for
// clients on this host, and for where there is nothing else.
func (l *locator) candidates(remote netip.Addr, now time.Time) []string {
	addrs := slices.Clone(l.public)
	for _, a := range l.local(now) {
		if !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	if !remote.Unmap().IsLoopback() {
		outside := slices.DeleteFunc(slices.Clone(addrs), netip.Addr.IsLoopback)
		if len(outside) > 0 {
			addrs = outside
		}
	}
	var list []string
	for i, a := range addrs {
		for _, s := range l.udp {
			if serves(s.Addr(), a, slices.Contains(l.public, a)) {
				list = append(list, candidate("udp", i, netip.AddrPortFrom(a, s.Port())))
				break
			}
		}
	}
	l.mu.Lock()
	for i, m := range l.mapped {
		if !slices.Contains(addrs, m.Addr()) {
			list = append(list, reflexive(len(addrs)+i, m))
		}
	}
	l.mu.Unlock()
	for i, a := range addrs {
		for _, s := range l.tcp {
			if serves(s.Addr(), a, slices.Contains(l.public, a)) {
				list = append(list, candidate("tcp", i, netip.AddrPortFrom(a, s.Port())))
				break
			}
		}
	}
	return list
}

// setMapped notes the addresses that STUN servers see.
func (l *locator) setMapped(known map[string]netip.AddrPort) {
	var list []netip.AddrPort
	for _, a := range known {
		if a.IsValid() && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mapped = list
}

// serves reports whether a socket bound to listen gets what is sent to addr; a
// public address is mapped to it by somebody else.
func serves(listen, addr netip.Addr, public bool) bool {
	switch {
	case listen == netip.IPv6Unspecified():
		return true // a TCP listener on [::] takes IPv4 as well
	case listen == netip.IPv4Unspecified(), public:
		return listen.Is4() == addr.Is4()
	default:
		return listen == addr
	}
}

// candidate writes a host candidate. The i-th address has the i-th preference
// (RFC 8445 section 5.1.2.1); TCP is far below UDP (RFC 6544 section 4.2).
func candidate(transport string, i int, addr netip.AddrPort) string {
	preference, suffix, foundation := 126, "", 1+2*i
	if transport == "tcp" {
		preference, suffix, foundation = 90, " tcptype passive", 2+2*i
	}
	return fmt.Sprintf("%d 1 %s %d %s %d typ host%s",
		foundation, transport, priority(preference, i), addr.Addr(), addr.Port(), suffix)
}

func reflexive(i int, addr netip.AddrPort) string {
	base := netip.IPv4Unspecified()
	if addr.Addr().Is6() {
		base = netip.IPv6Unspecified()
	}
	return fmt.Sprintf("%d 1 udp %d %s %d typ srflx raddr %s rport 0",
		1+2*i, priority(100, i), addr.Addr(), addr.Port(), base)
}

func priority(typePreference, i int) int {
	return typePreference<<24 | max(65535-i, 0)<<8 | 255
}

// local returns this host's addresses that may be offered.
func (l *locator) local(now time.Time) []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.foundAt) < rescan && !l.foundAt.IsZero() {
		return l.found
	}
	var list []netip.Addr
	for _, s := range slices.Concat(l.udp, l.tcp) {
		if !s.Addr().IsUnspecified() && !slices.Contains(list, s.Addr()) {
			list = append(list, s.Addr())
		}
	}
	if len(list) == 0 {
		// A host that does not tell its addresses has its public ones.
		list, _ = l.hosts(l.interfaces)
	}
	l.found = slices.DeleteFunc(list, func(a netip.Addr) bool {
		return a.IsLinkLocalUnicast() || a.IsMulticast() || len(l.networks) > 0 && !contains(l.networks, a)
	})
	l.foundAt = now
	return l.found
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// hostAddresses returns the addresses of the named interfaces that are up, or of
// all, IPv4 first.
func hostAddresses(names []string) ([]netip.Addr, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var v4, v6 []netip.Addr
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || len(names) > 0 && !slices.Contains(names, i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			if addr := p.Addr().Unmap(); addr.Is4() {
				v4 = append(v4, addr)
			} else {
				v6 = append(v6, addr)
			}
		}
	}
	return append(v4, v6...), nil
}
