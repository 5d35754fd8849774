package transport

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"

	"sluice/webrtc/icemux"
)

// Transport is the channel to one peer. Its methods are safe for concurrent use.
type Transport struct {
	cfg     Config
	log     *slog.Logger
	remote  Remote
	handler Handler
	ctx     context.Context
	cancel  context.CancelCauseFunc
	wg      sync.WaitGroup

	queue    *queue
	pipe     *pipe
	conn     *dtls.Conn
	ready    chan struct{} // closed when the keys are there
	changed  chan struct{} // capacity 1: something for watch to look at
	counters counters

	ciphers       atomic.Pointer[ciphers]
	path          atomic.Pointer[icemux.Path] // nominated
	handshakePath atomic.Pointer[icemux.Path] // where DTLS last came from
	heard         atomic.Int64                // arrival of the last packet that was no STUN, ns

	mu      sync.Mutex
	current *generation
	pending *generation // of a restart, until it is nominated or given up
	closed  bool
	closing sync.Once
}

// New starts the channel to a peer. It ends by itself where the peer does, which
// Context tells; its owner must then still call Close.
func New(cfg Config, remote Remote, h Handler) (*Transport, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	t := &Transport{
		cfg: cfg, log: cfg.Log, remote: remote, handler: h, ctx: ctx, cancel: cancel,
		queue: newQueue(), ready: make(chan struct{}), changed: make(chan struct{}, 1),
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.pipe = newPipe(t)
	conn, err := t.newDTLS()
	if err != nil {
		cancel(err)
		return nil, err
	}
	t.conn = conn
	g, err := t.newGeneration(remote.Ufrag, remote.Pwd, remote.Candidates)
	if err != nil {
		cancel(err)
		_ = conn.Close()
		return nil, err
	}
	t.mu.Lock()
	t.current = g
	t.mu.Unlock()
	t.wg.Go(t.receive)
	t.wg.Go(func() { t.cancel(t.secure(ctx, conn)) })
	t.wg.Go(t.watch)
	return t, nil
}

// Local returns the ICE credentials for the answer.
func (t *Transport) Local() Credentials {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending != nil {
		return t.pending.Credentials
	}
	return t.current.Credentials
}

// Ready is closed when media can be sent and received.
func (t *Transport) Ready() <-chan struct{} { return t.ready }

// Context ends with the channel; context.Cause tells why.
func (t *Transport) Context() context.Context { return t.ctx }

// Path says how media goes: protocol and the peer's address, "" before that is
// known.
func (t *Transport) Path() string {
	p := t.path.Load()
	switch {
	case p == nil:
		return ""
	case p.TCP:
		return "tcp " + p.Remote.String()
	default:
		return "udp " + p.Remote.String()
	}
}

// AddCandidates adds remote candidates to the newest ICE session.
func (t *Transport) AddCandidates(list []Candidate) {
	t.mu.Lock()
	g := t.current
	if t.pending != nil {
		g = t.pending
	}
	t.mu.Unlock()
	g.add(list)
}

// Restart begins a new ICE session with the peer's new credentials. Until a pair
// of it is nominated the old one carries the media; if none is within
// ConnectTimeout the old one stays.
func (t *Transport) Restart(ufrag, pwd string, list []Candidate) (Credentials, error) {
	g, err := t.newGeneration(ufrag, pwd, list)
	if err != nil {
		return Credentials{}, err
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		g.close()
		return Credentials{}, context.Cause(t.ctx)
	}
	old := t.pending
	t.pending = g
	t.wg.Go(func() { t.abandon(g) })
	t.mu.Unlock()
	if old != nil {
		old.close()
	}
	return g.Credentials, nil
}

// abandon gives a restart up that has not connected in time.
func (t *Transport) abandon(g *generation) {
	timer := time.NewTimer(t.cfg.ConnectTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		return
	}
	t.mu.Lock()
	failed := t.pending == g
	if failed {
		t.pending = nil
	}
	t.mu.Unlock()
	if failed {
		t.log.Warn("webrtc: ICE restart failed, the session stays on its old path", "candidates", g.diagnosis())
		g.close()
		t.poke()
	}
}

// nominated makes p the path for media. It is called from an ICE agent.
func (t *Transport) nominated(g *generation, p *icemux.Path) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || (g != t.current && g != t.pending) {
		return
	}
	t.path.Store(p)
	if g == t.pending {
		old := t.current
		t.current, t.pending = g, nil
		// Not here: the agent that called would wait for itself.
		t.wg.Go(old.close)
	}
}

// poke makes watch look again.
func (t *Transport) poke() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// watch ends the session that does not connect, or whose peer has fallen silent.
func (t *Transport) watch() {
	connect := time.NewTimer(t.cfg.ConnectTimeout)
	defer connect.Stop()
	select {
	case <-t.ready:
	case <-connect.C:
		t.cancel(t.notConnected())
		return
	case <-t.ctx.Done():
		return
	}
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-t.changed:
		case <-again.C:
		}
		if !t.silent() {
			continue
		}
		idle := time.Since(time.Unix(0, t.heard.Load()))
		if idle >= t.cfg.PeerTimeout {
			t.cancel(ErrPeerGone)
			return
		}
		again.Reset(t.cfg.PeerTimeout - idle)
	}
}

// silent reports whether the agent hears no STUN any more, with no restart
// under way that may mend it.
func (t *Transport) silent() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending == nil && ice.ConnectionState(t.current.state.Load()) == ice.ConnectionStateDisconnected
}

// deliver takes packets from the mux.
func (t *Transport) deliver(b []byte, from *icemux.Path) {
	now := time.Now()
	t.heard.Store(now.UnixNano())
	t.queue.push(inbound{b, from, now})
}

// receive hands out what comes from the peer, RFC 7983 section 7 and RFC 5761
// section 4.
func (t *Transport) receive() {
	var batch []inbound
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	ready := t.ready
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-t.queue.wake:
			batch = t.queue.take(batch)
			for _, p := range batch {
				t.dispatch(p)
			}
		case <-ready:
			ready = nil
		case <-timer.C:
		}
		if ready == nil {
			timer.Reset(t.handler.Tick(time.Now()))
		}
	}
}

func (t *Transport) dispatch(p inbound) {
	switch {
	case len(p.b) < 4:
	case p.b[0] >= 20 && p.b[0] <= 63:
		t.pipe.push(p.b, p.path)
	case p.b[0] >= 128 && p.b[0] <= 191:
		t.media(p)
	}
}

// Wake calls the handler's Tick soon.
func (t *Transport) Wake() {
	select {
	case t.queue.wake <- struct{}{}:
	default:
	}
}

func (t *Transport) media(p inbound) {
	c := t.ciphers.Load()
	if c == nil {
		return
	}
	t.counters.received(len(p.b))
	if typ := p.b[1]; typ >= 192 && typ <= 223 {
		if b, err := c.in.DecryptRTCP(p.b, p.b, nil); err == nil {
			t.handler.RTCP(b, p.arrival)
			return
		}
	} else if b, err := c.in.DecryptRTP(p.b, p.b, &c.header); err == nil {
		t.handler.RTP(&c.header, b, p.arrival)
		return
	}
	t.counters.broken.Add(1)
}

// Close ends the session for the given reason: consent is revoked, DTLS says
// goodbye, and nothing of the session runs any more when it returns. A later
// call waits for the first.
func (t *Transport) Close(reason error) {
	t.closing.Do(func() {
		if reason == nil {
			reason = ErrClosed
		}
		t.mu.Lock()
		t.closed = true
		generations := []*generation{t.current, t.pending}
		t.mu.Unlock()
		t.cancel(reason)   // first, or a broken handshake would be the reason
		_ = t.conn.Close() // sends close_notify
		for _, g := range generations {
			if g != nil {
				g.close()
			}
		}
		t.wg.Wait()
	})
}
