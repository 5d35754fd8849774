package webrtc

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"sluice/server/hub"
	"sluice/webrtc/icemux"
)

// netem is a UDP socket on a bad network: it loses, delays and so reorders what
// goes through it, both ways.
type netem struct {
	net.PacketConn
	in   chan datagram
	done chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	rnd    *rand.Rand
	loss   float64
	delay  time.Duration // one way
	jitter time.Duration // on top, evenly spread
	dark   bool          // nothing passes
	closed bool
}

type datagram struct {
	b    []byte
	from net.Addr
}

func newNetem(t testing.TB, loss float64, delay, jitter time.Duration) *netem {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &netem{
		PacketConn: conn, in: make(chan datagram, 4096), done: make(chan struct{}),
		rnd: rand.New(rand.NewPCG(1, 2)), loss: loss, delay: delay, jitter: jitter,
	}
	n.wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			k, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			d := datagram{append([]byte(nil), buf[:k]...), from}
			n.later(func() {
				select {
				case n.in <- d:
				default:
				}
			})
		}
	})
	return n
}

// later runs f after the network's delay, or never.
func (n *netem) later(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.dark || n.rnd.Float64() < n.loss {
		return
	}
	wait := n.delay
	if n.jitter > 0 {
		wait += time.Duration(n.rnd.Int64N(int64(n.jitter)))
	}
	n.wg.Add(1)
	time.AfterFunc(wait, func() {
		defer n.wg.Done()
		f()
	})
}

func (n *netem) blackout(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dark = on
}

func (n *netem) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-n.in:
		return copy(b, d.b), d.from, nil
	case <-n.done:
		return 0, nil, net.ErrClosed
	}
}

func (n *netem) WriteTo(b []byte, to net.Addr) (int, error) {
	d := append([]byte(nil), b...)
	n.later(func() { _, _ = n.PacketConn.WriteTo(d, to) })
	return len(b), nil
}

func (n *netem) Close() error {
	n.mu.Lock()
	first := !n.closed
	n.closed = true
	n.mu.Unlock()
	if !first {
		return nil
	}
	close(n.done)
	err := n.PacketConn.Close()
	n.wg.Wait()
	return err
}

// newBadService is newTestService behind a bad network.
func newBadService(t testing.TB, n *netem) (*hub.Hub, *Service) {
	t.Helper()
	h := hub.New(hub.DefaultConfig(), hub.Options{Log: testLog(t)})
	mux, err := icemux.New(icemux.Config{UDP: []net.PacketConn{n}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Jitter = time.Second
	s, err := newService(cfg, h, testLog(t), mux)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		h.Close()
	})
	return h, s
}
