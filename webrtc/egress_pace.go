package webrtc

import (
	"context"
	"time"
)

// burstBytes may leave at once: about what a browser's socket buffer holds.
const burstBytes = 40 << 10

// pacer is a token bucket in bytes.
type pacer struct {
	rate   float64 // bytes a second
	burst  float64
	tokens float64
	last   time.Time
}

func newPacer(mbits, burst int) *pacer {
	return &pacer{rate: float64(mbits) * 1e6 / 8, burst: float64(burst), tokens: float64(burst)}
}

// wait takes n bytes and sleeps until they may leave. ctx ends the sleep.
func (p *pacer) wait(ctx context.Context, n int) error {
	p.refill()
	p.tokens -= float64(n)
	if p.tokens >= 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(-p.tokens / p.rate * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pacer) refill() {
	now := time.Now()
	if !p.last.IsZero() {
		p.tokens = min(p.tokens+p.rate*now.Sub(p.last).Seconds(), p.burst)
	}
	p.last = now
}

// atLeast raises the rate for a stream that needs more, in bytes a second.
func (p *pacer) atLeast(rate float64) { p.rate = max(p.rate, rate) }

// duration returns how long n bytes take.
func (p *pacer) duration(n int) time.Duration {
	return time.Duration(float64(n) / p.rate * float64(time.Second))
}

// take takes n bytes if they may leave now.
func (p *pacer) take(n int) bool {
	p.refill()
	if p.tokens < 0 {
		return false
	}
	p.tokens -= float64(n)
	return true
}
