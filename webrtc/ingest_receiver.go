package webrtc

import (
	"encoding/binary"
	"slices"
	"time"

	pionrtp "github.com/pion/rtp"

	"sluice/protocols/codec/opus"
	"sluice/protocols/container/rtp"
	"sluice/protocols/container/rtp/jitter"
	"sluice/protocols/container/rtp/timing"
	"sluice/server/media"
)

// maxReceivers bounds the sources of one publisher: two kinds of media, some
// layers, and what a publisher that restarts leaves behind.
const maxReceivers = 16

// reorderOnly is how long a missing packet is waited for where it can't be asked
// for.
const reorderOnly = 60 * time.Millisecond

// receiver takes the packets of one source and makes media packets of them.
type receiver struct {
	ssrc    uint32
	kind    media.Kind
	codec   negotiatedCodec
	rid     string
	buffer  *jitter.Buffer
	stats   *jitter.Statistics
	parts   rtp.Depacketizer
	clock   *timing.Clock
	dts     *timing.DTS // of pictures
	lost    bool        // pictures since the last loss can't be decoded
	area    int         // of the newest key frame, in pixels
	last    time.Time   // a unit was complete
	arrival time.Time   // of the newest packet
	units   []rtp.Unit

	packets, repaired, keyRequests int64
	askedKey                       time.Time
	report                         jitter.Report // the last that was sent
}

// negotiatedCodec is what a receiver must know of its codec.
type negotiatedCodec struct {
	codec     media.Codec
	rate      int
	nack, pli bool
	fir       bool
}

// RTP implements transport.Handler.
func (n *ingest) RTP(h *pionrtp.Header, packet []byte, arrival time.Time) {
	n.pub.Sent(len(packet))
	f, ok := n.formats[h.PayloadType]
	if !ok {
		return
	}
	x := n.extensions[f.kind]
	if n.feedback != nil && x.transportCC != 0 {
		if b := h.GetExtension(x.transportCC); len(b) >= 2 {
			n.feedback.Record(h.SSRC, binary.BigEndian.Uint16(b), arrival.Sub(n.began).Microseconds())
			n.held++
		}
	}
	p, err := rtp.Parse(packet)
	if err != nil {
		return
	}
	r := n.receiver(p.SSRC)
	if f.rtx {
		if r = n.repairs(f, h, x); r == nil || len(p.Payload) < 2 {
			return // a repair of what is not known, or a probe
		}
		p.Sequence, p.SSRC, p.PayloadType = binary.BigEndian.Uint16(p.Payload), r.ssrc, f.PT
		p.Payload = p.Payload[2:]
		r.repaired++
	} else {
		if r != nil && r.codec.codec != f.Codec.Codec {
			n.drop(r) // the publisher has changed to another codec that was agreed
			r = nil
		}
		if r == nil {
			if r = n.newReceiver(f, h, x, arrival); r == nil {
				return
			}
		}
		r.packets++
		r.stats.Update(p, arrival)
	}
	r.arrival = arrival
	r.buffer.Push(p, arrival)
	n.drain(r, arrival)
}

// newReceiver begins with a source that was not heard before.
func (n *ingest) newReceiver(f format, h *pionrtp.Header, x extensions, now time.Time) *receiver {
	if len(n.receivers) >= maxReceivers {
		n.forgetSilent(now)
		if len(n.receivers) >= maxReceivers {
			return nil
		}
	}
	parts, err := rtp.NewDepacketizer(rtp.Format{
		Name: f.Name, Clock: f.Rate, Channels: f.Channels, Params: rtp.ParseParams(f.Params),
	}, rtp.DepacketizerConfig{TrustMarker: true})
	if err != nil {
		n.log.Warn("webrtc: the publisher's media can't be read", "codec", f.Codec.Codec, "error", err)
		return nil
	}
	c := negotiatedCodec{codec: f.Codec.Codec, rate: f.Rate, nack: f.NACK, pli: f.PLI, fir: f.FIR}
	wait := n.svc.cfg.Jitter
	if !c.nack {
		wait = min(wait, reorderOnly)
	}
	r := &receiver{
		ssrc: h.SSRC, kind: f.kind, codec: c, lost: f.kind == media.Video,
		buffer: jitter.NewBuffer(jitter.Config{MaxPackets: 2048, MaxDelay: wait}),
		stats:  jitter.NewStatistics(f.Rate), parts: parts, clock: n.time.Clock(f.Rate), dts: timing.NewDTS(0),
	}
	if x.rid != 0 {
		r.rid = string(h.GetExtension(x.rid))
	}
	n.receivers = append(n.receivers, r)
	return r
}

// repairs returns the receiver that a retransmission belongs to: by the offer's
// FID group, by the layer's name, or because there is only one that it can be.
func (n *ingest) repairs(f format, h *pionrtp.Header, x extensions) *receiver {
	if main, ok := f.repaired[h.SSRC]; ok {
		return n.receiver(main)
	}
	rid := ""
	if x.repairedRID != 0 {
		rid = string(h.GetExtension(x.repairedRID))
	}
	var found *receiver
	for _, r := range n.receivers {
		if r.kind != f.kind || rid != "" && r.rid != rid {
			continue
		}
		if found != nil {
			return nil
		}
		found = r
	}
	if found != nil && rid != "" {
		// The extension stands in the first packets only.
		f.repaired[h.SSRC] = found.ssrc
	}
	return found
}

func (n *ingest) drop(r *receiver) {
	n.receivers = slices.DeleteFunc(n.receivers, func(o *receiver) bool { return o == r })
	if l := n.layers[r.kind]; l.active == r {
		l.active = nil
	}
}

// forgetSilent drops sources that have not been heard for a while.
func (n *ingest) forgetSilent(now time.Time) {
	n.receivers = slices.DeleteFunc(n.receivers, func(r *receiver) bool {
		return now.Sub(r.arrival) > 10*time.Second && n.layers[r.kind].active != r
	})
}

// drain takes out of the jitter buffer what is ready.
func (n *ingest) drain(r *receiver, now time.Time) {
	for {
		p, lost, ok := r.buffer.Pop(now)
		if !ok {
			return
		}
		units, err := r.parts.Append(r.units[:0], p, lost)
		r.units = units
		if err != nil && r.kind == media.Video {
			r.lost = true
		}
		for i := range units {
			n.unit(r, &units[i], now)
		}
		clear(units)
	}
}

// unit publishes an access unit, if its source is the one on the air and it can
// be decoded.
func (n *ingest) unit(r *receiver, u *rtp.Unit, now time.Time) {
	r.last = now
	if r.kind == media.Video {
		// A unit behind a gap refers to what is not there, unless it's a key frame.
		r.lost = (r.lost || u.Lost) && !u.Key
		if u.Key {
			r.area = u.Track.Width * u.Track.Height
		}
		if r.lost {
			return
		}
	}
	if !n.layers[r.kind].pick(r, u.Key, now) {
		return
	}
	pts := r.clock.Time(u.Timestamp, r.arrival)
	p := &media.Packet{
		Track: n.track(u.Track), DTS: pts, PTS: pts, Key: u.Key, Payload: u.Payload, Arrival: now,
	}
	if r.kind == media.Video {
		p.DTS, p.PTS = r.dts.Next(pts)
	}
	if err := n.pub.Write(p); err != nil {
		n.cancel(err)
	}
}

// track gives Opus the header that files want (RFC 7845 section 5.1). It always
// says two channels: that is what the answer asked for, and each packet tells
// its own number.
func (n *ingest) track(t *media.Track) *media.Track {
	if t.Codec != media.Opus || t.Config != nil {
		return t
	}
	if n.opus == nil {
		n.opus, _ = opus.Track(opus.NewHead(2).Append(nil))
	}
	return n.opus
}
