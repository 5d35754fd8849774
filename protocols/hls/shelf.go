package hls

import (
	"sync"
	"sync/atomic"
	"time"

	"sluice/protocols/container/m3u8"
)

// shelf is one media playlist and what it lists. One goroutine writes it;
// everybody reads its snapshots and files.
type shelf struct {
	limits shelfLimits
	files  sync.Map // name to *file
	snap   atomic.Pointer[snapshot]
	zip    compressor

	// Of the writer.
	listed  []*segment // closed, oldest first
	retired []retired  // no longer listed, but still there for players of older playlists
	open    *segment   // the one in the making, nil before its first part
	// sequence is the number of listed[0], discontinuities those before it.
	sequence        uint64
	discontinuities uint64
	size            int // bytes of all that is held
	// now is the clock on the wall as the newest packet told it, and longest the
	// longest playlist so far.
	now         time.Time
	longest     time.Duration
	target      time.Duration
	partTarget  time.Duration
	hint        string // name of the next part
	control     m3u8.Control
	reports     func() []m3u8.Report
	away, ended bool
}

// shelfLimits bound a shelf.
type shelfLimits struct {
	segments int // listed
	bytes    int // held
	// drop is told of segments that are gone for good; may be nil.
	drop func(*segment)
}

type retired struct {
	segment *segment
	until   time.Time // when it may go
}

// minListed is how many segments stay listed whatever their size: players
// start three from the end.
const minListed = 3

// partsListed is how far from the end parts are listed, in target durations
// (draft, 4.4.4.9).
const partsListed = 3

func newShelf(l shelfLimits, first, discontinuities uint64) *shelf {
	s := &shelf{limits: l, sequence: first, discontinuities: discontinuities}
	s.snap.Store(&snapshot{changed: make(chan struct{}), next: first})
	return s
}

// next is the number of the segment in the making.
func (s *shelf) next() uint64 { return s.sequence + uint64(len(s.listed)) }

// addPart puts a part into the segment in the making. The caller publishes.
func (s *shelf) addPart(p part) {
	s.open.parts = append(s.open.parts, p)
	s.open.duration += p.duration
	s.keep(&p.file)
}

func (s *shelf) keep(f *file) {
	s.files.Store(f.name, f)
	s.size += len(f.data)
	s.shed()
}

// close ends the segment in the making, which seg is or replaces.
func (s *shelf) close(seg *segment) {
	s.files.Store(seg.name, &seg.file)
	if len(seg.parts) == 0 { // else counted with them
		s.size += len(seg.data)
	}
	s.listed = append(s.listed, seg)
	s.open = nil
	for len(s.listed) > s.limits.segments || s.size > s.limits.bytes && len(s.listed) > minListed {
		s.retire()
	}
	var lasts time.Duration
	for _, l := range s.listed {
		lasts += l.duration
	}
	s.longest = max(s.longest, lasts)
	s.shed()
}

// shed forgets what has been kept for long enough, or what there is no room for.
func (s *shelf) shed() {
	for len(s.retired) > 0 && (s.retired[0].until.Before(s.now) || s.size > s.limits.bytes) {
		s.forget(s.retired[0].segment)
		s.retired = s.retired[1:]
	}
}

// retire takes the oldest segment off the list. It stays to be had for its own
// duration and that of the longest playlist that has listed it (RFC 8216 section
// 6.2.2), if there is room.
func (s *shelf) retire() {
	old := s.listed[0]
	s.listed = append([]*segment(nil), s.listed[1:]...)
	s.sequence++
	if old.discontinuity {
		s.discontinuities++
	}
	s.retired = append(s.retired, retired{old, s.now.Add(old.duration + s.longest)})
}

func (s *shelf) forget(seg *segment) {
	s.files.Delete(seg.name)
	s.size -= len(seg.data)
	for _, p := range seg.parts {
		s.files.Delete(p.name)
	}
	if seg.initial != nil && !s.refers(seg.initial, seg) {
		s.files.Delete(seg.initial.name)
		s.size -= len(seg.initial.data)
	}
	if s.limits.drop != nil {
		s.limits.drop(seg)
	}
}

// refers reports whether a segment other than but needs the initialisation
// segment.
func (s *shelf) refers(initial *file, but *segment) bool {
	for _, seg := range s.listed {
		if seg.initial == initial {
			return true
		}
	}
	for _, r := range s.retired {
		if r.segment != but && r.segment.initial == initial {
			return true
		}
	}
	return s.open != nil && s.open.initial == initial
}

// publish makes what is there visible, and wakes who waits.
func (s *shelf) publish() {
	old := s.snap.Load()
	n := &snapshot{
		version: old.version + 1, next: s.next(), away: s.away, reports: s.reports, zip: &s.zip, changed: make(chan struct{}),
		media: m3u8.Media{
			TargetDuration: s.target, PartTarget: s.partTarget, Control: s.control,
			Sequence: s.sequence, Discontinuities: s.discontinuities, PreloadHint: s.hint,
			Independent: true, End: s.ended,
		},
	}
	if s.ended {
		n.media.PreloadHint = ""
	}
	n.media.Segments = s.entries(&n.media.Independent)
	if s.open != nil {
		n.parts = len(s.open.parts)
	}
	if len(s.listed) > 0 {
		n.last = len(s.listed[len(s.listed)-1].parts)
	}
	s.measure(n)
	s.snap.Store(n)
	close(old.changed)
}

// entries lists the segments, the one in the making last.
func (s *shelf) entries(independent *bool) []m3u8.Segment {
	list := make([]m3u8.Segment, len(s.listed), len(s.listed)+1)
	var fromEnd time.Duration
	if o := s.open; o != nil {
		*independent = *independent && o.independent
		fromEnd = o.duration
	}
	for i := len(s.listed) - 1; i >= 0; i-- {
		seg := s.listed[i]
		list[i] = seg.entry(fromEnd < partsListed*s.target && !s.ended)
		fromEnd += seg.duration
		*independent = *independent && seg.independent
	}
	if o := s.open; o != nil && len(o.parts) > 0 {
		e := o.entry(true)
		e.URI, e.Duration = "", 0
		list = append(list, e)
	}
	return list
}

// measure finds the bit rates of what is listed.
func (s *shelf) measure(n *snapshot) {
	size := 0
	for _, seg := range s.listed {
		if seg.gap || seg.duration <= 0 {
			continue
		}
		size += seg.size
		n.duration += seg.duration
		// The peak is over half a target duration or more (4.1).
		if seg.duration*2 >= s.target {
			n.bandwidth = max(n.bandwidth, rate(seg.size, seg.duration))
		}
	}
	n.average = rate(size, n.duration)
	n.bandwidth = max(n.bandwidth, n.average)
}

// rate returns bits per second.
func rate(size int, d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return int(float64(size) * 8 / d.Seconds())
}
