package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func listen(t testing.TB, addr string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = c.SetReadBuffer(1 << 20)
	t.Cleanup(func() { c.Close() })
	return c
}

// train returns packets of these sizes, each full of its number.
func train(first byte, sizes ...int) *Train {
	t := &Train{}
	for i, n := range sizes {
		for j := range t.Room(n) {
			t.Room(n)[j] = first + byte(i)
		}
		t.Add(n)
	}
	return t
}

// TestSender: the packets of a train arrive as they are, from sockets of either
// version of IP, with segmentation offload and without.
func TestSender(t *testing.T) {
	sizes := []int{1000, 1000, 400, 90, 1200}
	for _, c := range []struct{ name, from, to string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.2:0"},
		{"IPv4 from all addresses", "0.0.0.0:0", "127.0.0.1:0"},
		{"IPv4 from a socket of both", "[::]:0", "127.0.0.1:0"},
		{"IPv6", "[::1]:0", "[::1]:0"},
	} {
		for _, gso := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				from, to := listen(t, c.from), listen(t, c.to)
				s := NewSender(from)
				s.SetGSO(gso)
				if err := s.Send(train('a', sizes...), to.LocalAddr().(*net.UDPAddr).AddrPort(), nil); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 2000)
				for i, want := range sizes {
					n, err := to.Read(b)
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(b[:n], bytes.Repeat([]byte{'a' + byte(i)}, want)) {
						t.Errorf("packet %d is % .10x..., %d bytes", i, b[:n], n)
					}
				}
			})
		}
	}
}

// TestSenderErrors: what can't be sent is an error, and that of a closed socket
// is net.ErrClosed.
func TestSenderErrors(t *testing.T) {
	from := listen(t, "127.0.0.1:0")
	s := NewSender(from)
	for _, addr := range []string{"[::1]:5000", "127.0.0.1:0"} {
		if err := s.Send(train('a', 100), netip.MustParseAddrPort(addr), nil); err == nil {
			t.Errorf("a packet to %s was sent", addr)
		}
	}
	from.Close()
	if err := s.Send(train('a', 100), netip.MustParseAddrPort("127.0.0.1:5000"), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("on a closed socket: %v", err)
	}
}

// TestSenderConcurrent: trains of several goroutines arrive whole and in order.
func TestSenderConcurrent(t *testing.T) {
	s := NewSender(listen(t, "127.0.0.1:0"))
	var running sync.WaitGroup
	for range 4 {
		to := listen(t, "127.0.0.1:0")
		running.Go(func() {
			b := make([]byte, 2000)
			for i := range 100 {
				if err := s.Send(train(byte(i), 500, 500, 80), to.LocalAddr().(*net.UDPAddr).AddrPort(), nil); err != nil {
					t.Error(err)
				}
				for j, want := range []int{500, 500, 80} {
					if n, err := to.Read(b); err != nil || n != want || b[0] != byte(i+j) {
						t.Errorf("packet %d of train %d: %d bytes of %d, %v", j, i, n, b[0], err)
						return
					}
				}
			}
		})
	}
	running.Wait()
}

// BenchmarkSend is the cost of a train of 20 packets.
func BenchmarkSend(b *testing.B) {
	s := NewSender(listen(b, "127.0.0.1:0"))
	to := listen(b, "127.0.0.1:0").LocalAddr().(*net.UDPAddr).AddrPort()
	sizes := make([]int, 20)
	for i := range sizes {
		sizes[i] = 1200
	}
	t := train('a', sizes...)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(t, to, nil); err != nil {
			b.Fatal(err)
		}
	}
}
