package rtsp

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/codec/opus"
	"sluice/protocols/container/rtp/timing"
	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/hub"
	"sluice/server/media"
)

// reportInterval is between RTCP reports of a track, to publishers and to
// players alike (RFC 3550 6.2).
const reportInterval = 5 * time.Second

// publisher is what an intake needs of a hub.Publisher.
type publisher interface {
	ID() string
	Context() context.Context
	Expect(kinds ...media.Kind)
	Announce(t *media.Track)
	Write(p *media.Packet) error
	Sent(n int)
	Close(reason error)
}

var _ publisher = (*hub.Publisher)(nil)

// intake puts what a publisher sends into the hub. It is for one goroutine.
type intake struct {
	pub     publisher
	log     *slog.Logger
	time    timing.Session
	tracks  []*inTrack // by number of the media description; nil for those that are not taken
	ssrc    uint32     // ours, in reports
	send    func(track int, rtcp []byte)
	reports time.Time // when the next ones are due
	opus    *media.Track
	lower   string // the transport, once it is known
	shown   atomic.Pointer[Details]
	showing time.Time // when they are due again

	unknown int64 // packets that belong to nothing that was announced
	torn    int64 // units that were dropped
}

// newIntake returns the intake of a publisher that announces these media, without
// those of which skip, which may be nil, says so. It fails where there is none that
// can be taken.
func newIntake(media []sdp.Media, skip func(i int) bool, log *slog.Logger) (*intake, error) {
	in := &intake{log: log, ssrc: rand.Uint32(), tracks: make([]*inTrack, len(media))}
	refusal := errNoMedia
	taken := 0
	for i := range media {
		if skip != nil && skip(i) {
			continue
		}
		t, err := newInTrack(&media[i], in.tracks)
		if err != nil {
			log.Warn("rtsp: track refused", "media", media[i].Type, "reason", err)
			refusal = err
			continue
		}
		t.clock = in.time.Clock(t.format.Clock)
		in.tracks[i] = t
		taken++
	}
	if taken == 0 {
		return nil, refusal
	}
	return in, nil
}

// publish begins to publish as pub.
func (in *intake) publish(pub *hub.Publisher) {
	in.pub = pub
	in.shown.Store(in.details())
	pub.SetDetails(func() any { return in.shown.Load() })
}

// Record implements Recorder.
func (in *intake) Record(r Recording) error {
	var kinds []media.Kind
	set := make([]*inTrack, len(in.tracks))
	for _, i := range r.Tracks {
		if t := in.tracks[i]; t != nil {
			set[i] = t
			kinds = append(kinds, t.kind)
		}
	}
	if len(kinds) == 0 {
		return errProtocol(wire.UnsupportedMediaType, "No Media That This Server Takes Are Set Up")
	}
	in.send, in.lower = r.Report, wire.UDP
	if r.Ordered {
		in.lower = wire.TCP
	}
	in.tracks = set // what is not set up delays nothing
	in.pub.Expect(kinds...)
	for _, t := range in.tracks {
		if t == nil {
			continue
		}
		if !r.Ordered {
			t.reorder(r.Jitter)
		}
		if t.parts.Track() != nil {
			in.pub.Announce(in.track(t.parts.Track()))
		}
	}
	return nil
}

// Context implements Recorder.
func (in *intake) Context() context.Context { return in.pub.Context() }

// RTP implements Recorder.
func (in *intake) RTP(track int, packet []byte, now time.Time) error {
	in.pub.Sent(len(packet))
	t := in.tracks[track]
	if t == nil {
		in.unknown++
		return nil
	}
	p, ok := t.take(packet, now)
	if !ok {
		in.unknown++
		return nil
	}
	if t.buffer == nil {
		lost := t.gap(p)
		return in.unpack(t, p, lost, now)
	}
	t.buffer.Push(p, now)
	return in.drain(t, now)
}

// drain takes out of the jitter buffer what is ready.
func (in *intake) drain(t *inTrack, now time.Time) error {
	for {
		p, lost, ok := t.buffer.Pop(now)
		if !ok {
			return nil
		}
		if err := in.unpack(t, p, lost, now); err != nil {
			return err
		}
	}
}

// RTCP implements Recorder.
func (in *intake) RTCP(track int, packet []byte, now time.Time) {
	in.pub.Sent(len(packet))
	t := in.tracks[track]
	if t == nil {
		in.unknown++
		return
	}
	known := false
	for p := range controls(packet) {
		known = true
		if sr, ok := p.(*rtcp.SenderReport); ok {
			t.clock.SenderReport(sr.RTPTime, sr.NTPTime)
			t.stats.SenderReport(sr.NTPTime, now)
		}
	}
	if !known {
		in.unknown++
	}
}

// Tick implements Recorder.
func (in *intake) Tick(now time.Time) (next time.Time, err error) {
	if !now.Before(in.reports) {
		in.report(now)
		in.reports = now.Add(reportInterval)
	}
	if !now.Before(in.showing) {
		in.shown.Store(in.details())
		in.showing = now.Add(showInterval)
	}
	next = earlier(in.reports, in.showing)
	for _, t := range in.tracks {
		if t == nil || t.buffer == nil {
			continue
		}
		if err := in.drain(t, now); err != nil {
			return next, err
		}
		if d, ok := t.buffer.Deadline(); ok && d.Before(next) {
			next = d
		}
	}
	return next, nil
}

// report sends a receiver report for each track.
func (in *intake) report(now time.Time) {
	for i, t := range in.tracks {
		if t == nil {
			continue
		}
		r, ok := t.stats.Report(now)
		if !ok {
			continue
		}
		t.loss = float64(r.FractionLost) / 256
		b, err := rtcp.Marshal([]rtcp.Packet{
			&rtcp.ReceiverReport{SSRC: in.ssrc, Reports: []rtcp.ReceptionReport{{
				SSRC: t.ssrc, FractionLost: r.FractionLost, TotalLost: uint32(r.TotalLost) & 0xffffff,
				LastSequenceNumber: r.HighestSequence, Jitter: r.Jitter, LastSenderReport: r.LastSenderReport, Delay: r.Delay,
			}}},
			sourceDescription(in.ssrc, in.pub.ID()),
		})
		if err == nil {
			in.send(i, b)
		}
	}
}

// sourceDescription names the sender of a compound packet (RFC 3550 6.5).
func sourceDescription(ssrc uint32, name string) *rtcp.SourceDescription {
	return &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: name}},
	}}}
}

// track gives Opus the header that files want (RFC 7845 5.1); each packet tells
// its own number of channels.
func (in *intake) track(t *media.Track) *media.Track {
	if t.Codec != media.Opus || t.Config != nil {
		return t
	}
	if in.opus == nil {
		in.opus, _ = opus.Track(opus.NewHead(2).Append(nil))
	}
	return in.opus
}

// Close implements Recorder.
func (in *intake) Close(reason error) {
	now := time.Now()
	for _, t := range in.tracks {
		if t == nil {
			continue
		}
		for _, u := range t.parts.Flush(nil) {
			_ = in.unit(t, &u, now) // the publisher may have ended for another reason
		}
	}
	if in.unknown > 0 || in.torn > 0 {
		var lost uint64
		for _, t := range in.tracks {
			if t != nil {
				lost += t.counters().Lost
			}
		}
		in.log.Warn("rtsp: the publisher's packets were not all good",
			"ignored", in.unknown, "units_dropped", in.torn, "packets_lost", lost)
	}
	in.pub.Close(reason)
}
