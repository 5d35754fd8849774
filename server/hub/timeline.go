package hub

import (
	"time"

	"sluice/server/media"
)

const (
	// maxJump is how far a publisher's time may leap ahead of what it sent
	// last before it counts as a new time line.
	maxJump = 10 * time.Second
	// maxStepBack is how far it may fall back.
	maxStepBack = 500 * time.Millisecond
	// seam is the distance that is left where two time lines are joined.
	seam = 33 * time.Millisecond
)

// timeline maps a publisher's time to the stream's, which never runs
// backwards: a new publisher, a restarted encoder and a looped file all go on
// where the stream stood. Tracks of one time line keep their offset to each
// other, even where one of them leaps a little earlier than the other.
type timeline struct {
	last   time.Duration // latest DTS given out, of any track
	shown  time.Duration // latest PTS given out: where pictures are reordered, beyond last
	begun  bool
	base   time.Duration   // where the newest publisher's time line begins
	offset []time.Duration // per time line, the newest last; at most 2
	track  [4]lane         // by media.Kind
}

type lane struct {
	last   time.Duration
	begun  bool
	fresh  bool // nothing of the newest publisher is on it
	filled bool // the last packet on it is the server's own
	offset time.Duration
}

// restart begins a new time line whose earliest packet has the given DTS, and
// whose first picture is shown cts after it is decoded.
func (t *timeline) restart(first, cts time.Duration) {
	t.base = 0
	if t.begun {
		t.base = t.next(cts)
	}
	t.offset = []time.Duration{t.base - first}
	for k := range t.track {
		t.track[k].offset, t.track[k].fresh = t.offset[0], true
	}
}

// next is the DTS at which a new time line goes on: behind all that was
// decoded, and so that its first picture is shown behind all that were shown.
func (t *timeline) next(cts time.Duration) time.Duration {
	return max(t.last, t.shown-cts) + seam
}

// place rewrites the packet's times. It reports false for sound that belongs
// before its publisher's time line, or where the server has filled in its own:
// there is no room for it.
func (t *timeline) place(p *media.Packet) bool {
	l := &t.track[p.Kind()]
	dts := p.DTS + l.offset
	if l.fresh && p.Kind() == media.Audio && dts < t.base && t.continues(l, dts) {
		return false
	}
	cts := max(p.PTS-p.DTS, 0)
	if !t.continues(l, dts) {
		newest := t.offset[len(t.offset)-1]
		if p.Kind() == media.Data {
			// Script data often carries time 0, whatever the pictures say.
			newest = t.last - p.DTS
		} else if !t.continues(l, p.DTS+newest) {
			newest = t.next(cts) - p.DTS
			t.offset = append(t.offset[len(t.offset)-1:], newest)
		}
		l.offset = newest
		dts = p.DTS + newest
	}
	if l.filled && dts <= l.last {
		return false
	}
	pts := dts + cts
	if l.begun && dts < l.last {
		dts = l.last
	}
	dts = max(dts, 0)
	p.DTS, p.PTS = dts, max(pts, dts)
	l.last, l.begun, l.fresh, l.filled = dts, true, false, false
	t.last, t.shown, t.begun = max(t.last, dts), max(t.shown, p.PTS), true
	return true
}

// pass notes a packet of the server's own making at dts, so that what the
// publisher sends on that track later does not come before it.
func (t *timeline) pass(k media.Kind, dts time.Duration) {
	l := &t.track[k]
	l.last, l.begun, l.filled = max(l.last, dts), true, true
}

// continues reports whether a packet at dts can follow on its track. Tracks may
// be interleaved loosely, so a track's first packet may lie well behind.
func (t *timeline) continues(l *lane, dts time.Duration) bool {
	if !t.begun {
		return true
	}
	earliest := t.last - maxJump
	if l.begun {
		earliest = l.last - maxStepBack
	}
	return dts >= earliest && dts <= t.last+maxJump
}
