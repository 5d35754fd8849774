package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxTransports is how many alternatives of a Transport header are read.
const maxTransports = 16

// The lower transports.
const (
	UDP = "UDP"
	TCP = "TCP"
)

// Pair is two numbers that belong together: ports or channels of RTP and RTCP.
type Pair struct{ RTP, RTCP int }

// Transport is one alternative of a Transport header (RFC 2326 12.39).
type Transport struct {
	// Profile is what comes before the lower transport, "RTP/AVP" for what this
	// program speaks.
	Profile string
	// Lower is UDP or TCP, or what else a peer names, in upper case.
	Lower string
	// Multicast says "multicast"; Unicast says "unicast". A client that says
	// neither means multicast by the RFC, and unicast in truth.
	Multicast, Unicast bool

	Destination, Source string

	// Interleaved are channels 0 to 255; ClientPort, ServerPort and Port (of a
	// multicast group) are ports 0 to 65535. Each is nil where it is not given.
	// Where only the first number is given the second is the next one.
	Interleaved, ClientPort, ServerPort, Port *Pair

	// TTL is that of multicast, 0 where not given.
	TTL int
	// SSRC is the sender's, where HasSSRC.
	SSRC    uint32
	HasSSRC bool
	// Mode is PLAY, RECORD, or "" which means PLAY. RECEIVE, which some
	// publishers say for RECORD, becomes RECORD.
	Mode string
}

// The modes of a Transport.
const (
	ModePlay   = "PLAY"
	ModeRecord = "RECORD"
)

// ParseTransports reads a Transport header: the alternatives in the order of
// the client's preference. An alternative that makes no sense is left out; it
// is an error where none is left.
func ParseTransports(s string) ([]Transport, error) {
	var list []Transport
	var wrong error
	for part := range splitQuoted(s, ',') {
		t, err := parseTransport(part)
		if err != nil {
			wrong = err
			continue
		}
		if list = append(list, t); len(list) == maxTransports {
			break
		}
	}
	switch {
	case len(list) > 0:
		return list, nil
	case wrong != nil:
		return nil, wrong
	default:
		return nil, malformed("an empty Transport")
	}
}

func parseTransport(s string) (Transport, error) {
	var t Transport
	first := true
	for part := range splitQuoted(s, ';') {
		if first {
			first = false
			if err := t.parseSpec(part); err != nil {
				return Transport{}, err
			}
			continue
		}
		if err := t.parseParameter(parameter(part)); err != nil {
			return Transport{}, err
		}
	}
	if first {
		return Transport{}, malformed("an empty Transport")
	}
	return t, nil
}

// parseSpec reads "RTP/AVP" and "RTP/AVP/TCP".
func (t *Transport) parseSpec(s string) error {
	parts := strings.Split(strings.ToUpper(s), "/")
	if len(parts) < 2 || len(parts) > 3 || slices.ContainsFunc(parts, func(p string) bool { return !isToken(p) }) {
		return malformed("%.40q is no transport", s)
	}
	t.Profile, t.Lower = parts[0]+"/"+parts[1], UDP
	if len(parts) == 3 {
		t.Lower = parts[2]
	}
	return nil
}

func (t *Transport) parseParameter(name, value string) (err error) {
	switch name {
	case "unicast":
		t.Unicast = true
	case "multicast":
		t.Multicast = true
	case "destination":
		t.Destination = bare(value)
	case "source":
		t.Source = bare(value)
	case "interleaved":
		t.Interleaved, err = parsePair(value, 255)
	case "client_port":
		t.ClientPort, err = parsePair(value, 65535)
	case "server_port":
		t.ServerPort, err = parsePair(value, 65535)
	case "port":
		t.Port, err = parsePair(value, 65535)
	case "ttl":
		n, perr := strconv.ParseUint(value, 10, 8)
		if perr != nil {
			return malformed("%.40q is no ttl", value)
		}
		t.TTL = int(n)
	case "ssrc":
		// Eight hexadecimal digits; peers leave leading zeros out, pad with
		// spaces, or send nonsense, which changes nothing.
		if n, perr := strconv.ParseUint(strings.TrimSpace(value), 16, 32); perr == nil {
			t.SSRC, t.HasSSRC = uint32(n), true
		}
	case "mode":
		t.Mode = strings.ToUpper(bare(value))
		if t.Mode == "RECEIVE" {
			t.Mode = ModeRecord
		}
	}
	return err
}

func parsePair(s string, limit int) (*Pair, error) {
	first, second, both := strings.Cut(s, "-")
	a, err := strconv.Atoi(strings.TrimSpace(first))
	b := a + 1
	if err == nil && both {
		b, err = strconv.Atoi(strings.TrimSpace(second))
	}
	if !both {
		b = min(b, limit)
	}
	if err != nil || a < 0 || a > limit || b < 0 || b > limit {
		return nil, malformed("%.40q is no pair of numbers up to %d", s, limit)
	}
	return &Pair{a, b}, nil
}

// String returns the pair as "first-second".
func (p Pair) String() string { return strconv.Itoa(p.RTP) + "-" + strconv.Itoa(p.RTCP) }

// String returns the alternative as a header has it.
func (t Transport) String() string {
	parts := []string{t.Profile}
	if t.Lower != UDP && t.Lower != "" {
		parts[0] += "/" + t.Lower
	}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	pair := func(name string, p *Pair) {
		if p != nil {
			parts = append(parts, name+"="+p.String())
		}
	}
	if t.Unicast {
		parts = append(parts, "unicast")
	}
	if t.Multicast {
		parts = append(parts, "multicast")
	}
	add("destination", bare(t.Destination))
	add("source", bare(t.Source))
	pair("interleaved", t.Interleaved)
	pair("client_port", t.ClientPort)
	pair("server_port", t.ServerPort)
	pair("port", t.Port)
	if t.TTL > 0 {
		add("ttl", strconv.Itoa(t.TTL))
	}
	if t.HasSSRC {
		add("ssrc", fmt.Sprintf("%08X", t.SSRC))
	}
	add("mode", strings.ToLower(bare(t.Mode)))
	return strings.Join(parts, ";")
}

// bare drops what would end a parameter that stands without quotes.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`,;"\`, r) || r <= ' ' {
			return -1
		}
		return r
	}, s)
}

// FormatTransports returns a Transport header with several alternatives.
func FormatTransports(list []Transport) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = t.String()
	}
	return strings.Join(parts, ",")
}
