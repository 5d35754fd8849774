package rtsp

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/rtsp/wire"
	"sluice/server/media"
)

// Details is what the API says of a session beyond what all protocols have.
type Details struct {
	// Transport is "TCP" or "UDP"; "" before it is known.
	Transport string         `json:"transport,omitempty"`
	Tracks    []TrackDetails `json:"tracks"`
	// Ignored counts a publisher's packets that belong to no track, Dropped the
	// pictures and frames of which packets were missing or made no sense.
	Ignored int64 `json:"packets_ignored,omitempty"`
	Dropped int64 `json:"units_dropped,omitempty"`
}

// TrackDetails is how one track travels.
type TrackDetails struct {
	Kind    string `json:"kind"`
	Codec   string `json:"codec"`
	SSRC    uint32 `json:"ssrc"`
	Packets uint64 `json:"packets"` // of RTP, that came or were sent
	// Lost counts packets that never came, or came too late; of a player by its
	// last report, as are Loss, its share of the packets in the time before that
	// report (0-1), and Jitter.
	Lost   int64         `json:"lost"`
	Loss   float64       `json:"loss"`
	Jitter time.Duration `json:"jitter"`
	// Reordered counts a publisher's packets that came behind later ones and in
	// time, Late those that came after they had been given up, Duplicate those that
	// came before.
	Reordered uint64 `json:"reordered,omitempty"`
	Late      uint64 `json:"late,omitempty"`
	Duplicate uint64 `json:"duplicate,omitempty"`
	// RTT is the way to a player and back, by its last report.
	RTT time.Duration `json:"rtt,omitempty"`
}

// showInterval is how old a publisher's Details may be.
const showInterval = time.Second

// details returns what is known of a publisher's packets.
func (in *intake) details() *Details {
	d := &Details{Transport: in.lower, Tracks: []TrackDetails{}, Ignored: in.unknown, Dropped: in.torn}
	for _, t := range in.tracks {
		if t == nil {
			continue
		}
		c := t.counters()
		d.Tracks = append(d.Tracks, TrackDetails{
			Kind: t.kind.String(), Codec: t.format.Codec().String(), SSRC: t.ssrc, Packets: c.Received,
			Lost: int64(c.Lost), Loss: t.loss, Jitter: t.stats.Jitter(),
			Reordered: c.Reordered, Late: c.Late, Duplicate: c.Duplicate,
		})
	}
	return d
}

// playerFigures is what is known of how a player's packets arrive.
type playerFigures struct {
	mu    sync.Mutex
	links []*link
	lanes [2]reception
	// The last sender reports: the middle of their NTP time, and when they left.
	report uint32
	left   time.Time
}

// reception is what a player's last report says of one track.
type reception struct {
	lost        int64
	loss        float64
	jitter, rtt time.Duration
}

// start notes where the packets go.
func (f *playerFigures) start(out *output) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links = slices.Clone(out.links) // one may be taken off
}

// reported notes that sender reports leave.
func (f *playerFigures) reported(ntp uint64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.report, f.left = uint32(ntp>>16), now
}

// RTCP implements Source. Nothing is made of reports but figures: what is lost
// can't be sent again.
func (p *player) RTCP(track int, b []byte, now time.Time) {
	t := p.desc.tracks[track]
	if t == nil {
		return
	}
	for r := range controls(b) {
		rr, ok := r.(*rtcp.ReceiverReport)
		if !ok {
			continue
		}
		for _, block := range rr.Reports {
			if block.SSRC == t.ssrc {
				p.figures.heard(track, t.clock, block, now)
			}
		}
	}
}

// heard takes a report of a track whose RTP clock runs at the given rate in Hz.
func (f *playerFigures) heard(track, clock int, r rtcp.ReceptionReport, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.lanes[track]
	l.lost = int64(int32(r.TotalLost<<8) >> 8) // of 24 signed bits, RFC 3550 6.4.1
	l.loss = float64(r.FractionLost) / 256
	l.jitter = media.FromClock(int64(r.Jitter), clock)
	if r.LastSenderReport != 0 && r.LastSenderReport == f.report {
		l.rtt = max(0, now.Sub(f.left)-media.FromClock(int64(r.Delay), 65536))
	}
}

// details returns what is known of a player's packets.
func (p *player) details() *Details {
	f := &p.figures
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &Details{Tracks: []TrackDetails{}}
	for _, l := range f.links {
		d.Transport = wire.TCP
		if l.udp != nil {
			d.Transport = wire.UDP
		}
		t, r := p.desc.tracks[l.track], f.lanes[l.track]
		d.Tracks = append(d.Tracks, TrackDetails{
			Kind: t.kind.String(), Codec: t.codec.String(), SSRC: t.ssrc, Packets: uint64(l.packets.Load()),
			Lost: r.lost, Loss: r.loss, Jitter: r.jitter, RTT: r.rtt,
		})
	}
	return d
}
