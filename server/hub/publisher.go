package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"sluice/server/media"
	"sluice/server/ring"
)

// Bounds on what is held until a publisher's tracks are known.
const (
	holdPackets = 512
	holdBytes   = 16 << 20
)

// packetOverhead is what a packet costs beside its payload, for the logs'
// accounts.
const packetOverhead = 128

// Publisher writes one stream. Its methods are for one goroutine at a time,
// but for those of the session (Context, Kick, Info, ...) and Close.
type Publisher struct {
	session
	keyRequests chan struct{}
	closing     sync.Once
	trackWait   time.Duration
	silence     *Silence // nil where the stream gets none

	// Under Stream.air.
	tracks      media.Tracks
	expects     []media.Kind
	heard       bool // sound has come, not only its track
	ready       bool
	pending     []*media.Packet
	pendingSize int
}

// Publish starts a publisher. The errors are those of ParseName, of the
// authorizer, ErrLimit, ErrBusy and ErrShutdown. The publisher ends with ctx,
// but the caller must still call Close.
func (h *Hub) Publish(ctx context.Context, sess Session) (*Publisher, error) {
	s, err := h.admit(ctx, ActionPublish, &sess)
	if err != nil {
		return nil, err
	}
	cfg := h.Config().For(s.name)
	p := &Publisher{
		session: newSession(ctx, ActionPublish, sess), keyRequests: make(chan struct{}, 1), trackWait: cfg.TrackWait,
	}
	p.stream = s
	if cfg.SilentAudio {
		p.silence = h.silence
	}
	if err := s.seat(p, cfg.SecondPublisher); err != nil {
		p.cancel(err)
		h.drop(s, ActionPublish)
		return nil, err
	}
	h.log.Info("publish start", "stream", s.name, "protocol", p.Protocol, "session", p.id, "remote", p.Remote)
	return p, nil
}

// KeyFrameRequests delivers when viewers want a key frame. A protocol that
// can ask its peer for one reads it; others need not.
func (p *Publisher) KeyFrameRequests() <-chan struct{} { return p.keyRequests }

// Expect names the kinds of track that will come, so that the stream starts
// as soon as they are all there and need not wait for others.
func (p *Publisher) Expect(kinds ...media.Kind) {
	p.stream.air.Lock()
	defer p.stream.air.Unlock()
	p.expects = kinds
}

// Announce gives a track before its first packet.
func (p *Publisher) Announce(t *media.Track) {
	p.stream.air.Lock()
	defer p.stream.air.Unlock()
	p.stream.settle(p, t)
}

// Write puts a packet into the stream and takes ownership of it: its times
// are rewritten to the stream's. It never waits for a viewer. The error is
// the cause for which the publisher has ended. While the publisher is on
// standby packets are dropped. A zero Arrival becomes now.
func (p *Publisher) Write(pkt *media.Packet) error {
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	p.packets.Add(1)
	if pkt.Arrival.IsZero() {
		pkt.Arrival = time.Now()
	}
	s := p.stream
	s.air.Lock()
	defer s.air.Unlock()
	pkt.Track = s.settle(p, pkt.Track)
	if !p.heard && pkt.Kind() == media.Audio {
		p.heard = true
		s.retrack(p)
	}
	switch {
	case s.air.publisher != p:
	case p.ready:
		s.write(pkt)
	default:
		s.hold(p, pkt)
	}
	return nil
}

// Close ends the publisher for the given reason; nil means its peer left. The
// stream's viewers stay for the next one. It may be called more than once and
// from any goroutine.
func (p *Publisher) Close(reason error) {
	p.closing.Do(func() {
		if reason == nil {
			reason = ErrClosed
		}
		p.cancel(reason)
		p.stream.unseat(p)
		p.stream.hub.drop(p.stream, ActionPublish)
		i := p.Info()
		p.stream.hub.log.Info("publish end", "stream", i.Stream, "protocol", i.Protocol, "session", i.ID,
			"bytes", i.Bytes, "packets", i.Packets, "duration", time.Since(i.Started).Round(time.Millisecond),
			"reason", context.Cause(p.ctx))
	})
}

// settle notes a publisher's track and returns the pointer to use for it: the
// one in force where a decoder set up for it needs no change.
func (s *Stream) settle(p *Publisher, t *media.Track) *media.Track {
	kind := t.Codec.Kind()
	if old := p.tracks.Get(kind); old == t || old.Same(t) {
		return old
	}
	if s.air.tracks != nil {
		if old := s.air.tracks.Get(kind); old.Same(t) {
			t = old
		}
	}
	p.tracks = p.tracks.With(t)
	s.retrack(p)
	return t
}

// retrack puts the publisher's tracks in force, if it is on the air.
func (s *Stream) retrack(p *Publisher) {
	if s.air.publisher == p && p.ready {
		s.air.tracks = p.allTracks()
		s.hub.watchers.note(s.name)
	}
}

// hold keeps a packet until the publisher's tracks are known.
func (s *Stream) hold(p *Publisher, pkt *media.Packet) {
	p.pending = append(p.pending, pkt)
	p.pendingSize += len(pkt.Payload)
	first := p.pending[0]
	full := len(p.pending) >= holdPackets || p.pendingSize >= holdBytes
	if !p.complete() && !full && pkt.DTS-first.DTS < p.trackWait && pkt.Arrival.Sub(first.Arrival) < p.trackWait {
		return
	}
	p.ready = true
	s.air.tracks = p.allTracks()
	begin, cts := pkt.DTS, time.Duration(0)
	for _, q := range slices.Backward(p.pending) {
		if q.Kind() != media.Data {
			begin = min(begin, q.DTS)
		}
		if q.Kind() == media.Video && q.Key {
			cts = q.PTS - q.DTS
		}
	}
	s.air.line.restart(begin, cts)
	s.mark(EventPublish)
	for _, q := range p.pending {
		s.write(q)
	}
	p.pending = nil
}

func (p *Publisher) complete() bool {
	if len(p.expects) == 0 {
		return p.has(media.Video) && p.has(media.Audio)
	}
	for _, k := range p.expects {
		if !p.has(k) {
			return false
		}
	}
	return true
}

// has reports whether a track is known. Where silence would take its place, sound
// has to be heard too.
func (p *Publisher) has(k media.Kind) bool {
	return p.tracks.Get(k) != nil && (k != media.Audio || p.silence == nil || p.heard)
}

// write gives the packet its place on the stream's time line and appends it.
// Pictures before a publisher's first key frame are dropped: nobody could
// decode them.
func (s *Stream) write(pkt *media.Packet) {
	if pkt.Kind() == media.Video && s.air.needKey {
		if !pkt.Key {
			return
		}
		s.air.needKey = false
	}
	if !s.air.line.place(pkt) {
		return
	}
	s.fill(pkt)
	s.append(pkt)
}

// append puts a packet that has its place in time into the log.
func (s *Stream) append(pkt *media.Packet) {
	item := Item{Packet: pkt, Tracks: s.air.tracks}
	s.src.log.Append(item, ring.Meta{
		Size: len(pkt.Payload) + packetOverhead, Key: s.air.keys.isKey(item), Time: pkt.DTS,
	})
}
