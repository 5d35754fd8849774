package webrtc

import (
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/container/rtp/timing"
	"sluice/server/media"
	"sluice/webrtc/icemux"
)

const (
	// resendRate bounds retransmissions to one viewer, in Mbit/s, and resendBurst
	// what may be sent again at once, in bytes: some peers ask for all that they
	// ever missed in every NACK, and the newest is at the end.
	resendRate  = 20
	resendBurst = 512 << 10
	// reportInterval is between sender reports, once the peer has the first few.
	reportInterval = time.Second
	firstInterval  = 200 * time.Millisecond
	firstReports   = 3
	// rewindInterval is the least time between two restarts at the cached group. It
	// doubles with each that did not help, up to rewindLongest: a decoder that can't
	// take the stream at all would ask for it for ever.
	rewindInterval = 500 * time.Millisecond
	rewindLongest  = 16 * time.Second
)

// reportDue reports whether it is time for sender reports.
func (e *egress) reportDue(now time.Time) bool {
	interval := reportInterval
	if e.out.reports < firstReports {
		interval = firstInterval
	}
	return now.Sub(e.out.reported) >= interval
}

// reception is what a viewer's reports say of a track.
type reception struct {
	lost   int64
	jitter time.Duration
	rtt    time.Duration
}

// report sends the sender reports of both tracks for the same instant, by which
// the peer keeps picture and sound together.
func (e *egress) report(now time.Time) {
	u := e.newest.Load()
	if u == nil {
		return
	}
	var packets []rtcp.Packet
	at := now.Sub(u.epoch)
	for _, s := range []*sender{e.video, e.audio} {
		if s == nil {
			continue
		}
		s.mu.Lock()
		if s.codec.Codec != media.CodecUnknown {
			packets = append(packets, &rtcp.SenderReport{
				SSRC: s.ssrc, NTPTime: timing.NTP(now), RTPTime: s.timestamp(s.codec.Codec, at),
				PacketCount: s.packets, OctetCount: s.octets,
			}, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
				Source: s.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: e.id}},
			}}})
		}
		s.mu.Unlock()
	}
	if len(packets) == 0 {
		return
	}
	if b, err := rtcp.Marshal(packets); err == nil {
		_ = e.transport.SendRTCP(b)
	}
	e.out.reported = now
	e.out.reports++
}

// RTCP implements transport.Handler.
func (e *egress) RTCP(b []byte, arrival time.Time) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			e.nack(p, arrival)
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			e.lostPicture(arrival)
		case *rtcp.ReceiverReport:
			for i := range p.Reports {
				e.reception(&p.Reports[i], arrival)
			}
		}
	}
}

// nack sends again what the viewer misses.
func (e *egress) nack(p *rtcp.TransportLayerNack, now time.Time) {
	s := e.sender(p.MediaSSRC)
	if s == nil {
		return
	}
	train := e.svc.train()
	defer e.svc.giveBack(train)
	for _, pair := range p.Nacks {
		pair.Range(func(seq uint16) bool {
			_ = s.resend(e.transport, train, seq, now)
			if train.Len() >= piecePackets {
				e.sendAgain(train)
			}
			return true
		})
	}
	e.sendAgain(train)
}

// sendAgain sends retransmissions within their rate; beyond it they are dropped,
// and asked for once more.
func (e *egress) sendAgain(train *icemux.Train) {
	n := train.Bytes()
	if n == 0 {
		return
	}
	if !e.resend.take(n) {
		train.Reset()
		return
	}
	_ = e.transport.Send(train)
	e.viewer.Sent(n)
}

func (e *egress) sender(ssrc uint32) *sender {
	for _, s := range []*sender{e.video, e.audio} {
		if s != nil && s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

// lostPicture asks a publisher that can make one for a key frame; from others the
// viewer gets the cached group again.
func (e *egress) lostPicture(now time.Time) {
	e.keysAsked.Add(1)
	stream := e.viewer.Stream()
	stream.RequestKeyFrame()
	if p := stream.Publisher(); p != nil && p.Protocol == protocolWHIP {
		return
	}
	since := now.Sub(time.Unix(0, e.caughtUp.Load()))
	switch {
	case since < e.backOff:
		return // what was sent a moment ago may still be on its way
	case since > 4*e.backOff:
		e.backOff = rewindInterval // it did help
	default:
		e.backOff = min(2*e.backOff, rewindLongest)
	}
	e.rewind.Store(true)
}

// reception notes what the viewer reports of a track.
func (e *egress) reception(r *rtcp.ReceptionReport, now time.Time) {
	s := e.sender(r.SSRC)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.lost = int64(r.TotalLost)
	if rate := clockRate(s.codec.Codec); rate > 0 {
		s.seen.jitter = media.FromClock(int64(r.Jitter), rate)
	}
	if rtt, ok := timing.RoundTrip(timing.NTP(now), r.LastSenderReport, r.Delay); ok {
		s.seen.rtt = rtt
	}
}
