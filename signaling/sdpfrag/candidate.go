package sdpfrag

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseCandidate reads the value of an a=candidate line, with or without the
// "candidate:" in front (RFC 8839 section 5.1).
func ParseCandidate(s string) (Candidate, error) {
	s = strings.TrimPrefix(s, "candidate:")
	f := strings.Fields(s)
	if len(f) < 8 || f[6] != "typ" {
		return Candidate{}, fmt.Errorf("%w: candidate %.60q has no typ", ErrSyntax, s)
	}
	component, err := strconv.ParseUint(f[1], 10, 8)
	if err != nil || component == 0 {
		return Candidate{}, fmt.Errorf("%w: component %.20q", ErrSyntax, f[1])
	}
	priority, err := strconv.ParseUint(f[3], 10, 32)
	if err != nil {
		return Candidate{}, fmt.Errorf("%w: priority %.20q", ErrSyntax, f[3])
	}
	port, err := strconv.ParseUint(f[5], 10, 16)
	if err != nil {
		return Candidate{}, fmt.Errorf("%w: port %.20q", ErrSyntax, f[5])
	}
	if !isICEString(f[0], 1, 32) {
		return Candidate{}, fmt.Errorf("%w: foundation %.40q", ErrSyntax, f[0])
	}
	c := Candidate{
		Foundation: f[0],
		Component:  int(component),
		Transport:  f[2],
		Priority:   uint32(priority),
		Address:    f[4],
		Port:       int(port),
		Type:       f[7],
		Extensions: strings.Join(f[8:], " "),
	}
	if t := strings.ToLower(c.Transport); t == "udp" || t == "tcp" {
		c.Transport = t
	}
	return c, nil
}

// String returns the candidate as the value of an a= line: "candidate:1 1 udp ...".
func (c Candidate) String() string {
	s := fmt.Sprintf("candidate:%s %d %s %d %s %d typ %s",
		c.Foundation, c.Component, c.Transport, c.Priority, c.Address, c.Port, c.Type)
	if c.Extensions != "" {
		s += " " + c.Extensions
	}
	return s
}

// Usable tells whether an agent under rtcp-mux can try the candidate without a DNS
// query: component 1, UDP or TCP, and an IP address or an mDNS name. RFC 9725
// section 4.3.2 asks to discard all others silently.
func (c Candidate) Usable() bool {
	if c.Component != 1 || c.Transport != "udp" && c.Transport != "tcp" {
		return false
	}
	if strings.HasSuffix(strings.ToLower(c.Address), ".local") {
		return true
	}
	addr, err := netip.ParseAddr(c.Address)
	return err == nil && !addr.IsUnspecified() && !addr.IsMulticast()
}

// isICEString tells whether s is minLen to maxLen ice-chars (RFC 8839 section 5.4),
// or "-" and "_", which some clients put into credentials.
func isICEString(s string, minLen, maxLen int) bool {
	if len(s) < minLen || len(s) > maxLen {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("+/-_=:.", c) >= 0:
		default:
			return false
		}
	}
	return true
}
