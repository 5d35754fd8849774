package rtsp

import (
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
	remote  [2]atomic.Uint32
	latched [2]atomic.Bool

	take  taker          // guarded by pair.mu; nil before read
	calls sync.WaitGroup // of take
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
	l.take = f
	l.pair.mu.Unlock()
	l.pair.read(media)
}

// accept reports whether a packet is from the port that the peer sends from. The
// first one shows which its NAT has given it.
func (l *udpLink) accept(i int, port uint16) bool {
	if l.latched[i].CompareAndSwap(false, true) {
		l.remote[i].Store(uint32(port))
	}
	return uint32(port) == l.remote[i].Load()
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
