package rtsp

import (
	"context"
	"io"
	"sync"
	"time"
)

// Await waits for the first packet of media, once Play has begun. It fails
// where none comes, which over UDP may be because of a firewall.
func (s *ClientSession) Await(wait time.Duration) error {
	s.running = s.start(true)
	return s.running.await(wait)
}

// Receive hands what the server sends to rec, after Await, until one of them
// ends. The error says why: io.EOF where the server has said goodbye. It does
// not close rec.
func (s *ClientSession) Receive(rec Recorder) error {
	r := s.running
	r.silence = s.conn.client.idleTimeout()
	r.heard = time.Now()
	if err := rec.Record(Recording{
		Tracks: s.media, Ordered: s.lower != ByUDP, Jitter: s.conn.client.jitter(), Report: r.report,
	}); err != nil {
		return err
	}
	return r.run(rec.Context(), sink{
		packet: func(track int, control bool, b []byte, now time.Time) error {
			if control {
				rec.RTCP(track, b, now)
				return nil
			}
			return rec.RTP(track, b, now)
		},
		tick: rec.Tick,
	})
}

// clientBurst is how fast one server is sent key frames and cached pictures
// over UDP, in bytes a second.
const clientBurst = 40_000_000 / 8

// Send sends a stream to the server, once Record has begun, until one of them
// ends. The error says why. It does not close src.
func (s *ClientSession) Send(src Source) error {
	r := s.start(false)
	s.running = r
	ctx, cancel := context.WithCancelCause(src.Context())
	defer cancel(io.EOF)
	// A write that is under way does not keep the end waiting.
	defer context.AfterFunc(ctx, func() { _ = r.nc.SetWriteDeadline(time.Now()) })()
	out := &output{conn: r.clientConn, links: r.links, burst: clientBurst}
	if _, err := src.Start(ctx, out); err != nil {
		return err
	}
	var control sync.WaitGroup
	control.Go(func() {
		cancel(r.run(ctx, sink{
			packet: func(track int, control bool, b []byte, now time.Time) error {
				if control {
					src.RTCP(track, b, now)
				}
				return nil
			},
			tick: func(now time.Time) (time.Time, error) { return now.Add(time.Minute), nil },
		}))
	})
	err := src.Run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else {
		src.Goodbye()
		cancel(io.EOF)
	}
	control.Wait()
	return err
}
