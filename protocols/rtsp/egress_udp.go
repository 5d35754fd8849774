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

// sendDatagrams sends a unit's packets over UDP.
func (p *player) sendDatagrams(ctx context.Context, l *link, u *unit) error {
	for b := range u.packets {
		if wait := p.pace.take(len(b), time.Now()); wait > 0 {
			if err := sleep(ctx, wait); err != nil {
				return err
			}
		}
		if err := l.pair.send(0, b); err != nil {
			return err
		}
		p.viewer.Sent(len(b))
	}
	return nil
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
