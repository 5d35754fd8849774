package mpegts

import (
	"time"

	"sluice/server/media"
)

// unwrapper follows the 33-bit clock of a program over its wraps: a time is
// taken for the one nearest to that before it.
type unwrapper struct {
	last  int64
	begun bool
}

// unwrap returns a time of the 90 kHz clock on the program's time line.
func (u *unwrapper) unwrap(v uint64) time.Duration {
	t := int64(v & clockMask) //nolint:gosec // 33 bits
	if u.begun {
		const half = 1 << (clockBits - 1)
		t = u.last + (t-u.last+half)&clockMask - half
	}
	u.last, u.begun = t, true
	return media.FromClock(t, ClockRate)
}
