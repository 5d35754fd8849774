package rtsp

import (
	"context"
	"time"
)

// pacer bounds how fast a player over UDP is sent to: a whole group of pictures
// at once would not fit into the buffers on its way.
type pacer struct {
	rate int       // bytes a second
	free time.Time // when all that was sent has left at that rate
}

// maxAhead is how much may be sent at once, as the time that it takes at the
// pacer's rate.
const maxAhead = 10 * time.Millisecond

// take accounts for n bytes, and returns how long to wait before they may be
// sent.
func (p *pacer) take(n int, now time.Time) time.Duration {
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now) - maxAhead
	p.free = p.free.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	return wait
}

// pieceBytes is how much one system call sends at most: a few milliseconds at
// the pacer's rate.
const pieceBytes = 32 << 10

// sendDatagrams sends a unit's packets over UDP, many in one system call.
func (p *player) sendDatagrams(ctx context.Context, l *link, u *unit) error {
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
	err := l.pair.sendTrain(&p.train)
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
