package webrtc

import (
	"math/rand/v2"
	"sync"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/server/media"
	"sluice/webrtc/icemux"
	"sluice/webrtc/negotiate"
	"sluice/webrtc/transport"
)

// sender is one track towards one viewer. It holds no packet: what it has sent
// it finds again by runs of numbers.
type sender struct {
	kind          media.Kind
	ssrc, rtxSSRC uint32
	codecs        map[media.Codec]negotiate.Codec
	offset        uint32 // random, of the timestamps

	mu      sync.Mutex
	next    int64 // the sequence number of the next packet, extended by its wraps
	rtxNext uint16
	runs    [8]run // the newest at runs[last]
	last    int
	codec   negotiate.Codec
	packets uint32 // sent, without retransmissions
	octets  uint32
	resent  int64
	recent  []resending // by sequence number modulo its length; nil before the first
	unknown int64       // asked for and not to be had any more
	seen    reception
}

// run is a stretch of packets whose numbers have one distance from those of the
// stream.
type run struct {
	lane    *lane
	shared  uint64 // of the first packet, in the stream
	first   int64  // the same packet's number for this viewer
	squeeze squeeze
}

// squeeze moves the times of pictures before the live edge into the time in
// which they are sent: from..to becomes at..until. The zero value moves nothing.
type squeeze struct {
	from, to  time.Duration
	at, until time.Duration
}

func (q squeeze) apply(pts time.Duration) time.Duration {
	if q.to <= q.from || pts > q.to {
		return pts
	}
	return q.at + time.Duration(float64(pts-q.from)/float64(q.to-q.from)*float64(q.until-q.at))
}

// resending remembers that a packet was sent again.
type resending struct {
	number int64
	at     time.Time
}

// A packet is not sent once more before the round-trip time has passed: what was
// asked for before the answer could arrive is asked for in vain. The time is bounded
// as peers report it, some of them wrongly.
const (
	resendAgain  = 20 * time.Millisecond
	resendLatest = 250 * time.Millisecond
)

const recentResends = 256

func newSender(kind media.Kind, codecs []negotiate.Codec) *sender {
	s := &sender{
		kind: kind,
		ssrc: rand.Uint32(), rtxSSRC: rand.Uint32(), offset: rand.Uint32(),
		codecs: make(map[media.Codec]negotiate.Codec),
		next:   1<<16 + int64(rand.Uint32N(1<<15)), rtxNext: uint16(rand.Uint32()),
	}
	for _, c := range codecs {
		if _, ok := s.codecs[c.Codec]; !ok {
			s.codecs[c.Codec] = c
		}
	}
	return s
}

// begin makes ready for a unit: it notes where the numbers break, and which
// codec is on. It reports whether the viewer can have the unit.
func (s *sender) begin(u *unit, q squeeze) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.runs[s.last]
	if r.lane != u.lane || r.shared+uint64(s.next-r.first) != u.seq || r.squeeze != q {
		s.last = (s.last + 1) % len(s.runs)
		s.runs[s.last] = run{lane: u.lane, shared: u.seq, first: s.next, squeeze: q}
	}
	if s.codec.Codec != u.codec {
		c, ok := s.codecs[u.codec]
		if !ok {
			return false
		}
		s.codec = c
	}
	return true
}

// append encrypts the i-th payload of a unit for which begin was called.
func (s *sender) append(t *transport.Transport, train *icemux.Train, u *unit, i int, q squeeze) error {
	p := &u.payloads[i]
	s.mu.Lock()
	h := transport.Header{
		SSRC: s.ssrc, Timestamp: s.timestamp(u.codec, q.apply(u.pts)) + p.Ticks, Sequence: uint16(s.next),
		PayloadType: s.codec.PT, Marker: p.Marker,
	}
	s.next++
	s.packets++
	s.octets += uint32(len(p.Data))
	s.mu.Unlock()
	return t.AppendRTP(train, h, nil, p.Data)
}

// timestamp returns the RTP timestamp of a stream time.
func (s *sender) timestamp(c media.Codec, t time.Duration) uint32 {
	return s.offset + uint32(media.ToClock(t, clockRate(c)))
}

// clockRate returns the RTP clock of a codec that WebRTC carries.
func clockRate(c media.Codec) int { return rtp.ClockRate(&media.Track{Codec: c}) }

// resend encrypts again what had the given number, in RTX form (RFC 4588 section
// 4) where that was agreed.
func (s *sender) resend(t *transport.Transport, train *icemux.Train, seq uint16, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.next + int64(int16(seq-uint16(s.next)))
	if s.recent == nil {
		s.recent = make([]resending, recentResends)
	}
	r := &s.recent[seq%recentResends]
	if r.number == number && now.Sub(r.at) < min(max(s.seen.rtt, resendAgain), resendLatest) {
		return nil
	}
	u, i, q := s.find(number)
	if u == nil {
		s.unknown++
		return nil
	}
	*r = resending{number, now}
	p := &u.payloads[i]
	c := s.codecs[u.codec]
	h := transport.Header{
		SSRC: s.ssrc, Timestamp: s.timestamp(u.codec, q.apply(u.pts)) + p.Ticks, Sequence: seq,
		PayloadType: c.PT, Marker: p.Marker,
	}
	var original []byte
	if c.RTX != 0 {
		h.SSRC, h.PayloadType, h.Sequence = s.rtxSSRC, c.RTX, s.rtxNext
		s.rtxNext++
		original = []byte{byte(seq >> 8), byte(seq)}
	}
	s.resent++
	return t.AppendRTP(train, h, original, p.Data)
}

// find returns what was sent with the given number, or nil.
func (s *sender) find(number int64) (*unit, int, squeeze) {
	if number >= s.next {
		return nil, 0, squeeze{}
	}
	for k := range s.runs {
		r := &s.runs[(s.last+len(s.runs)-k)%len(s.runs)]
		if r.lane == nil {
			break
		}
		if number >= r.first {
			u, i := r.lane.find(r.shared + uint64(number-r.first))
			return u, i, r.squeeze
		}
	}
	return nil, 0, squeeze{}
}
