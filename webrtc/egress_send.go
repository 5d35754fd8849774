package webrtc

import (
	"context"
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

// settle is how long the wire log's encoder may take for the next unit while it
// works off the cached group for its first viewer.
const settle = 10 * time.Millisecond

// liveWithin is how far from the present the newest unit of a live stream may be.
const liveWithin = 100 * time.Millisecond

// backlog reads all that the viewer may have at once: from the newest key frame
// to the live edge.
func (e *egress) backlog(sub *hub.Subscription[*unit]) ([]*unit, error) {
	var units []*unit
	for {
		n, _ := sub.Read(e.batch)
		units = append(units, e.batch[:n]...)
		clear(e.batch[:n])
		if n == len(e.batch) {
			continue
		}
		if n > 0 {
			u := units[len(units)-1]
			if u.lane == nil || time.Since(u.epoch)-u.pts < liveWithin {
				return units, nil
			}
		}
		ctx, cancel := context.WithTimeout(e.ctx, settle)
		err := sub.WaitContext(ctx)
		cancel()
		if err != nil {
			// Nothing more for now; what ends the session is found by the next wait.
			return units, context.Cause(e.ctx)
		}
	}
}

// catchUp sends the cached pictures: as fast as the pacer lets it, with times
// squeezed into what that takes, ending at the live edge, or, for a viewer that
// has seen this group before, just after it. Sound that is past is left out.
func (e *egress) catchUp(units []*unit) error {
	var q squeeze
	pictures, bytes := 0, 0
	for _, u := range units {
		if u.kind != media.Video || u.lane == nil {
			continue
		}
		if pictures == 0 {
			q.from, q.to = u.pts, u.pts
		}
		q.from, q.to = min(q.from, u.pts), max(q.to, u.pts)
		pictures++
		bytes += u.bytes
	}
	spread := max(e.pacer.duration(bytes), time.Duration(pictures)*minSpread)
	switch {
	case e.shown >= q.from && pictures > 0:
		// A second showing: the next new picture may come within one frame's time.
		q.at = max(e.shown, q.to)
		q.until = q.at + min(spread, replaySpread)
		q.at += replaySpread / 20
	case spread < q.to-q.from:
		q.at, q.until = q.to-spread, q.to
	default:
		q = squeeze{}
	}
	edge := q.to
	keep := units[:0]
	for _, u := range units {
		if u.kind != media.Audio || pictures == 0 || u.pts >= edge && u.pts > e.heard {
			keep = append(keep, u)
		}
	}
	return e.sendAll(keep, q)
}

// replaySpread is the time into which a repeated group of pictures is squeezed:
// less than one picture takes at 60 a second.
const replaySpread = 15 * time.Millisecond

// sendAll sends units in pieces, as fast as the pacer lets it.
func (e *egress) sendAll(units []*unit, q squeeze) error {
	for _, u := range units {
		if u.tracks != e.tracks {
			e.tracks = u.tracks
			if len(e.viewer.Refused()) > e.refused {
				return errCodecChanged
			}
		}
		s := e.video
		if u.kind == media.Audio {
			s = e.audio
		}
		if u.lane == nil || s == nil || !s.begin(u, q) {
			continue
		}
		e.note(u, q)
		for i := range u.payloads {
			if err := s.append(e.transport, &e.train, u, i, q); err != nil {
				return err
			}
			if e.train.Len() >= piecePackets || e.train.Bytes() >= pieceBytes {
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
	e.lastUnit.Store(u)
	if u.kind == media.Video {
		e.shown = max(e.shown, q.apply(u.pts))
	} else {
		e.heard = max(e.heard, u.pts)
	}
}

// flush sends the train, and a sender report where one is due: before the first
// packets, so that the peer can tell at once how picture and sound belong together.
func (e *egress) flush() error {
	n := e.train.Bytes()
	if n == 0 {
		return nil
	}
	if err := e.pacer.wait(e.ctx, n); err != nil {
		return err
	}
	now := time.Now()
	if now.Sub(e.reported) >= e.interval {
		e.report(now)
	}
	// A packet that the kernel does not take is lost like any other; a path that
	// is gone for good is found by the consent checks.
	_ = e.transport.Send(&e.train)
	e.viewer.Sent(n)
	return nil
}
