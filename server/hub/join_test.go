package hub

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestJoinWhileThePublisherLeaves: viewers that come just then wait for the
// next publisher no longer than others.
func TestJoinWhileThePublisherLeaves(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ViewerWait, cfg.ReconnectWait = time.Second, time.Second
	for range 500 {
		synctest.Test(t, func(t *testing.T) {
			h := New(cfg, Options{})
			defer h.Close()
			pub := publish(t, h, "live/a")
			var all sync.WaitGroup
			start := make(chan struct{})
			for range 4 {
				all.Go(func() {
					<-start
					v, err := h.Play(t.Context(), Session{Stream: "live/a"}, AllCodecs)
					if err != nil {
						t.Error(err)
						return
					}
					defer v.Close(nil)
					select {
					case <-v.Context().Done():
						if cause := context.Cause(v.Context()); !errors.Is(cause, ErrNoPublisher) {
							t.Errorf("the viewer ends with %v", cause)
						}
					case <-time.After(time.Minute):
						t.Error("the viewer waits for ever")
					}
				})
			}
			all.Go(func() {
				<-start
				pub.Close(nil)
			})
			close(start)
			all.Wait()
		})
	}
}
