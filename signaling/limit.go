package signaling

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the client addresses that a limiter remembers. Beyond it, unknown
// addresses share one bucket.
const maxBuckets = 8192

// limiter bounds the rate of requests by client address.
type limiter struct {
	limit Rate

	mu      sync.Mutex
	buckets map[netip.Prefix]*rate.Limiter
	shared  *rate.Limiter
	swept   time.Time
}

func newLimiter(r Rate) *limiter {
	return &limiter{
		limit:   r,
		buckets: map[netip.Prefix]*rate.Limiter{},
		shared:  rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst),
	}
}

// wait takes one token for addr at the time now. It returns 0 if there was one, else
// the time until there is.
func (l *limiter) wait(addr netip.Addr, now time.Time) time.Duration {
	if l.limit.PerSecond == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(addr, now)
	if b.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - b.TokensAt(now)) / l.limit.PerSecond * float64(time.Second))
}

func (l *limiter) bucket(addr netip.Addr, now time.Time) *rate.Limiter {
	key := clientNetwork(addr)
	if b, ok := l.buckets[key]; ok {
		return b
	}
	if len(l.buckets) >= maxBuckets {
		l.sweep(now)
	}
	if len(l.buckets) >= maxBuckets {
		return l.shared
	}
	b := rate.NewLimiter(rate.Limit(l.limit.PerSecond), l.limit.Burst)
	l.buckets[key] = b
	return b
}

// sweep forgets the buckets that are full again: a new one would be the same. It runs
// at most once a second, so that a flood of addresses does not pay for it each time.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for key, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.limit.Burst) {
			delete(l.buckets, key)
		}
	}
}

// clientNetwork returns what counts as one client: an IPv4 address or an IPv6 /64.
func clientNetwork(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr = addr.Unmap(); addr.Is4() {
		bits = 32
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}
