package rtsp

import (
	"testing"
	"time"
)

// TestRebind: a publisher whose NAT gives it another port is followed, once the
// old one is silent, and nobody else is.
func TestRebind(t *testing.T) {
	const a, b, other = 7000, 7001, 7002
	packet := func(ssrc byte) []byte { return []byte{0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc} }
	report := func(ssrc byte) []byte { return []byte{0x80, 200, 0, 1, 0, 0, 0, ssrc} }
	type step struct {
		at   time.Duration
		i    int
		port uint16
		data []byte
		want bool
	}
	for _, c := range []struct {
		name   string
		player bool
		steps  []step
	}{
		{"the same source, the old port silent", false, []step{
			{0, 0, a, packet(1), true},
			{time.Second, 0, b, packet(1), false},
			{2 * time.Second, 0, b, packet(1), true},
			{2 * time.Second, 0, a, packet(1), false},
		}},
		{"the old port is not silent", false, []step{
			{0, 0, a, packet(1), true}, {2 * time.Second, 0, a, packet(1), true}, {3 * time.Second, 0, b, packet(1), false},
		}},
		{"another source", false, []step{{0, 0, a, packet(1), true}, {time.Minute, 0, other, packet(2), false}}},
		{"no packet of RTP", false, []step{
			{0, 0, a, packet(1), true}, {time.Minute, 0, other, packet(1)[:11], false}, {time.Minute, 0, other, append([]byte{0}, packet(1)[1:]...), false},
		}},
		{"the source's reports", false, []step{
			{0, 0, a, packet(1), true},
			{0, 1, a + 1, report(1), true},
			{time.Minute, 1, other, report(2), false},
			{time.Minute, 1, other, report(1)[:7], false},
			{time.Minute, 1, b, report(1), true},
			{time.Minute, 0, a, packet(1), true},
		}},
		{"reports before media", false, []step{{0, 1, a, report(0), true}, {time.Minute, 1, b, report(0), false}}},
		{"a player", true, []step{{0, 0, a, packet(1), true}, {time.Minute, 0, b, packet(1), false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newUDPLink(nil, wayOf("127.0.0.2"))
			l.media = !c.player
			start := time.Now()
			for n, s := range c.steps {
				if got := l.accept(s.i, s.port, s.data, start.Add(s.at)); got != s.want {
					t.Errorf("step %d: %v", n, got)
				}
				if s.want && l.to(s.i).Port() != s.port {
					t.Errorf("step %d: the peer is at %v", n, l.to(s.i))
				}
			}
		})
	}
}
