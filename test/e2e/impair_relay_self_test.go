package e2e

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// echo is a UDP server that sends everything back.
func echo(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		receive(conn, func(b []byte, from netip.AddrPort) { _, _ = conn.WriteToUDPAddrPort(b, from) })
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// exchange sends n numbered packets, one a millisecond, through the relay to the
// echo and returns the numbers that came back and how long the first took.
func exchange(t *testing.T, r *relay, n int, quiet time.Duration) (numbers []int, first time.Duration) {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := range n {
			_, _ = conn.Write(binary.BigEndian.AppendUint32(nil, uint32(i)))
			<-tick.C
		}
	}()
	buf := make([]byte, 64)
	for len(numbers) < n {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		k, err := conn.Read(buf)
		if err != nil {
			break
		}
		if k != 4 {
			t.Fatalf("%d bytes came back", k)
		}
		if len(numbers) == 0 {
			first = time.Since(begin)
		}
		numbers = append(numbers, int(binary.BigEndian.Uint32(buf)))
	}
	<-sent
	return numbers, first
}

const silence = time.Second

func TestRelayPasses(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	got, _ := exchange(t, r, 300, silence)
	if len(got) != 300 || !slices.IsSorted(got) {
		t.Errorf("%d of 300 came back, in order: %v", len(got), slices.IsSorted(got))
	}
	if up, down := r.up.seen(), r.down.seen(); up != (traffic{300, 0}) || down != up {
		t.Errorf("counted %v up and %v down", up, down)
	}
}

func TestRelayLoses(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	r.set(impairment{loss: 0.1})
	got, _ := exchange(t, r, 1000, silence)
	// 0.9 squared, give and take five deviations.
	if len(got) < 750 || len(got) > 870 {
		t.Errorf("%d of 1000 came back through 10 %% loss both ways", len(got))
	}
	if !slices.IsSorted(got) {
		t.Error("loss changes the order")
	}
	up := r.up.seen()
	if up.passed+up.lost != 1000 || up.lost < 50 || up.lost > 150 {
		t.Errorf("counted %v", up)
	}
}

func TestRelayDelays(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	r.set(impairment{delay: 100 * time.Millisecond})
	got, first := exchange(t, r, 100, silence)
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("%d of 100 came back, in order: %v", len(got), slices.IsSorted(got))
	}
	if first < 200*time.Millisecond {
		t.Errorf("the first came back after %v, less than the round trip", first)
	}
}

func TestRelayJitterKeepsTheOrder(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	r.set(impairment{jitter: 100 * time.Millisecond})
	got, _ := exchange(t, r, 500, silence)
	if len(got) != 500 || !slices.IsSorted(got) {
		t.Errorf("%d of 500 came back, in order: %v", len(got), slices.IsSorted(got))
	}
}

func TestRelayReorders(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	r.set(impairment{reorder: 30 * time.Millisecond})
	got, _ := exchange(t, r, 300, silence)
	if len(got) != 300 {
		t.Errorf("%d of 300 came back", len(got))
	}
	if slices.IsSorted(got) {
		t.Error("all came in order")
	}
}

func TestRelayBlackout(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	r.set(impairment{dark: true})
	if got, _ := exchange(t, r, 50, 200*time.Millisecond); len(got) != 0 {
		t.Errorf("%d packets came through the dark", len(got))
	}
	r.set(impairment{})
	if got, _ := exchange(t, r, 50, silence); len(got) != 50 {
		t.Errorf("%d of 50 came back after the dark", len(got))
	}
}

// TestRelaySeed: the same packets meet the same fate.
func TestRelaySeed(t *testing.T) {
	fate := func(seed uint64) (lost []bool) {
		r := newRoad(seed)
		r.set(impairment{loss: 0.3, jitter: 50 * time.Millisecond, reorder: time.Millisecond})
		for range 200 {
			before := r.count.lost
			r.enter(nil, nil)
			lost = append(lost, r.count.lost > before)
		}
		return lost
	}
	if !slices.Equal(fate(7), fate(7)) {
		t.Error("one seed, two fates")
	}
	if slices.Equal(fate(7), fate(8)) {
		t.Error("two seeds, one fate")
	}
}

// TestRelayKeepsClientsApart: each client is one address for the server.
func TestRelayKeepsClientsApart(t *testing.T) {
	r := newRelay(t, echo(t), 1)
	exchange(t, r, 5, silence)
	exchange(t, r, 5, silence)
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range r.clients {
		seen[c.LocalAddr().String()] = true
	}
	if len(seen) != 2 {
		t.Errorf("the server sees %d addresses of two clients", len(seen))
	}
}
