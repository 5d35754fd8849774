package mpegts

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

const (
	// largePES is the size from which a PES packet may have been cut for its
	// 16-bit length, so that its picture may go on in the next one.
	largePES = 60000
	// maxMarks bounds the PES packets of a picture, and maxUnits its NAL units.
	maxMarks = 4096
	maxUnits = 8192

	defaultStep = 40 * time.Millisecond
)

// pictures is the sink of H264 and H265.
type pictures struct {
	d     *Demuxer
	kind  media.Codec
	track *media.Track

	es      []byte // a byte stream that waits for the start of the next picture
	marks   []mark // the PES packets in it
	scanned int    // how much of it holds no slice for sure
	carries bool   // the stream's pictures go on from one PES packet to the next
	units   [][]byte

	order order // of H264

	wait    bool          // for a key frame
	leading bool          // pictures that are shown before shown refer to what was lost
	shown   time.Duration // PTS of the key frame
	last    mark          // times of the picture before
	told    mark          // those of the last one that had times of its own
	since   int           // how many pictures ago that was
	step    time.Duration // between pictures in decoding order, 0 when unknown
}

// mark is a PES packet in the byte stream.
type mark struct {
	at       int
	known    bool // it has times
	dts, pts time.Duration

	// Of a picture: its place in display order, where ordered says that it is known.
	ordered, idr bool
	count        int64
}

func newPictures(d *Demuxer, c media.Codec) *pictures {
	return &pictures{d: d, kind: c, wait: true}
}

func (s *pictures) codec() media.Codec    { return s.kind }
func (s *pictures) inForce() *media.Track { return s.track }

// peek lets the waiting picture out as soon as the next one begins.
func (s *pictures) peek(start []byte) {
	// A lone field waits for push to see whether the other one comes.
	if len(s.es) > 0 && s.begins(start) && s.loneField() == nil {
		s.flush()
	}
}

func (s *pictures) push(h pesHeader, data []byte, sized bool) {
	if len(data) == 0 {
		return
	}
	if len(s.es) > 0 {
		switch {
		case !s.begins(data):
			s.carries = true
		case !s.order.pairs(s.loneField(), s.firstSlice(data)):
			s.flush()
		}
	} else if s.continues(data) {
		// The picture before was taken for whole, since its PES packet told
		// its size. From now on each waits for the next.
		s.carries = true
		if !s.wait {
			s.d.fail(ErrLost)
			s.lose()
		}
		return
	}
	if len(s.es)+len(data) > s.d.maxPicture || len(s.marks) == maxMarks {
		s.d.fail(fmt.Errorf("%w: picture over %d bytes or %d PES packets", ErrTooLarge, s.d.maxPicture, maxMarks))
		s.lose()
		return
	}
	m := mark{at: len(s.es), known: h.hasPTS}
	if h.hasPTS {
		m.dts = s.d.clock.unwrap(h.dts)
		m.pts = s.d.clock.unwrap(h.pts)
	}
	s.marks = append(s.marks, m)
	s.es = append(s.es, data...)
	if sized && !s.carries && len(data) < largePES && s.loneField() == nil {
		s.flush()
	}
}

func (s *pictures) lose() {
	s.es, s.marks, s.scanned = s.es[:0], s.marks[:0], 0
	s.wait, s.told = true, mark{}
}

// begins reports whether the data starts a picture other than the waiting one.
func (s *pictures) begins(data []byte) bool {
	data = bytes.TrimLeft(data, "\x00")
	if len(data) < 4 || data[0] != 1 {
		return false
	}
	return s.starts(data[1:]) && s.hasSlice()
}

// continues reports whether the data is of the picture before.
func (s *pictures) continues(data []byte) bool {
	data = bytes.TrimLeft(data, "\x00")
	if len(data) < 4 || data[0] != 1 {
		return true
	}
	return s.isSlice(data[1:]) && !s.starts(data[1:])
}

// starts reports whether a unit can only be the first of a picture, when there
// is a slice before it (H.264 7.4.1.2.3, H.265 7.4.2.4.4).
func (s *pictures) starts(unit []byte) bool {
	if s.kind == media.H265 {
		switch t := h265.TypeOf(unit); {
		case t.IsSlice():
			return len(unit) > h265.HeaderSize && unit[h265.HeaderSize]&0x80 != 0 // first_slice_segment_in_pic_flag
		default:
			return t >= h265.TypeVPS && t <= h265.TypeAUD || t == h265.TypeSEIPrefix ||
				t >= 41 && t <= 44 || t >= 48 && t <= 55 // reserved and unspecified ones
		}
	}
	switch t := h264.TypeOf(unit); {
	case t.IsSlice():
		// first_mb_in_slice is 0: a code of one bit. Data partitions B and C
		// start with something else.
		return t != h264.TypeDataB && t != h264.TypeDataB+1 && len(unit) > 1 && unit[1]&0x80 != 0
	default:
		return t >= h264.TypeSEI && t <= h264.TypeAUD || t >= h264.TypePrefix && t <= 18
	}
}

// hasSlice reports whether the waiting bytes hold a slice.
func (s *pictures) hasSlice() bool {
	code := startCode[1:]
	for {
		i := bytes.Index(s.es[s.scanned:], code)
		if i < 0 {
			s.scanned = max(s.scanned, len(s.es)-len(code)+1)
			return false
		}
		unit := s.es[s.scanned+i+len(code):]
		if s.isSlice(unit) {
			return true
		}
		if len(unit) < maxUnitHeader {
			return false
		}
		s.scanned += i + len(code)
	}
}

// maxUnitHeader is what must be seen of a unit to tell its type.
const maxUnitHeader = h265.HeaderSize

func (s *pictures) isSlice(unit []byte) bool {
	if s.kind == media.H265 {
		return h265.TypeOf(unit).IsSlice()
	}
	return h264.TypeOf(unit).IsSlice()
}

// units iterates over the units of a byte stream, each with the place of its
// start code.
func units(es []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		const size = 3
		code := startCode[1:]
		at := bytes.Index(es, code)
		for at >= 0 {
			unit, next := es[at+size:], -1
			if n := bytes.Index(unit, code); n >= 0 {
				unit, next = unit[:n], at+size+n
			}
			if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 && !yield(at, unit) {
				return
			}
			at = next
		}
	}
}

// firstSlice returns the first slice in a byte stream, nil where there is none.
func (s *pictures) firstSlice(es []byte) []byte {
	for _, u := range units(es) {
		if s.isSlice(u) {
			return u
		}
	}
	return nil
}

// loneField returns the first slice of the waiting picture where that is one field
// of a frame, whose other one may come.
func (s *pictures) loneField() (lone []byte) {
	if s.kind != media.H264 || s.order.sps != nil && !s.order.sps.Interlaced {
		return nil
	}
	for _, u := range units(s.es) {
		s.order.see(u)
		if !s.isSlice(u) || !s.starts(u) {
			continue
		}
		if o, ok := s.order.of(u); !ok || !o.Field || lone != nil && s.order.pairs(lone, u) {
			lone = nil
		} else {
			lone = u
		}
	}
	return lone
}

// picture is one that flush finds.
type picture struct {
	m      mark
	slice  []byte // the first one, nil before it
	second int    // where in pictures.units the second field begins, 0 where there is none
}

// flush makes packets of the pictures that wait.
func (s *pictures) flush() {
	var p picture
	count, marks := 0, s.marks
	cut, cutAt := -1, 0 // where in s.units, and in s.es, the next picture may begin
	s.units = s.units[:0]
	for at, u := range units(s.es) {
		if count++; count > maxUnits {
			s.d.fail(fmt.Errorf("%w: over %d NAL units", ErrTooLarge, maxUnits))
			s.lose()
			return
		}
		if p.slice != nil && cut < 0 && s.starts(u) {
			cut, cutAt = len(s.units), at
		}
		if len(s.units) == 0 {
			p.m = markOf(&marks, at)
		}
		s.units = append(s.units, u)
		if s.kind == media.H264 {
			s.order.see(u)
		}
		switch {
		case !s.isSlice(u):
		case p.slice == nil:
			p.slice = u
		case cut < 0:
		case p.second == 0 && s.order.pairs(p.slice, u):
			p.second, cut = cut, -1
			markOf(&marks, cutAt) // the frame's time is that of its first field
		default:
			s.deliver(p, s.units[:cut])
			s.units = append(s.units[:0], s.units[cut:]...)
			p, cut = picture{m: markOf(&marks, cutAt), slice: u}, -1
		}
	}
	if cut >= 0 {
		s.units = s.units[:cut] // what follows has no slice
	}
	if p.slice != nil {
		s.deliver(p, s.units)
	}
	clear(s.units)
	s.es, s.marks, s.scanned = s.es[:0], s.marks[:0], 0
}

// markOf takes off the marks those up to a picture's place and returns the last
// one: a PES packet's times are those of the first picture that begins in it
// (2.4.3.7).
func markOf(marks *[]mark, at int) (m mark) {
	list := *marks
	for len(list) > 0 && list[0].at <= at {
		m, list = list[0], list[1:]
	}
	*marks = list
	return m
}

// deliver makes the packet of a picture's units.
func (s *pictures) deliver(p picture, list [][]byte) {
	size, sets := 0, setKinds(0)
	for _, u := range list {
		if !delimits(s.kind, u) {
			size += nal.LengthSize + len(u)
		}
		sets |= setKindOf(s.kind, u)
	}
	payload, first := make([]byte, 0, size), size
	for i, u := range list {
		if p.second > 0 && i == p.second {
			first = len(payload)
		}
		if !delimits(s.kind, u) {
			payload = nal.Append(payload, u)
		}
	}
	if sets == allSets(s.kind) {
		s.configure(payload)
	}
	m := p.m
	s.order.place(&m, p.slice)
	if m = s.time(m); !m.known {
		return
	}
	key := s.isKey(payload[:first]) // a second field may refer to the first
	switch {
	case s.track == nil || s.wait && !key:
		return
	case s.wait:
		// No picture that follows an IDR picture is shown before it.
		s.wait, s.leading, s.shown = false, s.kind == media.H265 || !h264.IsKey(payload), m.pts
	case s.leading && (key || m.pts >= s.shown):
		s.leading = false
	case s.leading && (s.kind == media.H264 || h265.IsRASL(payload)):
		return
	}
	s.d.emit(Event{Packet: &media.Packet{Track: s.track, DTS: m.dts, PTS: m.pts, Key: key, Payload: payload}})
}

// time completes a picture's times. One that has none of its own is decoded a
// picture later than the one before; how much that is the times of others tell,
// or else the SPS.
func (s *pictures) time(m mark) mark {
	s.since++
	if m.idr {
		s.told.ordered = false
	}
	switch {
	case m.known:
		m.pts = max(m.pts, m.dts)
		if d := (m.dts - s.told.dts) / time.Duration(s.since); s.told.known && d > 0 && d < time.Second {
			s.step = d
		}
		s.order.learn(s.told, m)
		s.told, s.since = m, 0
	case s.last.known:
		step := cmp.Or(s.step, s.order.frame(), defaultStep)
		m.known, m.dts = true, s.last.dts+step
		m.pts = max(m.dts, s.order.shown(s.last, m, step))
	}
	s.last = m
	return m
}

// configure takes the parameter sets of a picture into force.
func (s *pictures) configure(payload []byte) {
	configOf, trackOf := h264.ConfigOf, h264.Track
	if s.kind == media.H265 {
		configOf, trackOf = h265.ConfigOf, h265.Track
	}
	config := configOf(payload)
	if config == nil || s.track != nil && bytes.Equal(config, s.track.Config) {
		return
	}
	t, err := trackOf(config)
	if err != nil {
		return
	}
	s.track = t
	s.d.emit(Event{Track: t})
}

// isKey reports whether decoding can start at the picture: at what the codec says,
// and in H264 at a picture of I slices whose recovery point is itself, by which
// broadcasters start their groups.
func (s *pictures) isKey(payload []byte) bool {
	if s.kind == media.H265 {
		return h265.IsKey(payload)
	}
	return h264.IsKey(payload) || h264.IsRecovery(payload)
}
