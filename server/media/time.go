package media

import "time"

// ToClock converts d to ticks of a clock that runs at rate Hz, rounded to the
// nearest tick. rate must be positive. It does not overflow for any d, and
// ToClock(FromClock(v, rate), rate) == v for every rate up to 500 MHz.
func ToClock(d time.Duration, rate int) int64 {
	r := int64(rate)
	sec, rem := int64(d/time.Second), int64(d%time.Second)
	return sec*r + roundDiv(rem*r, int64(time.Second))
}

// FromClock converts v ticks of a clock that runs at rate Hz to a duration,
// rounded to the nearest nanosecond. rate must be positive.
func FromClock(v int64, rate int) time.Duration {
	r := int64(rate)
	sec, rem := v/r, v%r
	return time.Duration(sec)*time.Second + time.Duration(roundDiv(rem*int64(time.Second), r))
}

// roundDiv returns a/b rounded half away from zero, for b > 0.
func roundDiv(a, b int64) int64 {
	if a < 0 {
		return (a - b/2) / b
	}
	return (a + b/2) / b
}
