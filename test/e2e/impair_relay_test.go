package e2e

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// impairment is what a network does to the packets of one direction.
type impairment struct {
	loss  float64       // share of packets that never arrive
	delay time.Duration // of every packet
	// jitter is how much the delay varies; the order is kept, so that packets come
	// in bursts.
	jitter time.Duration
	// reorder is delay of each packet's own, by which packets overtake each other.
	reorder time.Duration
	dark    bool // nothing passes
}

// jitterEvery is how long one value of the varying delay lasts.
const jitterEvery = 100 * time.Millisecond

// traffic counts the packets of one direction.
type traffic struct{ passed, lost int }

// relay stands between clients and a UDP server and behaves like a bad network.
// Each client has a socket of its own towards the server, as behind a NAT.
type relay struct {
	t      *testing.T
	conn   *net.UDPConn // towards the clients
	server *net.UDPAddr
	wg     sync.WaitGroup

	mu      sync.Mutex
	clients map[netip.AddrPort]*net.UDPConn
	closed  bool

	up, down *road
}

// newRelay listens on a free port of loopback and forwards to server, at first
// without any harm. Equal seeds lose the same packets.
func newRelay(t *testing.T, server string, seed uint64) *relay {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(1 << 20) // losses are to be ours only
	r := &relay{
		t: t, conn: conn, server: addr, clients: map[netip.AddrPort]*net.UDPConn{},
		up: newRoad(seed), down: newRoad(seed + 1),
	}
	r.wg.Go(r.up.run)
	r.wg.Go(r.down.run)
	r.wg.Go(r.listen)
	t.Cleanup(r.close)
	return r
}

// addr is where clients send to.
func (r *relay) addr() netip.AddrPort { return r.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// set changes both directions for what comes from now on.
func (r *relay) set(i impairment) {
	r.up.set(i)
	r.down.set(i)
}

// close ends the relay: what it still holds is lost.
func (r *relay) close() {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	conns := []*net.UDPConn{r.conn}
	for _, c := range r.clients {
		conns = append(conns, c)
	}
	r.mu.Unlock()
	if first {
		r.up.close()
		r.down.close()
	}
	for _, c := range conns {
		_ = c.Close()
	}
	r.wg.Wait()
}

// listen takes what clients send.
func (r *relay) listen() {
	receive(r.conn, func(b []byte, from netip.AddrPort) {
		if up := r.client(from); up != nil {
			r.up.enter(b, func(b []byte) { _, _ = up.Write(b) })
		}
	})
}

// client returns the socket of a client towards the server.
func (r *relay) client(from netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[from]; c != nil || r.closed {
		return c
	}
	up, err := net.DialUDP("udp4", nil, r.server)
	if err != nil {
		r.t.Errorf("relay: %v", err)
		return nil
	}
	_ = up.SetReadBuffer(1 << 20)
	r.clients[from] = up
	r.wg.Go(func() {
		receive(up, func(b []byte, _ netip.AddrPort) {
			r.down.enter(b, func(b []byte) { _, _ = r.conn.WriteToUDPAddrPort(b, from) })
		})
	})
	return up
}

// receive reads until the socket is closed. A server that does not listen makes
// itself known by an error of a read, which is no end.
func receive(conn *net.UDPConn, take func(b []byte, from netip.AddrPort)) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			take(append([]byte(nil), buf[:n]...), from)
		}
	}
}

// road is one direction of a relay.
type road struct {
	wake chan struct{}
	done chan struct{}

	mu     sync.Mutex
	fate   *rand.Rand // of its own, so that losses do not depend on the clock
	rnd    *rand.Rand
	is     impairment
	count  traffic
	queue  parcels
	number uint64
	// The varying delay, until when it holds, and before what time nothing may
	// arrive that keeps its order.
	vary      time.Duration
	varyUntil time.Time
	last      time.Time
}

func newRoad(seed uint64) *road {
	return &road{
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		fate: rand.New(rand.NewPCG(seed, 0)), rnd: rand.New(rand.NewPCG(seed, 1)),
	}
}

func (r *road) set(i impairment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.is, r.varyUntil = i, time.Time{}
}

// seen returns what has passed and what was lost so far.
func (r *road) seen() traffic {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func (r *road) close() { close(r.done) }

// enter takes a packet; arrive is called with it when it has come through.
func (r *road) enter(b []byte, arrive func([]byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.is.dark || r.fate.Float64() < r.is.loss {
		r.count.lost++
		return
	}
	r.count.passed++
	r.number++
	heap.Push(&r.queue, parcel{b: b, due: r.due(time.Now()), number: r.number, arrive: arrive})
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// due returns when a packet arrives that enters now.
func (r *road) due(now time.Time) time.Time {
	if r.is.jitter > 0 && !now.Before(r.varyUntil) {
		r.vary, r.varyUntil = time.Duration(r.rnd.Int64N(int64(r.is.jitter))), now.Add(jitterEvery)
	}
	due := now.Add(r.is.delay)
	if r.is.jitter > 0 {
		due = due.Add(r.vary)
	}
	if due.Before(r.last) {
		due = r.last
	}
	r.last = due
	if r.is.reorder > 0 {
		due = due.Add(time.Duration(r.rnd.Int64N(int64(r.is.reorder))))
	}
	return due
}

// run lets packets arrive when they are due.
func (r *road) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-r.wake:
		case <-timer.C:
		}
		timer.Reset(r.deliver())
	}
}

// deliver hands on what is due and returns the time until there is more.
func (r *road) deliver() time.Duration {
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			r.mu.Unlock()
			return time.Hour
		}
		if wait := time.Until(r.queue[0].due); wait > 0 {
			r.mu.Unlock()
			return wait
		}
		p := heap.Pop(&r.queue).(parcel)
		r.mu.Unlock()
		p.arrive(p.b)
	}
}

// parcel is a packet on its way.
type parcel struct {
	b      []byte
	due    time.Time
	number uint64 // keeps the order of what is due at the same time
	arrive func([]byte)
}

// parcels is a heap, the next due first.
type parcels []parcel

func (p parcels) Len() int { return len(p) }
func (p parcels) Less(i, j int) bool {
	if p[i].due.Equal(p[j].due) {
		return p[i].number < p[j].number
	}
	return p[i].due.Before(p[j].due)
}
func (p parcels) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *parcels) Push(x any)   { *p = append(*p, x.(parcel)) }
func (p *parcels) Pop() any {
	old := *p
	last := old[len(old)-1]
	*p = old[:len(old)-1]
	return last
}
