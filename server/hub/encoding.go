package hub

import (
	"context"
	"errors"
	"time"

	"sluice/server/media"
	"sluice/server/ring"
)

// errMoved ends a wire log whose viewers must look for another source: the
// stream's sound is now in a codec that they don't take.
var errMoved = errors.New("hub: the stream's codecs have changed")

// rideWithin is how long ago the last picture may be for sound to wait for
// the next one.
const rideWithin = 100 * time.Millisecond

// encoding is a running encoder.
type encoding[U any] struct {
	src    *source
	accept Codecs
	enc    Encoder[U]
	ride   bool
	log    *ring.Log[U]

	seen   *media.Tracks // as the source has them
	tracks *media.Tracks // without those that the viewers don't take
	keys   keyRule
	meta   ring.Meta // of the item that is being encoded
	emit   func(unit U, size int)
}

func (e *encoding[U]) run(ctx context.Context, in *ring.Cursor[Item]) error {
	defer e.src.retire(e.log)
	e.emit = func(unit U, size int) {
		e.meta.Size = size
		e.log.Append(unit, e.meta)
		e.meta.Key = false
	}
	batch := make([]Item, 32)
	for {
		if err := in.Wait(ctx); err != nil {
			return err
		}
		n, _ := in.Read(batch)
		for _, item := range batch[:n] {
			if err := e.encode(item); err != nil {
				return err
			}
		}
		clear(batch[:n])
	}
}

func (e *encoding[U]) encode(item Item) error {
	if item.Tracks != e.seen {
		if e.src.target == media.CodecUnknown && e.src.hub.target(item.Tracks, e.accept) != media.CodecUnknown {
			return errMoved
		}
		e.seen, e.tracks = item.Tracks, e.filter(item.Tracks)
	}
	if item.Event == EventPacket && !e.accept.Has(item.Packet.Track.Codec) {
		return nil
	}
	item.Tracks = e.tracks
	e.meta = ring.Meta{Time: e.meta.Time}
	if p := item.Packet; p != nil {
		e.meta.Time, e.meta.Key = p.DTS, e.keys.isKey(item)
		e.meta.Ride = e.ride && p.Kind() != media.Video && item.Tracks.Video != nil &&
			p.DTS-e.keys.lastVideo < rideWithin
	}
	err := e.enc.Encode(item, e.emit)
	if item.Event == EventUnpublish {
		e.log.Seal()
	}
	return err
}

// filter leaves out the tracks that the viewers don't take.
func (e *encoding[U]) filter(all *media.Tracks) *media.Tracks {
	ts := *all
	for _, k := range []media.Kind{media.Video, media.Audio, media.Data} {
		if t := ts.Get(k); t != nil && !e.accept.Has(t.Codec) {
			ts = ts.Without(k)
		}
	}
	return &ts
}

// silentAfter is how long a stream's pictures may stay away before viewers may
// start at sound.
const silentAfter = 10 * time.Second

// keyRule finds the items that viewers may start at: key frames, and sound
// where there are no pictures.
type keyRule struct {
	begun     bool
	lastVideo time.Duration
}

func (r *keyRule) isKey(i Item) bool {
	p := i.Packet
	if !r.begun {
		r.begun, r.lastVideo = true, p.DTS
	}
	switch p.Kind() {
	case media.Video:
		r.lastVideo = p.DTS
		return p.Key
	case media.Audio:
		return i.Tracks.Video == nil || p.DTS-r.lastVideo > silentAfter
	default:
		return false
	}
}
