package hls

import (
	"slices"
	"strconv"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/server/media"
)

// lane makes the parts and segments of one track as fragmented MP4.
type lane struct {
	*shelf
	kind   media.Kind
	prefix string // of the names of its files
	wanted time.Duration

	track    *media.Track
	initial  *file
	initials int

	held    *media.Packet // the newest: how long it lasts the next one tells
	samples []fmp4.Sample // of the part in the making
	length  time.Duration // of samples
	frame   time.Duration // how long a frame usually lasts, 0 before that is known
	begin   time.Duration // DTS of the segment's first sample, where filled
	newest  time.Duration // DTS of the newest packet
	filled  bool          // the segment has a sample, held or not

	parts    uint64 // made so far
	fragment uint32
	// discontinuity marks the next segment.
	discontinuity bool
	dirty         bool // to be published

	count int     // samples of the segment
	rate  float64 // frames per second of the first segment, 0 before it is known
}

func newLane(s *shelf, kind media.Kind, prefix string, wanted time.Duration) *lane {
	l := &lane{shelf: s, kind: kind, prefix: prefix, wanted: wanted}
	l.hint = l.partName()
	return l
}

func (l *lane) partName() string {
	return l.prefix + ".p" + strconv.FormatUint(l.parts, 10) + ".m4s"
}

// retrack sets the track of the segments to come.
func (l *lane) retrack(t *media.Track) error {
	ts := media.Tracks{}.With(t)
	b, err := fmp4.Init(ts)
	if err != nil {
		return err
	}
	l.track = t
	l.initial = &file{name: l.prefix + ".i" + strconv.Itoa(l.initials) + ".mp4", data: b}
	l.initials++
	l.keep(l.initial)
	return nil
}

// push takes the next packet.
func (l *lane) push(p *media.Packet, clock *wall) error {
	if l.held != nil {
		if err := l.add(fmp4.Sample{Packet: l.held, Duration: p.DTS - l.held.DTS}, clock); err != nil {
			return err
		}
	}
	if !l.filled {
		l.begin, l.filled = p.DTS, true
	}
	l.held, l.newest = p, p.DTS
	return nil
}

// last returns how long the newest sample lasted that is done.
func (l *lane) last() time.Duration {
	if n := len(l.samples); n > 0 {
		return l.samples[n-1].Duration
	}
	return l.frame
}

// add takes a sample whose duration is known, and ends the part where the next
// one would not fit.
func (l *lane) add(s fmp4.Sample, clock *wall) error {
	if l.partTarget > 0 && l.length > 0 && l.length+s.Duration > l.partTarget {
		if err := l.flush(clock); err != nil {
			return err
		}
	}
	l.samples = append(l.samples, s)
	l.count++
	l.length += s.Duration
	switch {
	case l.partTarget == 0:
		if l.length >= 2*l.wanted {
			return l.probe(clock)
		}
	case l.length >= leastPart(l.partTarget) && l.length+l.frame > l.partTarget:
		return l.flush(clock)
	}
	return nil
}

// probe finds the target of the parts from the first samples, and makes parts
// of them.
func (l *lane) probe(clock *wall) error {
	d := make([]time.Duration, 0, len(l.samples))
	for _, s := range l.samples {
		d = append(d, s.Duration)
	}
	slices.Sort(d)
	l.frame = d[len(d)/2]
	l.partTarget = partTarget(l.wanted, l.frame)
	samples := l.samples
	l.samples, l.length, l.count = nil, 0, l.count-len(l.samples)
	for _, s := range samples {
		if err := l.add(s, clock); err != nil {
			return err
		}
	}
	return nil
}

// flush makes a part of the samples.
func (l *lane) flush(clock *wall) error {
	if len(l.samples) == 0 {
		return nil
	}
	first := l.samples[0].Packet
	if l.open == nil {
		l.open = &segment{
			initial: l.initial, time: clock.time(first.PTS), discontinuity: l.discontinuity,
			independent: l.kind != media.Video || first.Key,
		}
		l.discontinuity = false
	}
	l.fragment++
	b, err := fmp4.AppendFragment(nil, l.fragment, l.samples)
	if err == nil {
		l.addPart(part{
			file: file{name: l.partName(), data: b}, duration: l.length,
			independent: l.kind != media.Video || first.Key,
		})
		l.parts++
		l.hint = l.partName()
	}
	clear(l.samples)
	l.samples, l.length, l.dirty = l.samples[:0], 0, true
	return err
}

// finish ends the segment in the making; next is the DTS of the packet that
// comes after it, or negative where that is not known. least is how long the
// segment counts at least, as the other track's does. A segment with nothing in
// it becomes a gap, of that length.
func (l *lane) finish(next, least time.Duration, clock *wall) error {
	if l.held != nil {
		d := next - l.held.DTS
		if next < 0 {
			d = l.last()
		}
		if err := l.add(fmp4.Sample{Packet: l.held, Duration: max(0, d)}, clock); err != nil {
			return err
		}
	}
	if l.partTarget == 0 && len(l.samples) > 0 {
		if err := l.probe(clock); err != nil {
			return err
		}
	}
	if err := l.flush(clock); err != nil {
		return err
	}
	seg := l.open
	if seg == nil {
		seg = &segment{gap: true, initial: l.initial, independent: true, discontinuity: l.discontinuity}
		l.discontinuity = false
	}
	if l.rate == 0 && l.kind == media.Video && l.count > 1 {
		l.rate = frameRate(l.count, seg.duration)
	}
	l.count = 0
	seg.duration = max(seg.duration, least)
	seg.name = l.prefix + strconv.FormatUint(l.next(), 10) + ".m4s"
	l.join(seg)
	if seg.gap {
		// ffmpeg 5 does not know gaps: it gets a segment without samples.
		seg.data = fmp4.AppendSegmentType(nil)
	}
	l.close(seg)
	l.held, l.filled, l.dirty = nil, false, true
	return nil
}

// join puts the parts' bytes together, which then are pieces of the segment's.
func (l *lane) join(seg *segment) {
	for _, p := range seg.parts {
		seg.size += len(p.data)
	}
	seg.data = make([]byte, 0, seg.size)
	parts := slices.Clone(seg.parts)
	for i := range parts {
		at := len(seg.data)
		seg.data = append(seg.data, parts[i].data...)
		parts[i].data = seg.data[at:len(seg.data):len(seg.data)]
		l.files.Store(parts[i].name, &parts[i].file)
	}
	seg.parts = parts
}
