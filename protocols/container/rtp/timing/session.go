package timing

import (
	"time"

	"sluice/server/media"
)

// What a Clock takes for possible, and how fast it corrects.
const (
	// maxSkew is the largest difference between arrival and sender reports
	// that is corrected; more comes from senders whose tracks have unrelated
	// NTP clocks.
	maxSkew = 10 * time.Second

	// maxStep is the largest correction once a track is in sync; more is a
	// sender whose NTP clock was set.
	maxStep = time.Second

	// sameStep is how well two sender reports must agree for their step to be
	// believed.
	sameStep = 50 * time.Millisecond

	// deadBand is not corrected: senders round their reports to about 1 ms,
	// and sound is best left at its even pace.
	deadBand = 5 * time.Millisecond

	// maxJump is the largest step of RTP timestamps that the time of arrival
	// need not confirm.
	maxJump = 10 * time.Second
)

// Session is the common time line of the tracks of one RTP sender. It starts
// at zero with the first packet. The zero value is ready.
//
// Until sender reports come, each track is placed by the arrival of its first
// packet. The first report ties the time line to the sender's NTP clock; each
// further track moves to where its own reports say, and begins there where one
// came before its first packet: that may be before zero.
type Session struct {
	started bool
	origin  time.Time // arrival of the first packet

	tied bool // the NTP time ntp is at the time line's place at
	ntp  uint64
	at   time.Duration
}

// Clock places the RTP timestamps of one track on the time line of its Session.
type Clock struct {
	session *Session
	rate    int

	unwrap  Unwrapper
	started bool
	placed  bool          // a place was handed out
	base    int64         // the timestamp at offset
	offset  time.Duration // of base on the time line, by arrival
	arrival time.Time     // of the last packet
	newest  time.Duration // the latest media time, after base
	reached time.Duration // the latest place handed out

	shift shift

	synced  bool
	stepped bool // the last report was out of line by step
	step    time.Duration

	early    bool // a report came before the first packet
	earlyRTP uint32
	earlyNTP uint64
}

// Clock returns the Clock of a further track, whose RTP clock runs at rate Hz.
func (s *Session) Clock(rate int) *Clock { return &Clock{session: s, rate: rate} }

// Time returns the place of an RTP timestamp on the time line; arrival is when
// its packet came. It grows with the timestamp, and never runs backwards for
// timestamps that do not.
func (c *Clock) Time(timestamp uint32, arrival time.Time) time.Duration {
	s := c.session
	if !s.started {
		s.started, s.origin = true, arrival
	}
	if !c.started {
		c.begin(timestamp, arrival.Sub(s.origin))
		if c.early {
			c.early = false
			c.SenderReport(c.earlyRTP, c.earlyNTP)
		}
	} else if c.jumped(timestamp, arrival) {
		c.begin(timestamp, max(arrival.Sub(s.origin), c.reached+time.Millisecond))
	}
	c.arrival = arrival
	m := media.FromClock(c.unwrap.Unwrap(timestamp)-c.base, c.rate)
	c.newest = max(c.newest, m)
	t := c.offset + m + c.shift.at(m)
	c.reached, c.placed = max(c.reached, t), true
	return t
}

// SenderReport takes the RTP timestamp and the NTP time of a sender report.
func (c *Clock) SenderReport(timestamp uint32, ntp uint64) {
	if ntp == 0 { // the sender has no clock, RFC 3550 6.4.1
		return
	}
	if !c.started {
		c.early, c.earlyRTP, c.earlyNTP = true, timestamp, ntp
		return
	}
	s := c.session
	here := c.offset + media.FromClock(c.unwrap.near(timestamp)-c.base, c.rate) + c.shift.end
	if !s.tied {
		s.tied, s.ntp, s.at = true, ntp, here
	}
	wrong := s.at + ntpBetween(s.ntp, ntp) - here
	limit := maxSkew
	if c.synced {
		limit = maxStep
	}
	if wrong > limit || wrong < -limit {
		if c.stepped && wrong-c.step < sameStep && c.step-wrong < sameStep {
			s.ntp, s.at = ntp, here // the sender's clock was set: nothing moved
			c.stepped, c.synced = false, true
			return
		}
		c.stepped, c.step = true, wrong
		return
	}
	c.stepped = false
	switch {
	case !c.placed:
		c.offset += wrong // nothing has to be kept in step with
	case wrong > deadBand, wrong < -deadBand:
		c.correct(wrong)
	}
	c.synced = true
}

// correct moves what comes by d. The first time, and for more than a second, it
// is quick: backwards by half the pace, forwards at once. Else it takes a second
// at least, and changes the pace by an eighth at most.
func (c *Clock) correct(d time.Duration) {
	start, end := c.shift.at(c.newest), c.shift.end+d
	abs := max(end-start, start-end)
	over := max(8*abs, time.Second)
	if !c.synced || abs > maxStep {
		over = 2 * abs
		if end > start {
			over = 0
		}
	}
	c.shift = shift{from: c.newest, over: over, start: start, end: end}
}

// begin places timestamp at the given place.
func (c *Clock) begin(timestamp uint32, at time.Duration) {
	c.unwrap = Unwrapper{last: int64(timestamp), started: true}
	c.base, c.offset, c.newest = int64(timestamp), at, 0
	c.shift, c.synced, c.stepped, c.started = shift{}, false, false, true
}

// jumped reports whether the sender has started its timestamps anew: they moved
// far, and not because that much time has passed.
func (c *Clock) jumped(timestamp uint32, arrival time.Time) bool {
	step := media.FromClock(c.unwrap.near(timestamp)-c.unwrap.last, c.rate)
	return max(step, -step) > maxJump && max(step-arrival.Sub(c.arrival), arrival.Sub(c.arrival)-step) > maxJump
}

// shift is a correction that grows evenly over a span of media time.
type shift struct {
	from, over time.Duration // the span's start and length
	start, end time.Duration // the correction before and after it
}

// at returns the correction at media time m.
func (s *shift) at(m time.Duration) time.Duration {
	switch {
	case m >= s.from+s.over:
		return s.end
	case m <= s.from:
		return s.start
	default:
		return s.start + time.Duration(float64(s.end-s.start)*float64(m-s.from)/float64(s.over))
	}
}
