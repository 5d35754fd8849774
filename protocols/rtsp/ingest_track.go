package rtsp

import (
	"errors"
	"fmt"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/protocols/container/rtp/jitter"
	"sluice/protocols/container/rtp/timing"
	"sluice/protocols/rtsp/sdp"
	"sluice/server/media"
)

// adoptAfter is how long the source of a track must be silent before another
// may take its place.
const adoptAfter = time.Second

// inTrack is one track of a publisher.
type inTrack struct {
	kind    media.Kind
	formats []sdp.Format // those that can be read
	format  sdp.Format   // in use
	parts   rtp.Depacketizer
	buffer  *jitter.Buffer // nil where the transport keeps the order
	stats   *jitter.Statistics
	clock   *timing.Clock
	dts     *timing.DTS
	track   *media.Track // of the last unit
	units   []rtp.Unit

	begun   bool
	ssrc    uint32
	heard   time.Time
	next    uint16          // sequence number, where there is no buffer
	counted jitter.Counters // where there is no buffer
	loss    float64         // in the time before the last report, 0-1
	lost    bool            // pictures since the last loss can't be decoded
	told    bool            // the log has a line about a loss
}

// errNoMedia refuses a description without media that the sender sends.
var errNoMedia = errors.New("nothing is sent")

// errSecond refuses a second track of one kind: a stream has one of each.
var errSecond = errors.New("a stream has one track of each kind")

// newInTrack returns the track of a media description. others are those that
// are there already.
func newInTrack(m *sdp.Media, others []*inTrack) (*inTrack, error) {
	kind := m.Kind()
	if kind == media.Data {
		return nil, fmt.Errorf("media of type %.20q is not carried", m.Type)
	}
	for _, o := range others {
		if o != nil && o.kind == kind {
			return nil, errSecond
		}
	}
	t := &inTrack{kind: kind, dts: timing.NewDTS(0), lost: kind == media.Video}
	var refusal error
	for _, f := range m.Formats {
		parts, err := rtp.NewDepacketizer(f.Format, rtp.DepacketizerConfig{})
		switch {
		case err != nil:
			refusal = err
		case f.Codec().Kind() != kind:
			refusal = fmt.Errorf("%v is no %v", f.Codec(), kind)
		default:
			if t.parts == nil {
				t.parts, t.format = parts, f
			}
			t.formats = append(t.formats, f)
		}
	}
	if t.parts == nil {
		if refusal == nil {
			refusal = errors.New("a media description without formats")
		}
		return nil, refusal
	}
	t.stats = jitter.NewStatistics(t.format.Clock)
	return t, nil
}

// reorder prepares for a transport that loses and reorders packets.
func (t *inTrack) reorder(wait time.Duration) {
	t.buffer = jitter.NewBuffer(jitter.Config{MaxPackets: 2048, MaxDelay: max(wait, time.Millisecond)})
}

// take reads a packet, and reports whether it belongs to the track.
func (t *inTrack) take(b []byte, now time.Time) (rtp.Packet, bool) {
	p, err := rtp.Parse(b)
	if err != nil || p.PayloadType != t.format.PayloadType && !t.change(p.PayloadType) {
		return p, false
	}
	if !t.begun || p.SSRC != t.ssrc {
		if t.begun && now.Sub(t.heard) < adoptAfter {
			return p, false
		}
		t.begun, t.ssrc, t.next = true, p.SSRC, p.Sequence
	}
	t.heard = now
	t.stats.Update(p, now)
	return p, true
}

// change goes over to another format that was announced.
func (t *inTrack) change(payloadType uint8) bool {
	for _, f := range t.formats {
		if f.PayloadType != payloadType || f.Clock != t.format.Clock {
			continue
		}
		parts, err := rtp.NewDepacketizer(f.Format, rtp.DepacketizerConfig{})
		if err != nil {
			return false
		}
		t.parts, t.format, t.lost = parts, f, t.kind == media.Video
		return true
	}
	return false
}

// gap reports whether packets are missing before p, which came in order.
func (t *inTrack) gap(p rtp.Packet) bool {
	t.counted.Received++
	n := p.Sequence - t.next
	t.next = p.Sequence + 1
	if n != 0 && n < 1<<15 {
		t.counted.Lost += uint64(n)
	}
	return n != 0
}

// counters tells what became of the packets so far.
func (t *inTrack) counters() jitter.Counters {
	if t.buffer != nil {
		return t.buffer.Counters()
	}
	return t.counted
}

// unpack makes units of a packet whose turn it is.
func (in *intake) unpack(t *inTrack, p rtp.Packet, lost bool, now time.Time) error {
	units, err := t.parts.Append(t.units[:0], p, lost)
	t.units = units
	if err != nil {
		in.tear(t, err)
	}
	for i := range units {
		if err := in.unit(t, &units[i], now); err != nil {
			return err
		}
	}
	clear(units)
	return nil
}

// tear notes that a unit was dropped. Pictures are left out up to the next key
// frame then.
func (in *intake) tear(t *inTrack, reason error) {
	in.torn++
	waiting := t.lost
	t.lost = t.kind == media.Video
	if t.told || waiting && errors.Is(reason, rtp.ErrNoConfig) {
		return // before the first key frame of a publisher that begins in mid-stream
	}
	t.told = true
	in.log.Warn("rtsp: a publisher's packets are missing or make no sense", "track", t.format.Name, "reason", reason)
}

// unit publishes an access unit, if it can be decoded.
func (in *intake) unit(t *inTrack, u *rtp.Unit, now time.Time) error {
	if t.kind == media.Video {
		// A unit behind a gap refers to what is not there, unless it's a key frame.
		if t.lost = (t.lost || u.Lost) && !u.Key; t.lost {
			return nil
		}
	}
	if u.Track != t.track {
		t.track = u.Track
		t.dts.SetDepth(timing.ReorderDepth(u.Track))
	}
	pts := t.clock.Time(u.Timestamp, t.heard)
	p := &media.Packet{Track: in.track(u.Track), DTS: pts, PTS: pts, Key: u.Key, Payload: u.Payload, Arrival: now}
	if t.kind == media.Video {
		p.DTS, p.PTS = t.dts.Next(pts)
	}
	return in.pub.Write(p)
}
