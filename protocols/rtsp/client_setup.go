package rtsp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
)

// ClientSession is a client's session with a server: a stream to play, or to
// publish. Its methods are for one goroutine.
type ClientSession struct {
	conn        *clientConn
	description *sdp.Session
	base        string // for the URLs in it
	lower       Lower
	media       []int // that are set up
	running     *runner
	closed      bool
}

// Describe asks a server for the description of a stream. The session ends with
// ctx; Close it in any case.
func (c *Client) Describe(ctx context.Context, url string) (*ClientSession, error) {
	s := &ClientSession{}
	conn, err := c.connect(ctx, url, func(cc *clientConn) error {
		if err := cc.options(); err != nil {
			return err
		}
		r := &wire.Request{Method: wire.Describe, URL: cc.target.url}
		r.Header.Set(wire.HeaderAccept, typeSDP)
		resp, err := cc.do(r)
		if err != nil {
			return err
		}
		s.base = baseURL(cc.target.url, resp.Header)
		s.description, err = sdp.Parse(resp.Body)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.conn = conn
	conn.control = s.description.AggregateURL(s.base)
	return s, nil
}

// baseURL returns what the URLs of a description start from (RFC 2326 C.1.1).
func baseURL(requested string, h wire.Header) string {
	for _, name := range []string{wire.HeaderContentBase, wire.HeaderContentLocation} {
		v := h.Get(name)
		if scheme, rest, ok := strings.Cut(v, "://"); ok && rest != "" && defaultPorts[strings.ToLower(scheme)] != "" {
			return v
		}
	}
	return requested
}

// Announce offers a server a stream. The control attributes of the description
// name the media. The session ends with ctx; Close it in any case.
func (c *Client) Announce(ctx context.Context, url string, d *sdp.Session) (*ClientSession, error) {
	s := &ClientSession{description: d}
	conn, err := c.connect(ctx, url, func(cc *clientConn) error {
		if err := cc.options(); err != nil {
			return err
		}
		r := &wire.Request{Method: wire.Announce, URL: cc.target.url, Body: d.Append(nil)}
		r.Header.Set(wire.HeaderContentType, typeSDP)
		resp, err := cc.do(r)
		if err == nil {
			cc.keepSession(resp)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.conn, s.base = conn, conn.target.url
	conn.control = s.base
	return s, nil
}

// Description returns that of the stream.
func (s *ClientSession) Description() *sdp.Session { return s.description }

// Remote returns the server's address.
func (s *ClientSession) Remote() net.Addr { return s.conn.nc.RemoteAddr() }

// Close ends the session in order. It may be called more than once.
func (s *ClientSession) Close() {
	if s.closed {
		return
	}
	s.closed = true
	if s.running == nil {
		s.running = s.start(false)
	}
	s.running.finish()
}

// Play sets up these media, by their numbers in the description, and begins to
// play.
func (s *ClientSession) Play(lower Lower, media []int) error {
	if err := s.setup(lower, media, ""); err != nil {
		return err
	}
	s.punch()
	return s.begin(wire.Play)
}

// Record sets all media up and begins to publish.
func (s *ClientSession) Record(lower Lower) error {
	media := make([]int, len(s.description.Media))
	for i := range media {
		media[i] = i
	}
	if err := s.setup(lower, media, wire.ModeRecord); err != nil {
		return err
	}
	// A Source numbers its tracks as their control attributes do.
	for _, l := range s.conn.links {
		if t := parseTarget("/" + s.description.Media[l.track].Control).Track; t >= 0 {
			l.track = t
		}
	}
	return s.begin(wire.Record)
}

func (s *ClientSession) begin(m wire.Method) error {
	r := &wire.Request{Method: m, URL: s.conn.control}
	r.Header.Set(wire.HeaderRange, "npt=0.000-")
	_, err := s.conn.do(r)
	return err
}

// setup sets media up, one after the other.
func (s *ClientSession) setup(lower Lower, media []int, mode string) error {
	if len(media) == 0 {
		return errors.New("rtsp: nothing to set up")
	}
	s.lower, s.media = lower, media
	for n, i := range media {
		if err := s.setupOne(lower, n, i, mode); err != nil {
			return err
		}
	}
	return nil
}

// setupOne sets up media description i, the n-th that is.
func (s *ClientSession) setupOne(lower Lower, n, i int, mode string) error {
	c := s.conn
	ask := wire.Transport{Profile: "RTP/AVP", Lower: wire.TCP, Unicast: true, Mode: mode}
	l := &link{track: i, channels: [2]uint8{uint8(2 * n), uint8(2*n + 1)}}
	if lower == ByUDP {
		u, err := openClientPair(c.nc)
		if err != nil {
			return err
		}
		l.udp = u
		ask.Lower, ask.ClientPort = wire.UDP, &wire.Pair{RTP: u.pair.port, RTCP: u.pair.port + 1}
	} else {
		ask.Interleaved = &wire.Pair{RTP: 2 * n, RTCP: 2*n + 1}
	}
	c.links = append(c.links, l) // closed with the connection from here on
	r := &wire.Request{Method: wire.Setup, URL: s.description.URL(s.base, i)}
	r.Header.Set(wire.HeaderTransport, ask.String())
	resp, err := c.do(r)
	if err != nil {
		return err
	}
	c.keepSession(resp)
	v := resp.Header.Get(wire.HeaderTransport)
	if v == "" {
		return nil // as it was asked for
	}
	list, err := wire.ParseTransports(v)
	if err != nil {
		return fmt.Errorf("rtsp: the answer to SETUP: %w", err)
	}
	return l.agree(&list[0])
}

// keepSession keeps the session that an answer names.
func (c *clientConn) keepSession(resp *wire.Response) {
	if next, err := wire.ParseSession(resp.Header.Get(wire.HeaderSession)); err == nil {
		if next.Timeout == 0 {
			next.Timeout = c.session.Timeout
		}
		c.session = next
	}
}

// errTransport is a server that sends in another way than it was asked to.
var errTransport = errors.New("rtsp: the server answers SETUP with another transport")

// agree takes what the server has chosen.
func (l *link) agree(t *wire.Transport) error {
	switch {
	case l.udp == nil && t.Interleaved != nil:
		l.channels = [2]uint8{uint8(t.Interleaved.RTP), uint8(t.Interleaved.RTCP)}
	case l.udp == nil && t.Lower == wire.TCP: // what was asked for
	case l.udp != nil && t.Lower == wire.UDP && !t.Multicast:
		if t.ServerPort != nil {
			l.udp.remote[0].Store(uint32(t.ServerPort.RTP))
			l.udp.remote[1].Store(uint32(t.ServerPort.RTCP))
		}
	default:
		return fmt.Errorf("%w, %.80q", errTransport, t)
	}
	return nil
}

// Client ports are chosen at random in this range.
const (
	firstClientPort = 20000
	clientPairs     = 20000
	pairAttempts    = 50
)

// openClientPair opens a pair of sockets for what the server of a connection
// sends.
func openClientPair(nc net.Conn) (*udpLink, error) {
	local, lerr := netip.ParseAddrPort(nc.LocalAddr().String())
	remote, rerr := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err := errors.Join(lerr, rerr); err != nil {
		return nil, fmt.Errorf("rtsp: UDP: %w", err)
	}
	var err error
	for range pairAttempts {
		port := firstClientPort + 2*rand.IntN(clientPairs)
		var l *udpLink
		if l, err = openPair(way{local: local.Addr(), peer: remote.Addr().Unmap()}, port); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// punch opens the way through a NAT for what the server sends: an RTP packet
// without payload and an empty receiver report.
func (s *ClientSession) punch() {
	for _, l := range s.conn.links {
		if l.udp == nil {
			continue
		}
		// What the network does not take is lost.
		for i, b := range [][]byte{{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {0x80, 201, 0, 1, 0, 0, 0, 0}} {
			if l.udp.remote[i].Load() != 0 {
				_ = l.udp.send(i, b)
			}
		}
	}
}
