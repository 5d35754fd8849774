package rtsp

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"sluice/protocols/rtsp/wire"
	"sluice/server/hub"
)

// halfCloser is a pipe whose other end does not see that one side was closed.
type halfCloser struct{ net.Conn }

func (halfCloser) CloseWrite() error { return nil }

// TestLeave: neither a player that reads nothing nor one that stays keeps the end
// waiting, be it that of the server or of its session alone.
func TestLeave(t *testing.T) {
	for name, c := range map[string]struct {
		reads bool
		end   func(*Server, *hub.Stream)
		want  time.Duration
	}{
		"the server ends, nothing is read":    {false, stopServer, 2 * hurry},
		"the server ends, the player stays":   {true, stopServer, hurry},
		"the player is kicked, reads nothing": {false, kickAll, 2 * linger},
		"the player is kicked, stays":         {true, kickAll, linger},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := DefaultConfig()
				h := hub.New(hub.DefaultConfig(), hub.Options{})
				defer h.Close()
				pub, err := h.Publish(t.Context(), hub.Session{Stream: "live/test"})
				if err != nil {
					t.Fatal(err)
				}
				defer pub.Close(nil)
				ts := testTracks()
				for _, tr := range ts.Media() {
					pub.Announce(tr)
				}
				write(t, pub, ts, 0, 10)
				s := &Server{Handler: &handler{cfg: cfg, hub: h, log: slog.New(slog.DiscardHandler)}, Options: cfg.options()}
				near, far := net.Pipe()
				defer near.Close()
				s.accept(halfCloser{far})
				url := "rtsp://x/live/test"
				client := newRawClient(t, near)
				_ = near.SetDeadline(time.Time{})
				client.do(wire.OK, wire.Setup, url+"/trackID=0", nil, "Transport: RTP/AVP/TCP;interleaved=0-1")
				client.do(wire.OK, wire.Play, url, nil)
				if c.reads {
					go func() { _, _ = io.Copy(io.Discard, near) }()
				}
				write(t, pub, ts, 10, 20)
				synctest.Wait()
				start := time.Now()
				c.end(s, h.Find("live/test"))
				const step = time.Millisecond
				for s.Connections() > 0 {
					time.Sleep(step)
				}
				if d := time.Since(start); d > c.want+step {
					t.Errorf("it took %v, want %v", d, c.want)
				}
			})
		})
	}
}

func stopServer(s *Server, _ *hub.Stream) { _ = s.Shutdown(context.Background()) }

func kickAll(_ *Server, s *hub.Stream) {
	for _, v := range s.Viewers() {
		v.Kick()
	}
}
