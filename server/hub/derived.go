package hub

import (
	"context"
	"time"

	"sluice/server/media"
	"sluice/server/ring"
)

// derived is a stream whose sound is transcoded from another's. Pictures pass
// by pointer. It runs while somebody reads it.
type derived struct {
	src    *source
	refs   int
	cancel context.CancelFunc
}

// open returns the source with sound in the target codec, with one reference
// taken that the returned function gives back. CodecUnknown is the stream
// itself. early is as in Format.
func (s *Stream) open(target media.Codec, early bool) (*source, func()) {
	if target == media.CodecUnknown {
		return s.src, func() {}
	}
	limits := s.hub.Config().limits()
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.derived[target]
	if !ok {
		ctx, cancel := context.WithCancel(context.Background())
		d = &derived{src: newSource(s.hub, target, limits), cancel: cancel}
		s.derived[target] = d
		t := &transcoding{hub: s.hub, name: s.name, target: target, out: d.src.log}
		in := s.src.log.Join(0)
		if early {
			in = s.src.log.JoinOldest(0)
		}
		s.hub.running.Go(func() { t.run(ctx, in) })
	}
	d.refs++
	return d.src, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.refs--; d.refs == 0 {
			d.cancel()
			delete(s.derived, target)
		}
	}
}

// transcoding feeds a derived stream.
type transcoding struct {
	hub    *Hub
	name   string
	target media.Codec
	out    *ring.Log[Item]

	from   *media.Track // the sound track that filter takes
	filter Filter       // nil while sound passes or can't be had
	seen   *media.Tracks
	tracks *media.Tracks
	keys   keyRule
	last   time.Duration
}

func (t *transcoding) run(ctx context.Context, in *ring.Cursor[Item]) {
	defer t.drop()
	batch := make([]Item, 32)
	for in.Wait(ctx) == nil {
		n, _ := in.Read(batch)
		for _, item := range batch[:n] {
			t.process(item)
		}
		clear(batch[:n])
	}
	t.out.Close(context.Canceled)
}

func (t *transcoding) process(item Item) {
	if item.Tracks != t.seen {
		t.seen = item.Tracks
		t.retrack(item.Tracks)
	}
	p := item.Packet
	switch {
	case p == nil:
		if t.filter != nil && item.Event == EventPublish {
			t.filter.Cut()
		}
		t.emit(item)
	case p.Kind() != media.Audio || p.Track.Codec == t.target:
		t.emit(item)
	case t.filter != nil:
		err := t.filter.Process(p, func(q *media.Packet) { t.emit(Item{Packet: q}) })
		if err != nil {
			t.hub.log.Warn("transcode failed", "stream", t.name, "from", p.Track.Codec, "to", t.target, "error", err)
			t.drop()
		}
	}
}

// retrack makes the tracks of the derived stream for new ones of its source.
func (t *transcoding) retrack(all *media.Tracks) {
	ts := *all
	switch a := all.Audio; {
	case a == nil || a.Codec == t.target:
		t.drop()
	case a != t.from:
		t.drop()
		t.start(a)
	}
	if t.filter != nil {
		ts = ts.With(t.filter.Track())
	} else if ts.Audio != nil && ts.Audio.Codec != t.target {
		ts = ts.Without(media.Audio)
	}
	t.tracks = &ts
}

func (t *transcoding) start(a *media.Track) {
	t.from = a
	way := t.hub.transcoder(a.Codec, t.target)
	if way == nil {
		t.hub.log.Warn("sound can't be transcoded", "stream", t.name, "from", a.Codec, "to", t.target)
		return
	}
	f, err := way.New(a)
	if err != nil {
		t.hub.log.Warn("transcode failed", "stream", t.name, "from", a.Codec, "to", t.target, "error", err)
		return
	}
	t.filter = f
}

func (t *transcoding) drop() {
	if t.filter != nil {
		t.filter.Close()
	}
	t.filter, t.from = nil, nil
}

func (t *transcoding) emit(item Item) {
	item.Tracks = t.tracks
	m := ring.Meta{Size: packetOverhead, Time: t.last}
	if p := item.Packet; p != nil {
		m.Size += len(p.Payload)
		m.Time, m.Key = p.DTS, t.keys.isKey(item)
		t.last = max(t.last, p.DTS)
	}
	t.out.Append(item, m)
	if item.Event == EventUnpublish {
		t.out.Seal()
	}
}
