package rtsp

import (
	"context"
	"time"
)

// pacer bounds how fast a player over UDP is sent to: a whole group of pictures
// at once would not fit into the buffers on its way.
type pacer struct {
	floor int       // bytes a second that it gives at least
	rate  int       // bytes a second of the stream, as far as it is known
	free  time.Time // when all that was sent has left at that rate

	begun bool
	since time.Duration // stream time since which bytes were counted
	bytes int
}

const (
	// maxAhead is how much may be sent at once, as the time that it takes at
	// the pacer's rate.
	maxAhead = 10 * time.Millisecond
	// catchUp is how many times the stream's own rate the pacer gives at least.
	catchUp = 3
	// measure is how much of the stream its rate is measured over.
	measure = time.Second
)

// note counts n bytes at a time of the stream.
func (p *pacer) note(n int, at time.Duration) {
	if !p.begun {
		p.begun, p.since = true, at
	}
	if d := at - p.since; d >= measure {
		p.rate = int(time.Duration(p.bytes) * time.Second / d)
		p.since, p.bytes = at, 0
	}
	p.bytes += n
}

// take accounts for n bytes, and returns how long to wait before they may be
// sent.
func (p *pacer) take(n int, now time.Time) time.Duration {
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now) - maxAhead
	p.free = p.free.Add(time.Duration(n) * time.Second / time.Duration(max(p.floor, catchUp*p.rate, 1)))
	return wait
}

// pieceBytes is how much one system call sends at most: a few milliseconds at
// the pacer's rate.
const pieceBytes = 32 << 10

// sendDatagrams sends a unit's packets over UDP, many in one system call.
func (p *player) sendDatagrams(ctx context.Context, l *link, u *unit) error {
	p.pace.note(len(u.data), u.dts)
	for b := range u.packets {
		if p.train.Bytes()+len(b) > pieceBytes {
			if err := p.sendTrain(ctx, l); err != nil {
				return err
			}
		}
		p.train.Add(copy(p.train.Room(len(b)), b))
	}
	return p.sendTrain(ctx, l)
}

func (p *player) sendTrain(ctx context.Context, l *link) error {
	n := p.train.Bytes()
	if wait := p.pace.take(n, time.Now()); wait > 0 {
		if err := sleep(ctx, wait); err != nil {
			p.train.Reset()
			return err
		}
	}
	err := l.udp.sendTrain(&p.train)
	p.train.Reset()
	p.viewer.Sent(n)
	return err
}

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
