package hls

import (
	"strings"
	"testing"
	"time"

	"sluice/server/hub"
)

// TestPublisherWithoutAPacket: one who comes and leaves again before the next does
// not end the playlists of that one.
func TestPublisherWithoutAPacket(t *testing.T) {
	hc := hub.DefaultConfig()
	hc.ReconnectWait = 20 * time.Second
	within(t, DefaultConfig(), hc, func(r *rig) {
		r.publish()
		time.Sleep(5 * time.Second)
		video := r.begin("/live/a.m3u8")
		r.leave()
		time.Sleep(time.Second)
		silent, err := r.hub.Publish(r.t.Context(), hub.Session{Stream: "live/a", Authorized: true})
		if err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Second)
		silent.Close(nil)
		time.Sleep(time.Second)
		r.publish()
		for range 30 {
			time.Sleep(time.Second)
			if p := r.playlist(video); p.end || p.sequence == 0 && len(p.segments) == 0 {
				r.t.Fatalf("the playlist has ended: %s", p.text)
			}
		}
		if _, segmenters := r.viewers(); segmenters != 1 {
			r.t.Errorf("%d segmenters", segmenters)
		}
		if strings.Contains(r.said.String(), errEnded.Error()) {
			r.t.Errorf("a segmenter has ended:\n%s", r.said.String())
		}
	})
}
