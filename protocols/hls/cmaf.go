package hls

import (
	"time"

	"sluice/protocols/container/m3u8"
	"sluice/server/media"
)

// cmaf makes the low-latency playlists of one stream: a rendition for the
// picture and one for the sound, with the same numbers and discontinuities. It
// is fed by one goroutine.
type cmaf struct {
	timing
	life   string
	limits shelfLimits

	lanes  [2]*lane // picture, sound; nil before there is such a track
	lead   *lane    // whose packets say where segments end
	tracks media.Tracks
	clock  wall
	cutter cutter
	// boundary is where the other track's segment ends too.
	boundary time.Duration
	pending  bool // the boundary has not been passed
	lasted   time.Duration
	away     bool
	holdBack time.Duration // from the end in parts
	scene    scene
}

// timing is what the configuration says of segments.
type timing struct {
	segment, longest, part time.Duration
}

func newCMAF(life string, t timing, l shelfLimits) *cmaf {
	c := &cmaf{
		timing: t, life: life, limits: l, cutter: cutter{wanted: t.segment, longest: t.longest},
		holdBack: 3 * t.part * 115 / 100,
	}
	c.scene.init()
	return c
}

// packet takes the next packet, with the tracks in force.
func (c *cmaf) packet(ts *media.Tracks, p *media.Packet) error {
	if p.Kind() == media.Data {
		return nil
	}
	if ts.Video != c.tracks.Video || ts.Audio != c.tracks.Audio {
		if err := c.retrack(*ts); err != nil {
			return err
		}
	}
	l := c.lane(p.Kind())
	if l == nil || l.track != p.Track {
		return nil // not one of those in force
	}
	c.clock.set(p)
	l.now, c.away = p.Arrival, false
	var err error
	switch {
	case l.held != nil && c.cutter.hole(p.DTS-l.begin, p.DTS-l.held.DTS, l.frame):
		err = c.interrupt()
	case l == c.lead && l.filled && c.cutter.cuts(p, l.begin, l.last()):
		err = c.cut(p)
	case l != c.lead && c.pending && p.PTS >= c.boundary:
		err = c.catchUp(p.DTS)
	case l != c.lead && l.filled && !c.pending && c.cutter.stalled(p.DTS-l.begin, p.DTS-c.lead.newest, leadSilence):
		err = c.all()
	}
	if err == nil {
		err = l.push(p, &c.clock)
	}
	c.publish()
	return err
}

func (c *cmaf) lane(k media.Kind) *lane {
	if k == media.Video {
		return c.lanes[0]
	}
	return c.lanes[1]
}

// retrack takes new tracks. Where sound is added nothing else changes; all other
// changes begin anew in both renditions, as their discontinuities must match.
func (c *cmaf) retrack(ts media.Tracks) error {
	added := ts.Video == c.tracks.Video && c.lanes[1] == nil && c.lanes[0] != nil
	if !added && c.lead != nil {
		if err := c.interrupt(); err != nil {
			return err
		}
	}
	c.tracks = ts
	for i, t := range []*media.Track{ts.Video, ts.Audio} {
		if t == nil || c.lanes[i] != nil && c.lanes[i].track == t {
			continue
		}
		if c.lanes[i] == nil {
			c.add(i, t.Codec.Kind())
		}
		if err := c.lanes[i].retrack(t); err != nil {
			return err
		}
	}
	if ts.Video != nil {
		c.lead = c.lanes[0]
	} else if ts.Audio != nil {
		c.lead = c.lanes[1]
	}
	return nil
}

// add begins the lane of a kind at the number of the others.
func (c *cmaf) add(i int, kind media.Kind) {
	var first, before uint64
	broken := false
	if o := c.lead; o != nil {
		first, before = o.next(), o.discontinuities
		for _, seg := range o.listed {
			if seg.discontinuity {
				before++
			}
		}
		broken = o.discontinuity || o.open != nil && o.open.discontinuity
	}
	s := newShelf(c.limits, first, before)
	s.reports = func() []m3u8.Report { return c.scene.reports(s) }
	c.lanes[i] = newLane(s, kind, c.life+[...]string{"-v", "-a"}[i], c.part)
	c.lanes[i].discontinuity = broken
}

// cut ends the lead's segment at p, and tells the other track.
func (c *cmaf) cut(p *media.Packet) error {
	if err := c.catchUp(-1); err != nil {
		return err
	}
	if err := c.lead.finish(p.DTS, 0, &c.clock); err != nil {
		return err
	}
	c.lasted = c.lead.listed[len(c.lead.listed)-1].duration
	longest := c.lasted
	if o := c.other(); o != nil && o.filled {
		longest = max(longest, o.newest+o.last()-o.begin) // sound may be ahead
	}
	c.cutter.settle(longest)
	c.boundary, c.pending = p.PTS, c.other() != nil
	return nil
}

func (c *cmaf) other() *lane {
	for _, l := range c.lanes {
		if l != nil && l != c.lead {
			return l
		}
	}
	return nil
}

// catchUp ends the other track's segment where the lead's has ended already: at
// its first packet past the boundary, whose DTS next is, or because its packets
// are late, or there are none.
func (c *cmaf) catchUp(next time.Duration) error {
	o := c.other()
	if o == nil || !c.pending {
		return nil
	}
	c.pending = false
	least := time.Duration(0)
	if o.held == nil || next-o.held.DTS > longGap {
		next, least = -1, c.lasted
	}
	return o.finish(next, least, &c.clock)
}

// all ends the segments of both tracks here.
func (c *cmaf) all() error {
	if err := c.catchUp(-1); err != nil {
		return err
	}
	length := time.Duration(0)
	for _, l := range c.lanes {
		if l != nil && l.filled {
			length = max(length, l.held.DTS+l.last()-l.begin)
		}
	}
	for _, l := range c.lanes {
		if l == nil {
			continue
		}
		if err := l.finish(-1, length, &c.clock); err != nil {
			return err
		}
	}
	c.lasted = length
	c.cutter.settle(length)
	return nil
}

// interrupt ends what is in the making: the publisher has left, or its tracks
// have changed.
func (c *cmaf) interrupt() error {
	c.clock = wall{}
	c.cutter.forget()
	if !c.filled() {
		return nil
	}
	err := c.all()
	for _, l := range c.lanes {
		if l != nil {
			l.discontinuity = true
		}
	}
	return err
}

func (c *cmaf) filled() bool {
	for _, l := range c.lanes {
		if l != nil && l.filled {
			return true
		}
	}
	return false
}

// leave says that the publisher has left, and may come back.
func (c *cmaf) leave() error {
	err := c.interrupt()
	c.away = true
	c.publish()
	return err
}

// end says that nothing more will come.
func (c *cmaf) end() error {
	err := c.interrupt()
	for _, l := range c.lanes {
		if l != nil {
			l.ended, l.dirty = true, true
		}
	}
	c.publish()
	c.scene.end()
	return err
}

// publish makes visible what has changed.
func (c *cmaf) publish() {
	for _, l := range c.lanes {
		if l == nil || !l.dirty && l.shelf.away == c.away {
			continue
		}
		if l.target == 0 && c.cutter.target > 0 && l.partTarget > 0 {
			c.holdBack = max(c.holdBack, 3*l.partTarget)
			l.target, l.control = c.cutter.target, control(c.cutter.target, c.holdBack)
		}
		l.shelf.away, l.dirty = c.away, false
		l.publish()
	}
	c.show()
}

// control is what the server can do for players of low-latency playlists.
func control(target, parts time.Duration) m3u8.Control {
	return m3u8.Control{BlockReload: true, CanSkipUntil: 6 * target, HoldBack: 3 * target, PartHoldBack: parts}
}

// show tells players which playlists there are. Sound that has been declared and
// not been heard is not among them: they would wait for it.
func (c *cmaf) show() {
	v := view{playlists: make(map[string]*shelf, 2)}
	for i, l := range c.lanes {
		if l == nil || l.parts == 0 {
			continue
		}
		v.playlists[[...]string{videoPlaylist, audioPlaylist}[i]] = l.shelf
		current := c.tracks.Get(l.kind) == l.track
		switch {
		case !current:
		case l == c.lead:
			v.lead, v.frameRate = l.shelf, l.rate
			v.tracks = v.tracks.With(l.track)
		default:
			v.sound = l.shelf
			v.tracks = v.tracks.With(l.track)
		}
	}
	c.scene.set(v)
}
