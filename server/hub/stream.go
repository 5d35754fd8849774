package hub

import (
	"slices"
	"sync"
	"time"

	"sluice/server/media"
	"sluice/server/ring"
)

// Stream is what has one name: its publisher, its log, and its viewers. It
// lives while it has a publisher or a viewer.
type Stream struct {
	hub  *Hub
	name string
	refs int // under Hub.mu
	src  *source

	// air guards what a packet passes through on its way into the log.
	air struct {
		sync.Mutex
		publisher *Publisher
		tracks    *media.Tracks
		line      timeline
		quiet     quiet
		keys      keyRule
		needKey   bool
	}

	mu       sync.Mutex
	standby  []*Publisher
	viewers  map[*Viewer]struct{}
	derived  map[media.Codec]*derived
	askedKey time.Time
}

func newStream(h *Hub, name string, limits ring.Limits) *Stream {
	return &Stream{
		hub: h, name: name, src: newSource(h, media.CodecUnknown, limits),
		viewers: make(map[*Viewer]struct{}), derived: make(map[media.Codec]*derived),
	}
}

// Name returns the canonical name, "app/stream".
func (s *Stream) Name() string { return s.name }

// Tracks returns the tracks of the publisher that is on the air; ok is false
// where there is none or its tracks aren't known yet.
func (s *Stream) Tracks() (ts media.Tracks, ok bool) {
	s.air.Lock()
	defer s.air.Unlock()
	if p := s.air.publisher; p == nil || !p.ready {
		return media.Tracks{}, false
	}
	return *s.air.tracks, true
}

// Awaits reports whether the publisher on the air has said that a track of
// kind k will come, and it has not.
func (s *Stream) Awaits(k media.Kind) bool {
	s.air.Lock()
	defer s.air.Unlock()
	p := s.air.publisher
	return p != nil && p.tracks.Get(k) == nil && slices.Contains(p.expects, k)
}

// Publisher returns the publisher that is on the air, or nil.
func (s *Stream) Publisher() *Publisher {
	s.air.Lock()
	defer s.air.Unlock()
	return s.air.publisher
}

// Viewers returns a snapshot of the stream's viewers.
func (s *Stream) Viewers() []*Viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Viewer, 0, len(s.viewers))
	for v := range s.viewers {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b *Viewer) int { return a.started.Compare(b.started) })
	return list
}

// session returns the stream's session of that ID, or nil.
func (s *Stream) session(id string) *session {
	if p := s.Publisher(); p != nil && p.id == id {
		return &p.session
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.standby {
		if p.id == id {
			return &p.session
		}
	}
	for v := range s.viewers {
		if v.id == id {
			return &v.session
		}
	}
	return nil
}

// keyInterval is the shortest time between two key frame requests that the
// publisher sees, however many viewers ask.
const keyInterval = 500 * time.Millisecond

// RequestKeyFrame asks the publisher for a key frame, if it can make one.
// Requests that come close together become one.
func (s *Stream) RequestKeyFrame() {
	s.mu.Lock()
	now := time.Now()
	soon := now.Sub(s.askedKey) < keyInterval
	if !soon {
		s.askedKey = now
	}
	s.mu.Unlock()
	if soon {
		return
	}
	if p := s.Publisher(); p != nil {
		select {
		case p.keyRequests <- struct{}{}:
		default:
		}
	}
}

// seat puts p on the air if nobody is, or as the policy says.
func (s *Stream) seat(p *Publisher, policy Policy) error {
	s.air.Lock()
	defer s.air.Unlock()
	old := s.air.publisher
	switch {
	case old == nil:
	case policy == Takeover:
		old.cancel(ErrReplaced)
		s.unpublish()
	case policy == Standby:
		s.mu.Lock()
		s.standby = append(s.standby, p)
		s.mu.Unlock()
		return nil
	default:
		return ErrBusy
	}
	s.setPublisher(p)
	return nil
}

func (s *Stream) setPublisher(p *Publisher) {
	s.air.publisher, s.air.needKey = p, true
	if s.air.tracks == nil {
		s.air.tracks = &media.Tracks{}
	}
	s.hub.watchers.note(s.name)
}

// unseat takes p off the air or off the bench. The first on the bench goes on
// the air.
func (s *Stream) unseat(p *Publisher) {
	s.air.Lock()
	defer s.air.Unlock()
	if s.air.publisher != p {
		s.mu.Lock()
		s.standby = slices.DeleteFunc(s.standby, func(q *Publisher) bool { return q == p })
		s.mu.Unlock()
		return
	}
	s.air.publisher = nil
	s.unpublish()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.standby) > 0 {
		s.setPublisher(s.standby[0])
		s.standby = s.standby[1:]
		return
	}
	wait := s.hub.Config().ReconnectWait
	for v := range s.viewers {
		v.orphan(wait)
	}
}

// unpublish tells the viewers that the publisher has left. What it sent is no
// place to start at any more.
func (s *Stream) unpublish() {
	s.mark(EventUnpublish)
	s.src.log.Seal()
}

// mark notes an event, which is also a change that watchers are told of.
func (s *Stream) mark(e Event) {
	s.hub.watchers.note(s.name)
	s.src.log.Append(Item{Event: e, Tracks: s.air.tracks}, ring.Meta{Time: s.air.line.last})
}

// shutdown ends every session of the stream.
func (s *Stream) shutdown() {
	s.air.Lock()
	if p := s.air.publisher; p != nil {
		p.cancel(ErrShutdown)
	}
	s.air.Unlock()
	s.mu.Lock()
	for _, p := range s.standby {
		p.cancel(ErrShutdown)
	}
	for v := range s.viewers {
		v.cancel(ErrShutdown)
	}
	s.mu.Unlock()
}
