package rtsp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/udp"
)

// udpLink is a track's place on a pair of ports.
type udpLink struct {
	pair *portPair
	peer netip.Addr // packets from elsewhere are not taken
	// remote are the peer's ports: those of SETUP, or, once packets have come
	// through a NAT, those that they came from.
	remote [2]atomic.Uint32

	calls sync.WaitGroup // of take

	// What follows is guarded by pair.mu.
	take  taker // nil before read
	media bool  // media come, and not reports only
	sides [2]side
	ssrc  uint32 // of the last media that came
}

// side is what is known of one of the peer's ports, of RTP or of RTCP.
type side struct {
	fixed bool      // what comes from another one is not taken for the first packet
	heard time.Time // when a packet came last
}

// taker takes a packet, whose memory is its to keep.
type taker func(control bool, b []byte, now time.Time)

func newUDPLink(p *portPair, w way) *udpLink {
	l := &udpLink{pair: p, peer: w.peer}
	for i, port := range w.client {
		l.remote[i].Store(uint32(port))
	}
	return l
}

// read starts to call f for each packet of the peer, on a goroutine for each
// socket, until the link is closed. What comes before is dropped where others
// read from the pair already. media says that media come, and not reports only.
func (l *udpLink) read(media bool, f taker) {
	l.pair.mu.Lock()
	l.take, l.media = f, media
	l.pair.mu.Unlock()
	l.pair.read(media)
}

// rebindAfter is how long a publisher's port must be silent before another one
// may take its place.
const rebindAfter = 2 * time.Second

// accept reports whether a packet of the peer's address is from the port that
// the track is sent from. The first one shows which its NAT has given it, and a
// later one of the same source that the NAT has changed its mind. It is for who
// holds pair.mu.
func (l *udpLink) accept(i int, port uint16, b []byte, now time.Time) bool {
	s := &l.sides[i]
	if uint32(port) != l.remote[i].Load() {
		if s.fixed && (now.Sub(s.heard) < rebindAfter || !l.sentBySource(i, b)) {
			return false
		}
		l.remote[i].Store(uint32(port))
	}
	s.fixed, s.heard = true, now
	if source, ok := sourceOf(i, b); ok && i == 0 {
		l.ssrc = source
	}
	return true
}

// sentBySource reports whether a packet is from the source of the media that
// came so far. Nobody else knows its number.
func (l *udpLink) sentBySource(i int, b []byte) bool {
	source, ok := sourceOf(i, b)
	return ok && l.media && !l.sides[0].heard.IsZero() && source == l.ssrc
}

// sourceOf returns the SSRC of a packet of RTP (0) or RTCP (1), by RFC 3550 5.1
// and 6.4.
func sourceOf(i int, b []byte) (uint32, bool) {
	at := [2]int{8, 4}[i]
	if len(b) < at+4 || b[0]>>6 != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[at:]), true
}

// fix says that the peer's ports are known. It is for who holds pair.mu.
func (l *udpLink) fix() { l.sides[0].fixed, l.sides[1].fixed = true, true }

// meets reports whether a track of the same peer on the way w would be taken for
// this one.
func (l *udpLink) meets(w way) bool {
	return l.remote[0].Load() == uint32(w.client[0]) || l.remote[1].Load() == uint32(w.client[1])
}

// to returns where the peer takes packets.
func (l *udpLink) to(i int) netip.AddrPort {
	return netip.AddrPortFrom(l.peer, uint16(l.remote[i].Load()))
}

// sendTrain sends RTP packets. What the network does not take is lost, as on any
// other part of the way.
func (l *udpLink) sendTrain(t *udp.Train) error {
	if err := l.pair.out.Send(t, l.to(0), nil); errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// send sends one packet, of RTP (0) or RTCP (1).
func (l *udpLink) send(i int, b []byte) error {
	_, err := l.pair.conns[i].WriteToUDPAddrPort(b, l.to(i))
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// close takes the track off its pair; the last one closes that. No packet is
// handed on after it returns.
func (l *udpLink) close() {
	last := l.pair.detach(l)
	l.calls.Wait()
	if last {
		l.pair.close()
	}
}
