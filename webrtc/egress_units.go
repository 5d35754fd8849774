package webrtc

import (
	"log/slog"
	"sync"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/server/hub"
	"sluice/server/media"
)

// unit is one picture or audio frame, cut into RTP payloads once for all viewers.
type unit struct {
	tracks *media.Tracks
	// lane is nil for a unit that only tells of new tracks.
	lane     *lane
	codec    media.Codec
	kind     media.Kind
	key      bool
	pts      time.Duration
	payloads []rtp.Payload
	bytes    int
	// seq is the number of the first payload among all of its lane.
	seq uint64
	// epoch is the wall-clock time of stream time 0, by what is known so far.
	epoch time.Time
	// b counts the stream's B pictures.
	b *bPictures
}

// laneUnits is how many units a lane remembers: four seconds of pictures, five
// of sound. What is asked for again is younger.
const laneUnits = 256

// lane is the history of one kind of media. The encoder adds, viewers look up
// what their peers miss.
type lane struct {
	mu    sync.RWMutex
	units [laneUnits]*unit
	count uint64 // units added
	next  uint64 // the number of the next payload
}

func (l *lane) add(u *unit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u.lane, u.seq = l, l.next
	l.next += uint64(len(u.payloads))
	l.units[l.count%laneUnits] = u
	l.count++
}

// find returns the unit that the payload with the given number belongs to, and
// its place in it, or nil.
func (l *lane) find(seq uint64) (*unit, int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	low, high := l.count-min(l.count, laneUnits), l.count
	for low < high {
		mid := low + (high-low)/2
		u := l.units[mid%laneUnits]
		switch {
		case seq < u.seq:
			high = mid
		case seq >= u.seq+uint64(len(u.payloads)):
			low = mid + 1
		default:
			return u, int(seq - u.seq)
		}
	}
	return nil, 0
}

// encoder cuts a stream's packets into units.
type encoder struct {
	log     *slog.Logger
	config  rtp.PacketizerConfig
	lanes   [2]*lane // pictures, sound
	tracks  *media.Tracks
	cutters map[media.Codec]rtp.Packetizer
	clock   wallClock
	b       straightener
	failed  bool // of a packet that can't be cut
}

// rtpFormat is the wire format of WebRTC viewers. singleNAL is H264's
// packetization mode 0.
func rtpFormat(log *slog.Logger, policy BFrames, singleNAL bool) hub.Format[*unit] {
	key := "rtp"
	if singleNAL {
		key = "rtp-single-nal"
	}
	return hub.Format[*unit]{Key: key, New: func() hub.Encoder[*unit] {
		return &encoder{
			log:     log,
			config:  rtp.PacketizerConfig{SingleNAL: singleNAL, InsertConfig: true},
			b:       straightener{log: log, policy: policy, counts: &bPictures{}},
			lanes:   [2]*lane{{}, {}},
			cutters: make(map[media.Codec]rtp.Packetizer),
		}
	}}
}

// unitOverhead is what a unit costs beside its payloads, for the log's account.
const unitOverhead = 256

// Encode implements hub.Encoder.
func (e *encoder) Encode(item hub.Item, emit func(*unit, int)) error {
	if item.Tracks != e.tracks || item.Event != hub.EventPacket {
		e.tracks = item.Tracks
	}
	p := item.Packet
	if p == nil {
		if item.Event == hub.EventPublish {
			e.failed = false
			e.b.restart()
		}
		emit(&unit{tracks: e.tracks}, unitOverhead)
		return nil
	}
	kind := p.Kind()
	if kind != media.Video && kind != media.Audio {
		return nil
	}
	if kind == media.Video {
		if p = e.b.straighten(p); p == nil {
			return nil
		}
	}
	cutter, err := e.cutter(p.Track.Codec)
	if err != nil {
		return err
	}
	payloads, err := cutter.Append(nil, p)
	if err != nil {
		if !e.failed {
			e.failed = true
			e.log.Warn("webrtc: a packet can't be sent to viewers, it is left out", "codec", p.Track.Codec, "error", err)
		}
		return nil
	}
	if len(payloads) == 0 {
		return nil
	}
	u := &unit{
		tracks: e.tracks, codec: p.Track.Codec, kind: kind, key: p.Key, pts: p.PTS,
		payloads: payloads, epoch: e.clock.update(p.Arrival, p.DTS), b: e.b.counts,
	}
	for _, pl := range payloads {
		u.bytes += len(pl.Data)
	}
	if kind == media.Video {
		e.lanes[0].add(u)
	} else {
		e.lanes[1].add(u)
	}
	emit(u, u.bytes+unitOverhead)
	return nil
}

func (e *encoder) cutter(c media.Codec) (rtp.Packetizer, error) {
	if z := e.cutters[c]; z != nil {
		return z, nil
	}
	z, err := rtp.NewPacketizer(c, e.config)
	if err != nil {
		return nil, err
	}
	e.cutters[c] = z
	return z, nil
}

// wallClock estimates when stream time 0 was, by the wall clock: packets that
// come late move it little, early ones more, and it never leaps while the
// publisher goes on.
type wallClock struct{ epoch time.Time }

// maxDrift is how far arrivals may be off before the estimate starts over.
const maxDrift = 2 * time.Second

func (c *wallClock) update(arrival time.Time, dts time.Duration) time.Time {
	now := arrival.Add(-dts)
	off := now.Sub(c.epoch)
	switch {
	case c.epoch.IsZero() || off > maxDrift || off < -maxDrift:
		c.epoch = now
	case off < 0:
		c.epoch = c.epoch.Add(off / 16)
	default:
		c.epoch = c.epoch.Add(off / 512)
	}
	return c.epoch
}
