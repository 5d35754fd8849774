package prototest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// streamName is the stream of each check.
const streamName = "live/kit"

// patience is how long anything may take before a check gives up.
const patience = 30 * time.Second

// writer takes what is published.
type writer interface{ Write(p *media.Packet) error }

// station publishes numbered media and keeps the packets: the hub has put its
// own times into them, which are those that players must see. It is for the
// goroutine of the test.
type station struct {
	t    *testing.T
	hub  *hub.Hub
	pub  *hub.Publisher // nil where the protocol's client publishes
	out  writer
	sent map[media.Kind][]*media.Packet // by number

	video, audio *media.Track // nil where there is none
	// zero is the time of the publisher's first picture on the kit's own line.
	zero  time.Duration
	start time.Time
	life  map[*media.Packet]int // which publisher sent it
	lives int
	size  int // of a picture
	// heard is where the sound stands, in samples.
	heard int64
}

func newStation(t *testing.T, h *hub.Hub, tracks ...*media.Track) *station {
	s := &station{t: t, hub: h, sent: make(map[media.Kind][]*media.Packet), size: 700, start: time.Now(), life: make(map[*media.Packet]int)}
	s.use(tracks...)
	return s
}

// use takes tracks into force, each in its kind's place.
func (s *station) use(tracks ...*media.Track) {
	for _, track := range tracks {
		if track.Codec.Kind() == media.Video {
			s.video = track
		} else {
			s.audio = track
		}
	}
}

// publish goes on the air. Its time begins anew.
func (s *station) publish() {
	s.t.Helper()
	pub, err := s.hub.Publish(s.t.Context(), hub.Session{Stream: streamName, Protocol: "test", Internal: true})
	if err != nil {
		s.t.Fatalf("publish: %v", err)
	}
	s.t.Cleanup(func() { pub.Close(nil) })
	s.pub = pub
	s.begin(pub)
	var kinds []media.Kind
	for _, track := range []*media.Track{s.video, s.audio} {
		if track != nil {
			pub.Announce(track)
			kinds = append(kinds, track.Codec.Kind())
		}
	}
	pub.Expect(kinds...)
}

// begin goes over to another publisher, whose time begins anew.
func (s *station) begin(out writer) {
	s.out = out
	s.lives++
	if s.video != nil {
		s.toKey()
	}
	s.zero = s.now()
}

// toKey leaves numbers and time out up to the next key frame.
func (s *station) toKey() {
	n := len(s.sent[media.Video])
	for ; n%groupSize != 0; n++ {
		s.sent[media.Video] = append(s.sent[media.Video], nil)
	}
	s.heard = max(s.heard, media.ToClock(time.Duration(n)*frameTime, sampleRate))
}

// now is the time of the next picture, or of the next sound where there is none.
func (s *station) now() time.Duration {
	if s.video == nil {
		return s.soundAt()
	}
	return time.Duration(len(s.sent[media.Video])) * frameTime
}

func (s *station) soundAt() time.Duration {
	return media.FromClock(s.heard, sampleRate)
}

// step publishes one picture and the sound up to the next one.
func (s *station) step() {
	s.t.Helper()
	for _, p := range s.media() {
		if err := s.out.Write(p); err != nil {
			s.t.Fatalf("write: %v", err)
		}
	}
}

// media returns the packets of the next step.
func (s *station) media() (list []*media.Packet) {
	end := s.now() + frameTime
	add := func(p *media.Packet) {
		p.Arrival = s.start.Add(p.DTS)
		p.DTS, p.PTS = p.DTS-s.zero, p.PTS-s.zero
		s.sent[p.Kind()] = append(s.sent[p.Kind()], p)
		s.life[p] = s.lives
		list = append(list, p)
	}
	if s.video != nil {
		add(picture(s.video, len(s.sent[media.Video]), s.size))
	}
	for s.audio != nil && s.soundAt() < end {
		add(sound(s.audio, len(s.sent[media.Audio]), s.soundAt()))
		s.heard += samples(s.audio)
	}
	slices.SortStableFunc(list, func(a, b *media.Packet) int { return cmp.Compare(a.DTS, b.DTS) })
	return list
}

// steps publishes n steps in one burst.
func (s *station) steps(n int) {
	s.t.Helper()
	for range n {
		s.step()
	}
}

// group publishes up to the end of a group of pictures.
func (s *station) group() {
	s.t.Helper()
	for s.step(); len(s.sent[media.Video])%groupSize != 0; {
		s.step()
	}
}

// tracks are those in force.
func (s *station) tracks() (ts media.Tracks) {
	for _, t := range []*media.Track{s.video, s.audio} {
		if t != nil {
			ts = ts.With(t)
		}
	}
	return ts
}

// all reads up to the last packets that can be there.
func (s *station) all(v *view) {
	s.t.Helper()
	k := media.Video
	if s.video == nil {
		k = media.Audio
	}
	v.until(k, len(s.sent[k])-1-trailing)
}

// trailing is how many packets may still be on their way: sound waits for the
// picture after it, and pictures for those that show their end or their time.
const trailing = 4

// viewers waits until the stream has n viewers.
func (s *station) viewers(n int) {
	s.t.Helper()
	until(s.t, "viewers", func() bool {
		st := s.hub.Find(streamName)
		return st != nil && len(st.Viewers()) == n || st == nil && n == 0
	})
}

// until waits for a condition that nothing signals.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
