package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/container/rtp/timing"
	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/server/udp"
)

// errChanged ends a player whose session description is no longer true.
var errChanged = errors.New("rtsp: the stream's codecs have changed, players must ask for it again")

// batchSize is how many units go into one write at most: some pictures and the
// sound around them.
const batchSize = 32

// startWait is how long the answer to PLAY waits for the first packet, to say
// where it begins. After DESCRIBE it is there.
const startWait = 200 * time.Millisecond

// player is a viewer of the hub.
type player struct {
	viewer *hub.Viewer
	sub    *hub.Subscription[*unit]
	log    *slog.Logger
	desc   *description // what the player was told

	out     *output
	batch   []*unit
	ready   int // units in batch that wait to be sent
	hidden  bool
	sent    bool
	next    [2]uint64 // by lane, once sent: the numbers behind the last packets
	reports time.Time // when the next ones are due
	bufs    net.Buffers
	scratch []byte
	pace    pacer
	train   udp.Train
	figures playerFigures
}

// newPlayer waits until it is known what there is to play.
func newPlayer(ctx context.Context, v *hub.Viewer, websocket bool, log *slog.Logger) (*player, error) {
	p := &player{
		viewer: v, sub: hub.Subscribe(v, wireFormat(log, websocket)), log: log, batch: make([]*unit, batchSize),
	}
	for p.desc == nil {
		if err := p.wait(ctx); err != nil {
			p.sub.Close()
			return nil, err
		}
		if n, _ := p.sub.Read(p.batch[:1]); n > 0 {
			p.desc = p.batch[0].desc
		}
	}
	clear(p.batch)
	v.SetDetails(func() any { return p.details() })
	for _, t := range v.Refused() {
		log.Warn("track can't be carried", "protocol", v.Protocol, "stream", v.Stream().Name(), "codec", t.Codec)
	}
	return p, nil
}

// errTick ends a wait, so that other things can be looked at.
var errTick = errors.New("rtsp: tick")

// lookEvery is how often a player that waits looks whether there will be
// anything for it.
const lookEvery = 500 * time.Millisecond

// wait waits for the first unit, or until it is plain that there is none.
func (p *player) wait(ctx context.Context) error {
	for {
		tick, cancel := context.WithTimeoutCause(ctx, lookEvery, errTick)
		err := p.sub.WaitContext(tick)
		cancel()
		if !errors.Is(err, errTick) {
			return err
		}
		ts, ok := p.viewer.Stream().Tracks()
		if refused := p.viewer.Refused(); ok && len(refused) > 0 && len(refused) == len(ts.Media()) {
			return fmt.Errorf("%w: %s", hub.ErrNothingPlayable, refused[0].Codec)
		}
	}
}

// Context implements Source.
func (p *player) Context() context.Context { return p.viewer.Context() }

// Description implements Source.
func (p *player) Description() *sdp.Session {
	s := &sdp.Session{Name: p.viewer.Stream().Name(), Control: "*", Range: wire.LiveRange}
	for lane, t := range p.desc.tracks {
		if t == nil {
			continue
		}
		m := sdp.Media{
			Type: t.kind.String(), Protocol: profile, Control: control(lane),
			Formats: []sdp.Format{{PayloadType: t.payloadType, Format: p.desc.formats[lane]}},
		}
		s.Media = append(s.Media, m)
	}
	return s
}

// SSRC implements Source.
func (p *player) SSRC(track int) (uint32, bool) {
	if track < 0 || track >= len(p.desc.tracks) || p.desc.tracks[track] == nil {
		return 0, false
	}
	return p.desc.tracks[track].ssrc, true
}

// Start implements Source. The first unit is read, so that it can be said where
// each track begins.
func (p *player) Start(ctx context.Context, out *output) ([]Begin, error) {
	p.out, p.reports = out, time.Time{}
	p.figures.start(out)
	p.pace = pacer{floor: out.burst}
	p.ready = 0
	p.sub.Rewind()
	p.hidden = p.desc.tracks[picture] != nil && out.link(picture) != nil
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for p.ready == 0 {
		if err := p.sub.WaitContext(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(p.viewer.Context()) // nothing yet
			}
			return nil, err
		}
		n, _ := p.sub.Read(p.batch)
		p.ready = n
	}
	u := p.batch[0]
	if p.sent && p.seen(u) {
		return nil, nil // from the next key frame on, of which nothing is known yet
	}
	var list []Begin
	for lane, t := range u.desc.tracks {
		if t != nil && t == p.desc.tracks[lane] {
			list = append(list, Begin{lane, uint16(u.first[lane]), t.timestamp(u.pts)})
		}
	}
	return list, nil
}

// timestamp returns the RTP timestamp of a stream time.
func (o *outTrack) timestamp(t time.Duration) uint32 {
	return o.offset + uint32(media.ToClock(t, o.clock))
}

// seen reports whether the player had the unit before it paused.
func (p *player) seen(u *unit) bool {
	return p.sent && u.first[u.lane] < p.next[u.lane]
}

// Run implements Source.
func (p *player) Run(ctx context.Context) error {
	for {
		if p.ready == 0 {
			if err := p.sub.WaitContext(ctx); err != nil {
				return p.cause(err)
			}
			p.ready, _ = p.sub.Read(p.batch)
		}
		err := p.send(ctx, p.batch[:p.ready])
		clear(p.batch[:p.ready])
		p.ready = 0
		if err != nil {
			return p.cause(err)
		}
	}
}

// cause prefers the reason for which the viewer has ended.
func (p *player) cause(err error) error {
	if ended := context.Cause(p.viewer.Context()); ended != nil {
		return ended
	}
	return err
}

// send sends what the player has set up of the units.
func (p *player) send(ctx context.Context, units []*unit) error {
	bufs, size := p.bufs[:0], 0
	p.scratch = p.scratch[:0]
	for _, u := range units {
		l := p.out.link(u.lane)
		if l == nil {
			continue
		}
		if u.track != p.desc.tracks[u.lane] {
			return fmt.Errorf("%w: %s", errChanged, u.track.codec)
		}
		if !p.wants(u) {
			continue
		}
		if err := p.report(u, time.Now()); err != nil {
			return err
		}
		l.packets.Add(uint32(len(u.ends)))
		l.octets.Add(u.media)
		if l.udp != nil {
			if err := p.sendDatagrams(ctx, l, u); err != nil {
				return err
			}
			continue
		}
		data := u.data
		if l.channels[0] != u.track.channel {
			from := len(p.scratch)
			p.scratch = u.appendOn(p.scratch, l.channels[0])
			data = p.scratch[from:len(p.scratch):len(p.scratch)]
		}
		bufs, size = append(bufs, data), size+len(data)
	}
	if size == 0 {
		return nil
	}
	p.bufs = bufs
	p.viewer.Sent(size)
	err := p.out.conn.WriteMedia(bufs)
	clear(bufs)
	return err
}

// wants applies where the player is: pictures begin at a key frame, and nothing
// comes twice.
func (p *player) wants(u *unit) bool {
	if p.seen(u) {
		return false
	}
	if u.lane == picture {
		if p.hidden = p.hidden && !u.key; p.hidden {
			return false
		}
	}
	if !p.sent {
		p.sent, p.next = true, u.first
	}
	p.next[u.lane] = u.first[u.lane] + uint64(len(u.ends))
	return true
}

// report sends the sender reports of all tracks for the same instant, when they
// are due: at first before anything else.
func (p *player) report(u *unit, now time.Time) error {
	if now.Before(p.reports) {
		return nil
	}
	// The instant is not now: where a publisher was away the stream's time lies
	// behind. And it is the first picture's presentation: ffmpeg takes that for 0,
	// whatever comes before it.
	at := u.pts
	ntp := timing.NTP(u.epoch.Add(at))
	p.reports = now.Add(reportInterval)
	p.figures.reported(ntp, now)
	for _, l := range p.out.links {
		t := p.desc.tracks[l.track]
		b, err := rtcp.Marshal([]rtcp.Packet{
			&rtcp.SenderReport{
				SSRC: t.ssrc, NTPTime: ntp, RTPTime: t.timestamp(at),
				PacketCount: l.packets.Load(), OctetCount: l.octets.Load(),
			},
			sourceDescription(t.ssrc, p.viewer.ID()),
		})
		if err != nil {
			return err
		}
		if err := p.out.control(l, b); err != nil {
			return err
		}
	}
	return nil
}

// Goodbye implements Source (RFC 3550 6.6).
func (p *player) Goodbye() {
	for _, l := range p.out.links {
		t := p.desc.tracks[l.track]
		b, err := rtcp.Marshal([]rtcp.Packet{
			&rtcp.SenderReport{SSRC: t.ssrc, PacketCount: l.packets.Load(), OctetCount: l.octets.Load()},
			sourceDescription(t.ssrc, p.viewer.ID()),
			&rtcp.Goodbye{Sources: []uint32{t.ssrc}},
		})
		if err == nil {
			_ = p.out.control(l, b) // the player ends in any case
		}
	}
}

// Close implements Source.
func (p *player) Close(reason error) {
	p.sub.Close()
	p.viewer.Close(reason)
}

var _ Source = (*player)(nil)
