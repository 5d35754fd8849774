package transcode

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name         string
		d            drift
		lead, packet time.Duration
		want         verdict
	}{
		{"exact", drift{}, 0, 20 * ms, inTime},
		{"rounded", drift{}, ms, 20 * ms, inTime},
		{"one packet lost", drift{}, 20 * ms, 20 * ms, missing},
		{"one short packet lost", drift{}, 10 * ms, 10 * ms, missing},
		{"one AAC frame lost, rounded", drift{}, 20 * ms, 21 * ms, missing},
		{"seconds lost", drift{}, 2900 * ms, 20 * ms, missing},
		{"far ahead", drift{}, 3100 * ms, 20 * ms, leap},
		{"far behind", drift{}, -3100 * ms, 20 * ms, leap},
		{"a source known to jitter", drift{peak: 15 * ms}, 20 * ms, 20 * ms, inTime},
		{"a loss in a source that jitters", drift{peak: 15 * ms}, 60 * ms, 20 * ms, missing},
		{"a loss in a source that lags", drift{mean: -40 * ms}, -20 * ms, 20 * ms, inTime},
		{"a little early", drift{}, -30 * ms, 20 * ms, inTime},
		{"too early", drift{}, -60 * ms, 20 * ms, surplus},
		{"still early", drift{dropping: true}, -15 * ms, 20 * ms, surplus},
		{"no longer early", drift{dropping: true}, -5 * ms, 20 * ms, inTime},
	} {
		if got := c.d.judge(c.lead, c.packet); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A constant offset is bent away within half a minute, without overshoot.
func TestBendingSettles(t *testing.T) {
	for _, offset := range []time.Duration{10 * time.Millisecond, -10 * time.Millisecond} {
		var d drift
		lead, worst := offset, time.Duration(0)
		const packet = 20 * time.Millisecond
		for i := range 1500 {
			ppm := d.observe(lead, packet)
			lead -= time.Duration(float64(packet) * ppm / 1e6)
			if i > 1400 {
				worst = max(worst, lead.Abs())
			}
			if lead*offset < 0 && lead.Abs() > time.Millisecond {
				t.Fatalf("overshoots to %v", lead)
			}
		}
		if worst > time.Millisecond {
			t.Errorf("%v of %v are left after 30 s", worst, offset)
		}
	}
}
