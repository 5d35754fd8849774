package signaling

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l := newLimiter(Rate{PerSecond: 2, Burst: 3})
	now := time.Unix(1e9, 0)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range 3 {
		if w := l.wait(a, now); w != 0 {
			t.Fatalf("wait %v within the burst", w)
		}
	}
	if w := l.wait(a, now); w != 500*time.Millisecond {
		t.Errorf("wait %v, want 500ms", w)
	}
	if w := l.wait(b, now); w != 0 {
		t.Errorf("another client waits %v", w)
	}
	if w := l.wait(a, now.Add(500*time.Millisecond)); w != 0 {
		t.Errorf("wait %v after the wait", w)
	}
	if w := newLimiter(Rate{}).wait(a, now); w != 0 {
		t.Errorf("wait %v without a limit", w)
	}
}

func TestLimiterNetworks(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1/32",
		"::ffff:192.0.2.1":   "192.0.2.1/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
		"2001:db8:1:2:ff::9": "2001:db8:1:2::/64",
	} {
		if got := clientNetwork(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// TestLimiterBounded floods the limiter with addresses: memory stays bounded, and full
// buckets are forgotten in time.
func TestLimiterBounded(t *testing.T) {
	l := newLimiter(Rate{PerSecond: 1, Burst: 2})
	now := time.Unix(1e9, 0)
	flood := func() (refused int) {
		for i := range 2 * maxBuckets {
			if l.wait(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now) > 0 {
				refused++
			}
		}
		return refused
	}
	if refused := flood(); refused != maxBuckets-2 {
		t.Errorf("%d refused, want all beyond the bound but the shared burst", refused)
	}
	if len(l.buckets) != maxBuckets {
		t.Errorf("%d buckets", len(l.buckets))
	}
	now = now.Add(time.Minute)
	if l.wait(netip.MustParseAddr("192.0.2.1"), now) != 0 || len(l.buckets) != 1 {
		t.Errorf("%d buckets after a minute", len(l.buckets))
	}
}

func TestRateLimits(t *testing.T) {
	slow := Rate{PerSecond: 0.1, Burst: 1}
	b := newBed(t, func(c *Config, _ *Options) { c.PostRate, c.PatchRate, c.DeleteRate = slow, slow, slow })
	session, etag := b.publish()
	res := b.post("/live/x/whip", clientOffer(t, "whip-obs-30.2"))
	wantStatus(t, res, 429)
	wantHeader(t, res, "Retry-After", "10")
	wantHeader(t, res, "Content-Type", "application/problem+json")
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", etag), 204)
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", etag), 429)
	wantStatus(t, b.do("DELETE", session+"", ""), 200)
	wantStatus(t, b.do("DELETE", session, ""), 429)
	b.now = b.now.Add(10 * time.Second)
	wantStatus(t, b.post("/live/x/whip", clientOffer(t, "whip-obs-30.2")), 201)
}

func TestClientAddr(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:1234", "", "192.0.2.1:1234"},
		{"192.0.2.1:1234", "198.51.100.1", "192.0.2.1:1234"},
		{"10.0.0.1:1234", "198.51.100.1", "198.51.100.1:0"},
		{"10.0.0.1:1234", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1:0"},
		{"10.0.0.1:1234", "", "10.0.0.1:1234"},
		{"10.0.0.1:1234", "garbage", "10.0.0.1:1234"},
		{"10.0.0.1:1234", "garbage, 10.0.0.2", "10.0.0.2:0"},
		{"[::ffff:192.0.2.1]:9", "", "192.0.2.1:9"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.peer
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		if got := clientAddr(r, trusted); got.String() != tc.want {
			t.Errorf("%+v: got %v", tc, got)
		}
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := newLimiter(Rate{PerSecond: 1e9, Burst: 1e9})
	addrs := make([]netip.Addr, 1024)
	for i := range addrs {
		addrs[i] = netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256))
	}
	now := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.wait(addrs[i%len(addrs)], now)
	}
}
