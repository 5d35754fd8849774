package rtsp

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"sluice/protocols/rtsp/wire"
)

// arrival is what one of a session's readers has read.
type arrival struct {
	item    wire.Item // of the connection
	link    *link     // not nil for a packet by UDP
	control bool
	data    []byte
	now     time.Time
	err     error
}

// sink takes a session's media.
type sink struct {
	// packet takes a packet of RTP, or of RTCP where control is set.
	packet func(track int, control bool, b []byte, now time.Time) error
	// tick does what is due and returns when it wants to be called next.
	tick func(now time.Time) (time.Time, error)
}

// straggling is how long packets by UDP may come after the goodbye.
const straggling = 250 * time.Millisecond

// arrivals is how many packets the readers may be ahead of the sink.
const arrivals = 256

// runner runs a session's media: its readers, and keep-alives.
type runner struct {
	*clientConn
	in       chan arrival
	done     chan struct{}
	readers  sync.WaitGroup
	channels [256]*link     // by interleaved channel
	gone     map[*link]bool // that said goodbye
	ending   time.Time      // when the session ends for that

	heard   time.Time     // when media came last
	silence time.Duration // the longest that is taken; 0 for any
	pulse   time.Time     // when the next keep-alive is due
	// repeated says that the last keep-alive was sent again, with other credentials.
	repeated bool
	begun    bool // first has come, and waits to be taken
	first    arrival
	dead     bool // the connection has ended
}

// start starts the readers. From here on the end of the context does not close
// the connection: stop does, in order. media says that media come, and not
// reports only.
func (s *ClientSession) start(media bool) *runner {
	s.conn.stop()
	now := time.Now()
	r := &runner{
		clientConn: s.conn, in: make(chan arrival, arrivals), done: make(chan struct{}),
		gone: make(map[*link]bool), heard: now, pulse: now.Add(s.conn.keepAliveInterval()),
	}
	for _, l := range r.links {
		if l.udp == nil {
			r.channels[l.channels[0]], r.channels[l.channels[1]] = l, l
			continue
		}
		l.udp.read(media, func(control bool, b []byte, now time.Time) {
			r.deliver(arrival{link: l, control: control, data: b, now: now})
		})
	}
	_ = r.nc.SetReadDeadline(time.Time{}) // fails only where the next read does
	r.readers.Go(r.readConnection)
	return r
}

// goodbye is how long the answer to TEARDOWN is waited for.
const goodbye = 500 * time.Millisecond

// finish ends the session in order, then the readers and the connection, and
// waits.
func (r *runner) finish() {
	if !r.dead {
		r.teardown()
	}
	timer := time.NewTimer(goodbye)
	defer timer.Stop()
	for waiting := r.session.ID != "" && !r.dead; waiting; {
		select {
		case a := <-r.in:
			waiting = a.err == nil && (a.item.Response == nil || a.item.Response.CSeq() != strconv.Itoa(r.cseq))
		case <-timer.C:
			waiting = false
		}
	}
	close(r.done)
	r.close()
	r.readers.Wait()
}

func (r *runner) deliver(a arrival) bool {
	select {
	case r.in <- a:
		return true
	case <-r.done:
		return false
	}
}

func (r *runner) readConnection() {
	for _, item := range r.early {
		if !r.deliver(arrival{item: item, now: time.Now()}) {
			return
		}
	}
	r.early = nil
	for {
		item, err := r.clientConn.in.Read()
		if !r.deliver(arrival{item: item, now: time.Now(), err: err}) || err != nil {
			return
		}
	}
}

// await waits for the first packet of media.
func (r *runner) await(wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case a := <-r.in:
			l, _, _, err := r.sort(a)
			if err != nil {
				return err
			}
			if l != nil {
				r.first, r.begun = a, true
				return nil
			}
		case <-timer.C:
			return errNoPackets
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
}

// run hands what comes to the sink until one of them ends, or ctx does.
func (r *runner) run(ctx context.Context, s sink) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	if r.begun {
		r.begun = false
		if err := r.take(r.first, s); err != nil {
			return err
		}
		r.first = arrival{}
	}
	for {
		select {
		case a := <-r.in:
			if err := r.take(a, s); err != nil {
				return err
			}
		case <-timer.C:
			next, err := r.tick(time.Now(), s)
			if err != nil {
				return err
			}
			timer.Reset(max(time.Until(next), time.Millisecond))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
}

// maxTick bounds how late a deadline is met that a packet has brought.
const maxTick = 20 * time.Millisecond

func (r *runner) tick(now time.Time, s sink) (time.Time, error) {
	next, err := s.tick(now)
	if err != nil {
		return next, err
	}
	if !r.ending.IsZero() && !now.Before(r.ending) {
		return next, io.EOF
	}
	if r.silence > 0 {
		if now.Sub(r.heard) > r.silence {
			return next, errNoPackets
		}
		next = earlier(next, r.heard.Add(r.silence+time.Millisecond))
	}
	if !now.Before(r.pulse) {
		r.pulse, r.repeated = now.Add(r.keepAliveInterval()), false
		if err := r.keepAlive(); err != nil {
			return next, r.reason(err)
		}
	}
	next = earlier(next, r.pulse)
	for _, l := range r.links {
		if l.udp != nil {
			return earlier(next, now.Add(maxTick)), nil
		}
	}
	return next, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// take handles one arrival.
func (r *runner) take(a arrival, s sink) error {
	l, control, data, err := r.sort(a)
	if err != nil || l == nil {
		return err
	}
	r.heard = a.now
	if control && isBye(data) {
		if r.gone[l] = true; len(r.gone) == len(r.links) {
			if l.udp == nil {
				return io.EOF
			}
			r.ending = a.now.Add(straggling)
		}
	}
	return s.packet(l.track, control, data, a.now)
}

// sort returns the media that an arrival brings, and handles what else it may
// be.
func (r *runner) sort(a arrival) (l *link, control bool, data []byte, err error) {
	switch {
	case a.err != nil:
		r.dead = true
		return nil, false, nil, r.reason(a.err)
	case a.link != nil:
		return a.link, a.control, a.data, nil
	case a.item.Request != nil:
		return nil, false, nil, r.request(a.item.Request)
	case a.item.Response != nil:
		return nil, false, nil, r.response(a.item.Response)
	}
	if l = r.channels[a.item.Channel]; l == nil {
		return nil, false, nil, nil // of media that were not set up
	}
	return l, a.item.Channel == l.channels[1], a.item.Frame, nil
}

// isFallback reports whether the next way is worth a try after err.
func isFallback(err error) bool {
	return errors.Is(err, errNoPackets) || errors.Is(err, errTransport) || isAnswer(err, wire.UnsupportedTransport)
}
