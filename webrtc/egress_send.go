package webrtc

import (
	"context"
	"slices"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// Pieces in which packets leave: a browser's socket buffer takes some dozen at
// a time.
const (
	pieceBytes   = 32 << 10
	piecePackets = 32
)

// minSpread is how far apart squeezed pictures are at least, on average: decoders
// want rising timestamps.
const minSpread = time.Millisecond

// catchUpFactor is how many times the stream's own rate the pacer gives at least.
const catchUpFactor = 3

// settle is how long the wire log's encoder may take while it works off the cached
// group for its first viewer.
const settle = 100 * time.Millisecond

// liveWithin is how far from the present the newest unit of a live stream may be,
// and stalledAfter how far it must be for the publisher to count as stalled.
const (
	liveWithin   = 100 * time.Millisecond
	stalledAfter = 5 * time.Second
)

// backlog reads all that the viewer may have at once: from the newest key frame
// to the live edge.
func (e *egress) backlog(sub *hub.Subscription[*unit]) ([]*unit, error) {
	var units []*unit
	ctx, cancel := context.WithTimeout(e.ctx, settle)
	defer cancel()
	for {
		n, _ := sub.Read(e.out.batch)
		units = append(units, e.out.batch[:n]...)
		clear(e.out.batch[:n])
		if n == len(e.out.batch) {
			continue
		}
		if u := newest(units); u != nil && time.Since(u.epoch)-u.pts < liveWithin {
			return units, nil
		}
		if err := sub.WaitContext(ctx); err != nil {
			// Nothing more for now; what ends the session is found by the next wait.
			return units, context.Cause(e.ctx)
		}
	}
}

// newest returns the last unit that is media, or nil.
func newest(units []*unit) *unit {
	for _, u := range slices.Backward(units) {
		if u.lane != nil {
			return u
		}
	}
	return nil
}

// catchUp sends the cached pictures: as fast as the pacer lets it, with times
// squeezed into what that takes, ending at the live edge, or, for a viewer that
// has seen this group before, just after it. Sound that is past is left out.
func (e *egress) catchUp(units []*unit) error {
	var first *unit
	var last time.Duration
	pictures, bytes := 0, 0
	for _, u := range units {
		if u.lane == nil || u.kind != media.Video {
			continue
		}
		if first == nil {
			first = u
		}
		pictures++
		bytes += u.bytes
		last = max(last, u.pts)
	}
	e.out.squeeze = squeeze{}
	if first != nil {
		edge := liveEdge(units)
		if length := edge - first.pts; length > 0 {
			e.out.pacer.atLeast(catchUpFactor * float64(bytes) / length.Seconds())
		}
		spread := max(e.out.pacer.duration(bytes), leastSpread(pictures, last-first.pts, edge-first.pts))
		if e.out.shown >= first.pts {
			// A second showing: the next new picture may come within one frame's time.
			start := max(e.out.shown, edge)
			e.out.squeeze = squeeze{first.pts, edge, start + replaySpread/16, start + replaySpread}
		} else if spread < edge-first.pts {
			e.out.squeeze = squeeze{first.pts, edge, edge - spread, edge}
		}
		if e.out.soundFrom = e.out.heard + 1; e.out.heard < 0 {
			e.out.soundFrom = edge + soundDelay(pictures)
		}
	}
	err := e.sendAll(units)
	e.caughtUp.Store(time.Now().UnixNano())
	return err
}

// leastSpread is what a span of stream time that begins with pictures, which take
// up part of it, is squeezed into at least.
func leastSpread(pictures int, part, span time.Duration) time.Duration {
	least := time.Duration(pictures) * minSpread
	if part <= 0 || part >= span {
		return least
	}
	return time.Duration(float64(least) * (float64(span) / float64(part)))
}

// soundDelay returns how long after the pictures sound begins. A browser plays none
// before it shows the first picture, and keeps what comes until then: it would be
// late by that for many seconds. Decoding a cached picture takes some milliseconds.
func soundDelay(pictures int) time.Duration {
	return min(200*time.Millisecond+time.Duration(pictures)*3*time.Millisecond, 600*time.Millisecond)
}

// replaySpread is the time into which a repeated group of pictures is squeezed:
// less than one picture takes at 60 a second.
const replaySpread = 15 * time.Millisecond

// liveEdge returns the stream time that is the present: that of the newest
// picture, or, while there is more to come, what the clock says.
func liveEdge(units []*unit) time.Duration {
	var edge time.Duration
	for _, u := range units {
		if u.lane != nil && u.kind == media.Video {
			edge = max(edge, u.pts)
		}
	}
	if u := newest(units); u != nil {
		if now := time.Since(u.epoch); now-edge > liveWithin && now-edge < stalledAfter {
			return now
		}
	}
	return edge
}

// sendAll sends units in pieces, as fast as the pacer lets it.
func (e *egress) sendAll(units []*unit) error {
	e.out.train = e.svc.train()
	defer e.svc.giveBack(e.out.train)
	for _, u := range units {
		if u.tracks != e.out.tracks {
			e.out.tracks = u.tracks
			if len(e.viewer.Refused()) > e.out.refused {
				return errCodecChanged
			}
		}
		s, q := e.video, e.out.squeeze
		if u.kind == media.Audio {
			if u.pts < e.out.soundFrom {
				continue
			}
			s, q = e.audio, squeeze{}
		}
		if u.lane == nil || s == nil || !s.begin(u, q) {
			continue
		}
		e.note(u, q)
		for i := range u.payloads {
			if err := s.append(e.transport, e.out.train, u, i, q); err != nil {
				return err
			}
			if e.out.train.Len() >= piecePackets || e.out.train.Bytes() >= pieceBytes {
				if err := e.flush(); err != nil {
					return err
				}
			}
		}
	}
	return e.flush()
}

// note keeps what the next start and the next report need.
func (e *egress) note(u *unit, q squeeze) {
	e.newest.Store(u)
	if u.kind == media.Video {
		e.out.shown = max(e.out.shown, q.apply(u.pts))
	} else {
		e.out.heard = max(e.out.heard, u.pts)
	}
}

// flush sends the train, and a sender report where one is due: before the first
// packets, so that the peer can tell at once how picture and sound belong together.
func (e *egress) flush() error {
	n := e.out.train.Bytes()
	if n == 0 {
		return nil
	}
	if err := e.out.pacer.wait(e.ctx, n); err != nil {
		return err
	}
	if now := time.Now(); e.reportDue(now) {
		e.report(now)
	}
	// A packet that the kernel does not take is lost like any other; a path that
	// is gone for good is found by the consent checks.
	_ = e.transport.Send(e.out.train)
	e.viewer.Sent(n)
	return nil
}
