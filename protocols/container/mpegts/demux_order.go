package mpegts

import (
	"bytes"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/server/media"
)

// order tells of H264 pictures which are two fields of one frame, and when one is
// shown that has no time of its own. It knows nothing while sps is nil.
type order struct {
	sps     *h264.SPS
	unit    []byte // of the SPS
	counter h264.Counter
	tick    time.Duration // of one count in display order, 0 when unknown
	delay   time.Duration // of an IDR picture between decoding and display
}

// see takes a sequence parameter set into force.
func (o *order) see(unit []byte) {
	if h264.TypeOf(unit) != h264.TypeSPS || bytes.Equal(unit, o.unit) {
		return
	}
	if sps, err := h264.ParseSPS(unit); err == nil {
		*o = order{sps: sps, unit: append(o.unit[:0], unit...)}
	}
}

// of reads a slice's header; ok is false where it can't be read.
func (o *order) of(slice []byte) (h264.Order, bool) {
	if o.sps == nil {
		return h264.Order{}, false
	}
	v, err := o.sps.Order(slice)
	return v, err == nil
}

// pairs reports whether a slice is of the second field of a frame whose first field
// begins with another.
func (o *order) pairs(first, slice []byte) bool {
	if o.sps == nil || !o.sps.Interlaced {
		return false
	}
	a, ok := o.of(first)
	b, also := o.of(slice)
	return ok && also && b.SecondOf(a)
}

// frame is how long a frame lasts by the SPS, 0 where it does not say.
func (o *order) frame() time.Duration {
	if o.sps == nil || o.sps.FrameRateNum == 0 || o.sps.FrameRateDen == 0 {
		return 0
	}
	d := time.Duration(float64(time.Second) * float64(o.sps.FrameRateDen) / float64(o.sps.FrameRateNum))
	if d <= 0 || d > time.Second {
		return 0
	}
	return d
}

// place finds a picture's place in display order by its first slice.
func (o *order) place(m *mark, slice []byte) {
	v, ok := o.of(slice)
	if m.ordered = ok && o.sps.PicOrderCntType == 0; m.ordered {
		m.count, m.idr = o.counter.Next(o.sps, v), v.IDR
	}
}

// learn takes note of how the counts of two pictures and their times go together,
// between which there is no IDR picture.
func (o *order) learn(told, m mark) {
	if m.idr {
		o.delay = m.pts - m.dts
		return
	}
	if n := m.count - told.count; told.ordered && m.ordered && n != 0 {
		if tick := (m.pts - told.pts) / time.Duration(n); tick > 0 && tick < time.Second {
			o.tick = tick
		}
	}
}

// shown returns when a picture is shown that is decoded at m.dts, by the one before
// it in decoding order.
func (o *order) shown(last, m mark, step time.Duration) time.Duration {
	switch {
	case m.idr:
		return m.dts + o.delay
	case !last.ordered || !m.ordered:
		return last.pts + step
	}
	tick := o.tick
	if tick == 0 {
		tick = step / 2
	}
	at := last.pts + time.Duration(m.count-last.count)*tick
	// To the tick of the clock, against what a division has left.
	return media.FromClock(media.ToClock(at, ClockRate), ClockRate)
}
