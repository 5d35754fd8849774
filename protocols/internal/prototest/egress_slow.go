package prototest

import (
	"context"
	"strings"
	"testing"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

const (
	// bigPicture is the size of pictures that soon fill what the system keeps
	// for a connection.
	bigPicture = 1 << 20
	// bigGroups of pictures take longer than slowLatency.
	bigGroups   = 4
	slowLatency = time.Second
)

// flood publishes a big group while one player reads nothing. The other
// has each picture soon after it is published, and so misses nothing and is not
// late: were the publisher to wait for the one that does not read, it would wait
// for ever.
func (r *egressRig) flood(other *view) {
	r.t.Helper()
	r.size = bigPicture
	for inside := true; inside; inside = len(r.sent[media.Video])%groupSize != 0 {
		r.step()
		r.all(other)
	}
	r.size = 700
}

// stalled opens a player that reads nothing, beside one that does, and returns
// its viewer.
func (r *egressRig) stalled() (other *view, w *watching, v *hub.Viewer) {
	r.t.Helper()
	other = r.begin()
	first := r.hub.Find(streamName).Viewers()[0]
	w = r.play()
	w.open()
	r.viewers(2)
	for _, v = range r.hub.Find(streamName).Viewers() {
		if v != first {
			break
		}
	}
	until(r.t, "the player's beginning", func() bool { return v.Info().Packets > 0 })
	return other, w, v
}

// slowJumps: a player that falls behind goes on at a newer key frame, whole
// groups only, and nobody else notices.
func slowJumps(_ *testing.T, r *egressRig) {
	cfg := r.hub.Config()
	cfg.ViewerLatency = slowLatency
	r.hub.SetConfig(cfg)
	other, w, viewer := r.stalled()
	// However much the system keeps for the connection, in the end it takes no
	// more, for longer than the latency that is allowed.
	for still := 0; still < bigGroups; {
		before := viewer.Info().Packets
		r.flood(other)
		if still++; viewer.Info().Packets != before {
			still = 0
		}
	}
	w.rules.jumps = true
	v := w.read()
	for viewer.Info().Jumps == 0 {
		v.next()
	}
	r.group()
	r.steps(groupSize)
	r.all(v)
	r.all(other)
}

// deadEnds: a player that takes nothing at all is ended, and the reason says so.
func deadEnds(t *testing.T, r *egressRig) {
	r.serve(500 * time.Millisecond) // for some pictures at a time; the machine may be busy
	other, _, viewer := r.stalled()
	for viewer.Context().Err() == nil {
		r.flood(other)
	}
	if err := context.Cause(viewer.Context()); !strings.Contains(err.Error(), "took nothing") {
		t.Errorf("it is ended for another reason: %v", err)
	}
	r.viewers(1)
	r.steps(groupSize)
	r.all(other)
}
