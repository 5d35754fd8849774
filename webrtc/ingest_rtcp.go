package webrtc

import (
	"time"

	"github.com/pion/rtcp"

	"sluice/server/media"
)

// Times of what a publisher is told.
const (
	// feedbackInterval is between transport-wide feedback messages.
	feedbackInterval = 50 * time.Millisecond
	// askInterval is how often missing packets are looked at.
	askInterval = 10 * time.Millisecond
	// publisherInterval is between receiver reports.
	publisherInterval = time.Second
	// keyRepeat is after what time, at the least, a key frame that has not come
	// is asked for again.
	keyRepeat = 500 * time.Millisecond
	// maxPatience bounds how long a long round trip makes packets wait.
	maxPatience = time.Second
	// firstRTT is assumed before ICE has measured.
	firstRTT = 100 * time.Millisecond
)

// Tick implements transport.Handler: it sends the publisher what it must be told,
// and lets pictures go that have waited long enough.
func (n *ingest) Tick(now time.Time) time.Duration {
	var packets []rtcp.Packet
	if !now.Before(n.nextReport) {
		n.nextReport = now.Add(publisherInterval)
		packets = n.reports(now)
		n.snapshot()
	}
	packets = n.requests(packets, now, n.keyWanted.Swap(false))
	packets = n.transportFeedback(packets, now)
	n.send(packets)
	return max(min(n.pause(now), n.nextReport.Sub(now)), time.Millisecond)
}

// pause returns for how long there is nothing to do.
func (n *ingest) pause(now time.Time) time.Duration {
	wait := publisherInterval
	if n.held > 0 {
		wait = n.fedBack.Add(feedbackInterval).Sub(now)
	}
	for _, r := range n.receivers {
		if r.buffer.Missing() > 0 {
			return min(wait, askInterval)
		}
		if r.wantsKey(n) {
			wait = min(wait, n.keyRepeat())
		}
	}
	return wait
}

// requests adds what must be sent again, and key frames.
func (n *ingest) requests(packets []rtcp.Packet, now time.Time, keyWanted bool) []rtcp.Packet {
	for _, r := range n.receivers {
		n.drain(r, now)
		if r.codec.nack {
			if missing := r.buffer.AppendMissing(nil, now, n.rtt); len(missing) > 0 {
				packets = append(packets, &rtcp.TransportLayerNack{
					SenderSSRC: n.ssrc, MediaSSRC: r.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(missing),
				})
			}
		}
		active := n.layers[r.kind].active
		want := r.wantsKey(n) && now.Sub(r.askedKey) >= n.keyRepeat()
		if keyWanted && r.kind == media.Video && (active == r || active == nil) {
			want = true
		}
		if want {
			r.askedKey = now
			r.keyRequests++
			packets = append(packets, r.keyRequest(n.ssrc))
		}
	}
	return packets
}

// wantsKey reports whether the source has pictures that can't be decoded, and is
// on the air or may be.
func (r *receiver) wantsKey(n *ingest) bool {
	active := n.layers[r.kind].active
	return r.kind == media.Video && r.lost && (active == r || active == nil || r.area >= active.area)
}

// keyRequest asks for a key frame in the way that was agreed; PLI where nothing
// was, as everybody knows it.
func (r *receiver) keyRequest(from uint32) rtcp.Packet {
	if !r.codec.pli && r.codec.fir {
		return &rtcp.FullIntraRequest{
			SenderSSRC: from, MediaSSRC: r.ssrc,
			FIR: []rtcp.FIREntry{{SSRC: r.ssrc, SequenceNumber: uint8(r.keyRequests)}},
		}
	}
	return &rtcp.PictureLossIndication{SenderSSRC: from, MediaSSRC: r.ssrc}
}

// transportFeedback adds what the publisher's bandwidth estimate is made of.
func (n *ingest) transportFeedback(packets []rtcp.Packet, now time.Time) []rtcp.Packet {
	if n.feedback == nil || n.held == 0 || now.Sub(n.fedBack) < feedbackInterval {
		return packets
	}
	n.held, n.fedBack = 0, now
	return append(packets, n.feedback.BuildFeedbackPacket()...)
}

// reports makes the receiver report.
func (n *ingest) reports(now time.Time) []rtcp.Packet {
	if rtt, ok := n.transport.RTT(); ok {
		n.rtt = rtt
	}
	rr := &rtcp.ReceiverReport{SSRC: n.ssrc}
	for _, r := range n.receivers {
		r.buffer.SetMaxDelay(n.patience(r))
		report, ok := r.stats.Report(now)
		if !ok {
			continue
		}
		r.report = report
		rr.Reports = append(rr.Reports, rtcp.ReceptionReport{
			SSRC: r.ssrc, FractionLost: report.FractionLost,
			TotalLost:          uint32(report.TotalLost) & 0xffffff,
			LastSequenceNumber: report.HighestSequence, Jitter: report.Jitter,
			LastSenderReport: report.LastSenderReport, Delay: report.Delay,
		})
	}
	return []rtcp.Packet{rr, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: n.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: n.id}},
	}}}}
}

// keyRepeat leaves time for a key frame that is on its way over a long path.
func (n *ingest) keyRepeat() time.Duration { return max(keyRepeat, 3*n.rtt) }

// patience is how long a missing packet of a source is waited for: where it can
// be asked for, two answers fit in, as one may be lost.
func (n *ingest) patience(r *receiver) time.Duration {
	if !r.codec.nack {
		return min(n.svc.cfg.Jitter, reorderOnly)
	}
	return max(n.svc.cfg.Jitter, min(5*n.rtt/2, maxPatience))
}

// maxCompound bounds one RTCP packet below any path's MTU.
const maxCompound = 1100

// send sends packets in as few compound packets as they fit in.
func (n *ingest) send(packets []rtcp.Packet) {
	for len(packets) > 0 {
		size, k := 0, 0
		for k < len(packets) && (k == 0 || size+packets[k].MarshalSize() <= maxCompound) {
			size += packets[k].MarshalSize()
			k++
		}
		if b, err := rtcp.Marshal(packets[:k]); err == nil {
			_ = n.transport.SendRTCP(b)
		}
		packets = packets[k:]
	}
}

// RTCP implements transport.Handler.
func (n *ingest) RTCP(b []byte, arrival time.Time) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			if r := n.receiver(sr.SSRC); r != nil {
				r.clock.SenderReport(sr.RTPTime, sr.NTPTime)
				r.stats.SenderReport(sr.NTPTime, arrival)
			}
		}
	}
}
