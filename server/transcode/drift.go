package transcode

import "time"

// drift compares the source's timestamps with the count of its samples. Its
// input is the lead: how much later the source places a packet than the
// samples before it say.
type drift struct {
	mean     time.Duration // the lead, low-pass filtered
	peak     time.Duration // how far leads lay from the mean at most, lately; up to maxPeak
	bending  bool
	dropping bool
}

const (
	// meanOver and peakOver are time constants. With bendOver four times
	// meanOver the loop is critically damped.
	meanOver = 2 * time.Second
	bendOver = 4 * meanOver
	peakOver = 30 * time.Second
	maxPeak  = 40 * time.Millisecond

	// Bending begins where the mean lead is over bendAt and ends below
	// bendUntil; maxBend is the limit in millionths: 3.5 cents, which nobody hears.
	bendAt    = 2 * time.Millisecond
	bendUntil = 500 * time.Microsecond
	maxBend   = 2000

	// leapAt is the lead that is a new time line rather than a loss.
	leapAt = 3 * time.Second
	// dropAt is the negative lead that is too much to be bent away.
	dropAt = 45 * time.Millisecond
)

type verdict uint8

const (
	inTime verdict = iota
	missing
	surplus
	leap
)

// judge says what a packet's lead means; packet is the length of the one
// before. A loss is at least a short packet long. Jitter of the timestamps
// that has been seen before is no loss, so a source that stamps its packets
// badly is misjudged once or twice, not for ever.
func (d *drift) judge(lead, packet time.Duration) verdict {
	gapAt := min(max(packet*6/10, 5*time.Millisecond), 30*time.Millisecond)
	gapAt = max(gapAt, d.peak*3/2+2*time.Millisecond)
	switch {
	case lead > leapAt || lead < -leapAt:
		return leap
	case lead > 0 && lead-d.mean > gapAt:
		return missing
	case d.dropping && lead < -packet/2, lead < -dropAt-d.peak*3/2:
		d.dropping = true
		d.mean, d.peak = 0, 0
		return surplus
	}
	d.dropping = false
	return inTime
}

// observe takes the lead that is left after what judge has led to, and returns
// by how many millionths the output is to be made longer.
func (d *drift) observe(lead, packet time.Duration) float64 {
	d.peak -= share(d.peak, packet, peakOver)
	d.peak = min(max(d.peak, (lead-d.mean).Abs()), maxPeak)
	d.mean += share(lead-d.mean, packet, meanOver+packet)
	if d.bending {
		d.bending = d.mean.Abs() > bendUntil
	} else {
		d.bending = d.mean.Abs() > bendAt
	}
	if !d.bending {
		return 0
	}
	return min(max(1e6*d.mean.Seconds()/bendOver.Seconds(), -maxBend), maxBend)
}

// share returns the part of d that part is of whole.
func share(d, part, whole time.Duration) time.Duration {
	return time.Duration(float64(d) * part.Seconds() / whole.Seconds())
}
