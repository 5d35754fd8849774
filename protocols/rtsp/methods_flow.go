package rtsp

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"sluice/protocols/rtsp/wire"
)

// play answers PLAY (RFC 2326 10.5). Media follow the answer.
func (c *serverConn) play(req *wire.Request) (*wire.Response, error) {
	s, r, err := c.aggregate(req)
	if err != nil {
		return nil, err
	}
	if s.source == nil {
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	res := c.answer(req.CSeq(), wire.OK)
	res.Header.Add(wire.HeaderRange, wire.LiveRange)
	if s.state == statePlaying {
		return res, nil // some send it again to keep the session alive
	}
	begins, err := s.source.Start(c.ctx, c.output())
	if err != nil {
		return nil, err
	}
	res.Header.Add(wire.HeaderRTPInfo, rtpInfo(r.URL, s.links, begins))
	s.state, s.played = statePlaying, true
	setNoDelay(c.net, c.server.Options.NoDelay)
	s.start = func() { c.flow(s, s.source.Run) }
	for _, l := range s.links {
		if l.udp != nil {
			l.udp.read(false, func(control bool, b []byte, now time.Time) {
				s.seen.beat(now)
				if control {
					s.source.RTCP(l.track, b, now)
				}
			})
		}
	}
	return res, nil
}

func setNoDelay(conn net.Conn, on bool) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetNoDelay(on) // it is a matter of cost only
	}
}

// output is where the packets of the session's player go.
func (c *serverConn) output() *output {
	return &output{
		conn: &c.conn, links: c.session.links, websocket: c.websocket,
		burst: c.server.Options.BurstRate * 1_000_000 / 8,
	}
}

// rtpInfo says where each track begins; of some only the URL is known.
func rtpInfo(url string, links []*link, begins []Begin) string {
	if i := strings.LastIndex(url, "/"+trackControl); i >= 0 {
		url = url[:i]
	}
	var list []wire.RTPInfo
	for _, l := range links {
		info := wire.RTPInfo{URL: contentBase(url) + control(l.track)}
		for _, b := range begins {
			if b.Track == l.track {
				info.Seq, info.HasSeq, info.Time, info.HasTime = b.Seq, true, b.Time, true
			}
		}
		list = append(list, info)
	}
	return wire.FormatRTPInfo(list)
}

// flow runs f on a goroutine of its own until the session rests. Its error ends
// the connection.
func (c *serverConn) flow(s *session, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(c.ctx)
	s.halt = cancel
	s.seen.beat(time.Now())
	s.running.Go(func() {
		if err := f(ctx); ctx.Err() == nil {
			c.cancel(err)
		}
	})
}

// pause answers PAUSE (RFC 2326 10.6).
func (c *serverConn) pause(req *wire.Request) (*wire.Response, error) {
	s, _, err := c.aggregate(req)
	if err != nil {
		return nil, err
	}
	switch {
	case s.source != nil:
		s.rest()
		s.state = stateReady
	case s.state != stateRecording:
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	// A publisher stops sending by itself. What is on its way still counts, and
	// RECORD goes on.
	return c.answer(req.CSeq(), wire.OK), nil
}

// record answers RECORD (RFC 2326 10.11).
func (c *serverConn) record(req *wire.Request) (*wire.Response, error) {
	s, _, err := c.aggregate(req)
	if err != nil {
		return nil, err
	}
	if s.recorder == nil {
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	res := c.answer(req.CSeq(), wire.OK)
	res.Header.Add(wire.HeaderRange, wire.LiveRange)
	if s.state == stateRecording {
		return res, nil
	}
	o := &output{conn: &c.conn, links: s.links}
	tracks := make([]int, len(s.links))
	for i, l := range s.links {
		tracks[i] = l.track
	}
	err = s.recorder.Record(Recording{
		Tracks: tracks, Ordered: s.lower == wire.TCP, Jitter: c.server.Options.Jitter,
		Report: func(track int, b []byte) {
			if l := o.link(track); l != nil {
				_ = o.control(l, b) // a broken connection is seen by its reader
			}
		},
	})
	if err != nil {
		return nil, err
	}
	s.state = stateRecording
	if s.lower == wire.TCP {
		s.start = func() { s.seen.beat(time.Now()) }
		return res, nil
	}
	s.packets = make(chan datagram, maxWaiting)
	for _, l := range s.links {
		l.udp.read(true, func(control bool, b []byte, now time.Time) {
			s.seen.beat(now)
			select {
			case s.packets <- datagram{l.track, control, b, now}:
			default: // lost, as in the kernel's own buffer
			}
		})
	}
	s.start = func() { c.flow(s, s.takeDatagrams) }
	return res, nil
}

// datagram is a packet of a publisher over UDP.
type datagram struct {
	track   int
	control bool
	data    []byte
	now     time.Time
}

// maxWaiting is how many packets may wait for the goroutine that takes them.
const maxWaiting = 1024

// settleTime is how long a publisher's first packets over UDP wait for the sender
// reports, which come by other sockets: what they say is best known before.
const settleTime = 20 * time.Millisecond

// takeFirst takes the first packets of a publisher over UDP, reports before
// media.
func (s *session) takeFirst(ctx context.Context) error {
	var first []datagram
	var settled <-chan time.Time
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case d := <-s.packets:
			if settled == nil {
				settled = time.After(settleTime)
			}
			first = append(first, d)
			waiting = len(first) < maxWaiting
		case <-settled:
			waiting = false
		}
	}
	for _, control := range []bool{true, false} {
		for _, d := range first {
			if d.control != control {
				continue
			}
			if err := s.take(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeDatagrams takes the packets of a publisher over UDP.
func (s *session) takeDatagrams(ctx context.Context) error {
	if err := s.takeFirst(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case d := <-s.packets:
			now = d.now
			if err := s.take(d); err != nil {
				return err
			}
		case now = <-timer.C:
		}
		next, err := s.recorder.Tick(now)
		if err != nil {
			return err
		}
		timer.Reset(time.Until(next))
	}
}

func (s *session) take(d datagram) error {
	if d.control {
		s.recorder.RTCP(d.track, d.data, d.now)
		return nil
	}
	return s.recorder.RTP(d.track, d.data, d.now)
}

// takeRTP takes an interleaved packet of RTP.
func (s *session) takeRTP(track int, b []byte, now time.Time) error {
	if s.state != stateRecording {
		return nil // a player's, to open a NAT
	}
	if err := s.recorder.RTP(track, b, now); err != nil {
		return err
	}
	_, err := s.recorder.Tick(now)
	return err
}

// takeRTCP takes an interleaved packet of RTCP.
func (s *session) takeRTCP(track int, b []byte, now time.Time) {
	switch {
	case s.recorder != nil && s.state == stateRecording:
		s.recorder.RTCP(track, b, now)
	case s.source != nil:
		s.source.RTCP(track, b, now)
	}
}

// teardown answers TEARDOWN (RFC 2326 10.7), of the session or of one track.
func (c *serverConn) teardown(req *wire.Request) (*wire.Response, error) {
	s := c.session
	if s == nil {
		return nil, &StatusError{Status: wire.MethodNotValid}
	}
	res := c.answer(req.CSeq(), wire.OK)
	track := parseTarget(req.URL).Track
	if s.recorder != nil {
		track = findMedia(req.URL, s.controls)
		if s.tracks == 1 || sameResource(req.URL, "/"+s.path) {
			track = -1
		}
	}
	if track >= 0 && len(s.links) > 1 {
		return res, c.dropTrack(s, track)
	}
	c.endSession(errTeardown)
	return res, nil
}

// dropTrack ends one track; the others go on.
func (c *serverConn) dropTrack(s *session, track int) error {
	if s.recorder != nil && s.state == stateRecording {
		return errProtocol(wire.OnlyAggregateAllowed, "")
	}
	s.rest()
	if !s.drop(track) {
		return &StatusError{Status: wire.NotFound}
	}
	if s.state == statePlaying {
		if _, err := s.source.Start(c.ctx, c.output()); err != nil {
			return err
		}
		s.start = func() { c.flow(s, s.source.Run) }
	}
	return nil
}
