package timing

import (
	"slices"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/server/media"
)

// MaxReorder is the largest reordering depth of H264 and H265.
const MaxReorder = 16

// dtsStep separates decoding times that nothing else tells apart.
const dtsStep = time.Millisecond

// DTS finds the decoding times of pictures that come in decoding order with
// their presentation times only, as by RTP. It knows no frame rate: each picture
// is decoded when one is shown, the one that comes depth places earlier in the
// order of display. So decoding times are presentation times of the stream, but
// for the first ones.
type DTS struct {
	depth   int
	started bool
	last    time.Duration

	// recent are the depth latest presentation times so far, in order: those of
	// which one becomes the next decoding time.
	recent []time.Duration
}

// NewDTS returns a DTS for a stream of the given reordering depth, 0 to
// MaxReorder: how many pictures may come before a picture and be shown after it
// (max_num_reorder_frames). 0 makes decoding and presentation times equal.
func NewDTS(depth int) *DTS {
	return &DTS{depth: min(max(depth, 0), MaxReorder), recent: make([]time.Duration, 0, MaxReorder+1)}
}

// SetDepth changes the reordering depth, for a stream whose parameter sets have
// changed.
func (d *DTS) SetDepth(depth int) {
	depth = min(max(depth, 0), MaxReorder)
	if d.started {
		d.pad(max(depth-d.depth, 0))
		d.recent = slices.Delete(d.recent, 0, len(d.recent)-depth)
	}
	d.depth = depth
}

// Next returns the times of the next picture in decoding order that is shown
// at pts. The decoding times grow, and none is later than its presentation
// time. A picture that comes later than the depth allows is shown as soon as
// that can be, and the depth becomes greater.
func (d *DTS) Next(pts time.Duration) (dts, shown time.Duration) {
	if !d.started {
		d.started = true
		d.last = pts - time.Duration(d.depth+1)*dtsStep
		d.recent = append(d.recent[:0], pts)
		d.pad(d.depth)
		d.recent = slices.Delete(d.recent, d.depth, d.depth+1)
	}
	dts = d.last
	if pts <= d.last && d.depth < MaxReorder {
		d.depth++
		d.insert(d.last)
	} else {
		d.insert(pts)
		dts = d.recent[0]
		d.recent = slices.Delete(d.recent, 0, 1)
	}
	d.last = max(dts, d.last+dtsStep)
	return d.last, max(pts, d.last)
}

// insert puts a time into recent, in its place.
func (d *DTS) insert(pts time.Duration) {
	i, _ := slices.BinarySearch(d.recent, pts)
	d.recent = slices.Insert(d.recent, i, pts)
}

// pad puts n times before recent, evenly after the last decoding time.
func (d *DTS) pad(n int) {
	room := dtsStep * time.Duration(n+1)
	if len(d.recent) > 0 {
		room = d.recent[0] - d.last
	}
	for i := range n {
		d.recent = slices.Insert(d.recent, i, d.last+room*time.Duration(i+1)/time.Duration(n+1))
	}
}

// ReorderDepth returns the reordering depth of a track by its parameter sets,
// 0 when they cannot be read and for other codecs.
func ReorderDepth(t *media.Track) int {
	switch t.Codec {
	case media.H264:
		c, err := h264.ParseConfig(t.Config)
		if err != nil || len(c.SPS) == 0 {
			return 0
		}
		s, err := h264.ParseSPS(c.SPS[0])
		if err != nil {
			return 0
		}
		return s.MaxReorder
	case media.H265:
		c, err := h265.ParseConfig(t.Config)
		if err != nil || len(c.Units(h265.TypeSPS)) == 0 {
			return 0
		}
		s, err := h265.ParseSPS(c.Units(h265.TypeSPS)[0])
		if err != nil {
			return 0
		}
		return s.MaxReorder
	default:
		return 0
	}
}
