package webrtc

import (
	"time"

	"sluice/server/media"
)

// layerSilence is after what time without a picture another layer, or a source
// that has taken its place, goes on the air.
const layerSilence = time.Second

// layers decides which of several sources of one kind is on the air: the layers
// of a simulcast, or the new source of a publisher that began again.
type layers struct{ active *receiver }

// pick reports whether a unit of r is to be published. The largest picture wins;
// the change is made at a key frame.
func (l *layers) pick(r *receiver, key bool, now time.Time) bool {
	switch {
	case l.active == r:
		return true
	case l.active == nil:
	case r.kind == media.Video && !key:
		return false
	case r.area <= l.active.area && now.Sub(l.active.last) < layerSilence:
		return false
	}
	l.active = r
	return true
}
