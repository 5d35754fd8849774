package hls

import (
	"math"
	"time"

	"sluice/server/media"
)

// cutter says where a segment ends: at a key frame that is far enough from the
// segment's begin; between key frames only where the group of pictures is longer
// than the playlist's target duration allows.
type cutter struct {
	// wanted is how long a segment should be at least, longest how long it may
	// be before the target duration is known.
	wanted, longest time.Duration
	// target is the target duration, 0 before the first segment is done.
	target time.Duration

	lastKey, group time.Duration // DTS of the last key frame, and from the one before it
	keyed          bool
}

const (
	// earlyBy is how much too soon a key frame may be: clocks in milliseconds
	// jitter.
	earlyBy = 50 * time.Millisecond
	// overTarget is by how much a segment may exceed the target duration: the
	// rounded value counts (4.4.3.1), and segments of sound end a frame later.
	overTarget = 400 * time.Millisecond
	// longGap is more than pictures are apart that belong together.
	longGap = time.Second
	// leadSilence is how long the picture may be silent before sound's segments
	// end without it.
	leadSilence = 400 * time.Millisecond
	// targetRoom is what is added to the first segment before it is rounded to
	// be the target.
	targetRoom = 250 * time.Millisecond
)

// cuts reports whether a new segment begins with p, the next packet of the
// track that leads. begin is the DTS of the segment's first, frame how long the
// last one lasted.
func (c *cutter) cuts(p *media.Packet, begin, frame time.Duration) bool {
	length := p.DTS - begin
	if p.Kind() != media.Video {
		return length+frame/2 >= c.wanted
	}
	limit := c.limit()
	if !p.Key {
		return length+frame > limit
	}
	if c.keyed {
		c.group = p.DTS - c.lastKey
	}
	c.lastKey, c.keyed = p.DTS, true
	return length >= c.wanted-earlyBy || length >= c.wanted/2 && length+c.group > limit
}

// limit is the longest that a segment may get.
func (c *cutter) limit() time.Duration {
	if c.target > 0 {
		return c.target + overTarget
	}
	return c.longest
}

// stalled reports whether a segment of that length, whose end the other track
// should tell, must end without it: that has been silent for a while.
func (c *cutter) stalled(length, silence, while time.Duration) bool {
	return silence > while && length > c.limit()+earlyBy
}

// hole reports whether a packet that comes gap after the one before it does not
// go on with the segment, which would get that length: nothing has come for so
// long that a break in time is the truth.
func (c *cutter) hole(length, gap, frame time.Duration) bool {
	return length > c.limit() && gap > longGap && gap > 3*frame
}

// settle fixes the target duration when the first segment is done.
func (c *cutter) settle(first time.Duration) {
	if c.target == 0 {
		c.target = max(ceilSecond(c.wanted), (first + targetRoom).Round(time.Second))
	}
}

// forget begins anew after a break in time.
func (c *cutter) forget() { c.keyed, c.group = false, 0 }

func ceilSecond(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// partTarget returns the longest part for a track whose frames last frame, such
// that a whole number of frames is a little shorter than it, and never less than
// 85 % of it (draft, 4.4.4.9).
func partTarget(wanted, frame time.Duration) time.Duration {
	if frame <= 0 {
		return wanted
	}
	n := max(1, math.Round(float64(wanted)/float64(frame)))
	whole := time.Duration(n * float64(frame))
	t := min(whole+frame/2, whole+whole*12/100)
	return (t + time.Millisecond - 1).Truncate(time.Millisecond)
}

// leastPart is the shortest that a part may be that is not the last of its
// segment.
func leastPart(target time.Duration) time.Duration { return target * 85 / 100 }

// wall maps the stream's time to the clock on the wall.
type wall struct {
	base time.Time
	at   time.Duration
}

// set ties the two at a packet, once a publisher.
func (w *wall) set(p *media.Packet) {
	if w.base.IsZero() {
		w.base, w.at = p.Arrival, p.DTS
	}
}

func (w *wall) time(t time.Duration) time.Time {
	if w.base.IsZero() {
		return time.Time{}
	}
	return w.base.Add(t - w.at)
}
