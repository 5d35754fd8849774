package rtsp

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"

	"sluice/protocols/rtsp/wire"
)

// profile is what the server speaks.
const profile = "RTP/AVP"

// negotiate takes the first transport of the client's alternatives that the
// server has, and makes the link of a track.
func (c *serverConn) negotiate(r *Request, track int) (*link, wire.Transport, error) {
	list, err := wire.ParseTransports(r.Header.Get(wire.HeaderTransport))
	if err != nil {
		return nil, wire.Transport{}, errProtocol(wire.BadRequest, "Transport Makes No Sense")
	}
	refusal := &StatusError{Status: wire.UnsupportedTransport}
	for _, t := range list {
		if !c.speaks(t) {
			continue
		}
		if t.Lower == wire.TCP {
			l, ok := c.interleave(t, track)
			if ok {
				return l, t, nil
			}
			continue
		}
		l, err := c.openPorts(t, track)
		if err == nil {
			return l, t, nil
		}
		c.server.log().Warn("rtsp: no ports for a session over UDP", "remote", c.net.RemoteAddr(), "reason", err)
		if errors.Is(err, errNoPorts) {
			refusal = &StatusError{Status: wire.NotEnoughBandwidth, Reason: "No UDP Ports Are Left, Use TCP"}
		}
	}
	return nil, wire.Transport{}, refusal
}

// speaks reports whether the server has a transport for this session, whose
// tracks all travel alike.
func (c *serverConn) speaks(t wire.Transport) bool {
	s := c.session
	if t.Profile != profile || t.Multicast || len(s.links) > 0 && s.lower != t.Lower {
		return false
	}
	if (t.Mode == wire.ModeRecord) != (s.recorder != nil) && t.Mode != "" {
		return false
	}
	switch t.Lower {
	case wire.TCP:
		return true
	case wire.UDP:
		_, secure := c.net.(*tls.Conn)
		// Over TLS media would travel in the clear beside the connection.
		return !secure && !c.websocket && t.ClientPort != nil && t.ClientPort.RTP > 0 && t.ClientPort.RTCP > 0 && c.server.udp().first > 0
	default:
		return false
	}
}

// interleave chooses channels: those that the client wants, if they are free.
func (c *serverConn) interleave(t wire.Transport, track int) (*link, bool) {
	var used [256]bool
	for _, l := range c.session.links {
		if l.track != track {
			used[l.channels[0]], used[l.channels[1]] = true, true
		}
	}
	if p := t.Interleaved; p != nil && p.RTP != p.RTCP && !used[p.RTP] && !used[p.RTCP] {
		return &link{track: track, channels: [2]uint8{uint8(p.RTP), uint8(p.RTCP)}}, true
	}
	for i := 0; i < len(used); i += 2 {
		if !used[i] && !used[i+1] {
			return &link{track: track, channels: [2]uint8{uint8(i), uint8(i + 1)}}, true
		}
	}
	return nil, false
}

// openPorts finds a pair of ports towards the peer of the connection: a
// destination that the client names could be anybody.
func (c *serverConn) openPorts(t wire.Transport, track int) (*link, error) {
	peer, local := addrOf(c.net.RemoteAddr()), addrOf(c.net.LocalAddr())
	if !peer.IsValid() {
		return nil, errors.New("the connection is not one of TCP")
	}
	find := c.server.udp().share
	if c.session.recorder != nil {
		find = c.server.udp().open // it sends more than a buffer for many could hold
	}
	l, err := find(way{local, peer, [2]uint16{uint16(t.ClientPort.RTP), uint16(t.ClientPort.RTCP)}})
	if err != nil {
		return nil, err
	}
	return &link{track: track, udp: l}, nil
}

// addrOf returns the IP address of an address of TCP.
func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
