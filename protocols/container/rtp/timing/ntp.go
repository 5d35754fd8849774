package timing

import (
	"math/bits"
	"time"
)

// ntpEpoch is the Unix time of the NTP time 0, the start of 1900.
const ntpEpoch = -2208988800

// NTP returns t in the form of RTCP sender reports (RFC 3550 4): seconds since
// 1900 in the upper 32 bits, which wrap in 2036, and their fraction in the lower.
func NTP(t time.Time) uint64 {
	sec, nsec := t.Unix()-ntpEpoch, uint64(t.Nanosecond())
	return uint64(sec)<<32 | nsec<<32/1e9
}

// ntpBetween returns the time from one NTP time to another, at most 68 years.
func ntpBetween(from, to uint64) time.Duration {
	d := int64(to - from)
	abs := uint64(max(d, -d))
	hi, lo := bits.Mul64(abs, uint64(time.Second))
	v := time.Duration(hi<<32 | lo>>32)
	if d < 0 {
		return -v
	}
	return v
}

// RoundTrip returns the round-trip time that a reception report shows which
// arrives when the NTP time is now: lastSR and delay are its LSR and DLSR fields
// (RFC 3550 6.4.1). It is false when the report refers to no sender report, or
// to none that is possible.
func RoundTrip(now uint64, lastSR, delay uint32) (time.Duration, bool) {
	if lastSR == 0 {
		return 0, false
	}
	d := int32(uint32(now>>16) - lastSR - delay)
	if d < 0 {
		return 0, false
	}
	return time.Duration(d) * time.Second >> 16, true
}
