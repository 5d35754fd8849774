package transcode

import (
	"time"

	"sluice/server/media"
)

// clock gives the output's samples their times. Sample n, counted before the
// encoder, is heard at base plus n over the rate.
type clock struct {
	rate  int // in Hz
	base  time.Duration
	floor time.Duration // no packet comes before it
	made  int64         // samples that the resampler has made
	coded int64         // samples that the encoder has taken
}

// begin sets the time of the first sample.
func (c *clock) begin(at time.Duration) { c.base, c.floor = at, at }

// shift moves all samples by d. Of those made already none is to be heard
// from before floor.
func (c *clock) shift(d, floor time.Duration) { c.base, c.floor = c.base+d, floor }

// next returns the time of the next sample that the resampler makes.
func (c *clock) next() time.Duration { return c.base + media.FromClock(c.made, c.rate) }

// stamp returns the time of the next packet, of that many samples, from an
// encoder with the given delay. It reports false for a packet that only
// begins before the sound does.
func (c *clock) stamp(samples, delay int) (at time.Duration, ok bool) {
	at = c.base + media.FromClock(c.coded-int64(delay), c.rate)
	c.coded += int64(samples)
	return at, at >= c.floor
}
