package webrtc

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"

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

// condition is how bad a network is.
type condition struct {
	loss          float64
	delay, jitter time.Duration
}

type datagram struct {
	b    []byte
	from net.Addr
}

// network is a virtual network with a server behind a netem. It and all that is on
// it belong into a synctest bubble: time there costs nothing, and how busy the
// machine is changes nothing.
type network struct {
	*netem
	t      *testing.T
	router *vnet.Router
	hosts  int
}

func newNetwork(t *testing.T, c condition) *network {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.0.0.0/24", LoggerFactory: logging.NewDefaultLoggerFactory()})
	if err != nil {
		t.Fatal(err)
	}
	n := &network{t: t, router: router}
	conn, err := n.host().ListenPacket("udp4", "10.0.0.1:8000")
	if err != nil {
		t.Fatal(err)
	}
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = router.Stop() })
	n.netem = &netem{
		PacketConn: conn, in: make(chan datagram, 4096), done: make(chan struct{}),
		rnd: rand.New(rand.NewPCG(1, 2)), loss: c.loss, delay: c.delay, jitter: c.jitter,
	}
	n.wg.Go(n.receive)
	return n
}

// host adds a host to the network, the first with the address 10.0.0.1.
func (n *network) host() *vnet.Net {
	n.hosts++
	h, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{fmt.Sprintf("10.0.0.%d", n.hosts)}})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.router.AddNet(h); err != nil {
		n.t.Fatal(err)
	}
	return h
}

// client puts a client onto the network.
func (n *network) client(se *webrtc.SettingEngine) {
	se.SetNet(n.host())
	se.SetIncludeLoopbackCandidate(false)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
}

// receive takes what comes to the server.
func (n *netem) receive() {
	buf := make([]byte, 2048)
	for {
		k, from, err := n.PacketConn.ReadFrom(buf)
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

// serve starts a service on the network.
func (n *network) serve() (*hub.Hub, *Service) {
	n.t.Helper()
	h := hub.New(hub.DefaultConfig(), hub.Options{Log: testLog(n.t)})
	mux, err := icemux.New(icemux.Config{UDP: []net.PacketConn{n.netem}})
	if err != nil {
		n.t.Fatal(err)
	}
	cfg := DefaultConfig()
	s, err := newService(cfg, h, testLog(n.t), mux)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		s.Close()
		h.Close()
	})
	return h, s
}
