package hub

import (
	"context"
	"errors"

	"sluice/server/media"
	"sluice/server/ring"
)

// Subscription is a viewer's place in the log of one format. It is for one
// goroutine at a time.
type Subscription[U any] struct {
	viewer *Viewer
	format Format[U]
	cursor *ring.Cursor[U]
	log    *ring.Log[U]
	leave  func()
	broken bool
}

// Subscribe opens a format for a viewer. Close it before the viewer.
func Subscribe[U any](v *Viewer, f Format[U]) *Subscription[U] {
	s := &Subscription[U]{viewer: v, format: f}
	s.open()
	return s
}

func (s *Subscription[U]) open() {
	v, st := s.viewer, s.viewer.stream
	target := media.CodecUnknown
	if ts, ok := st.Tracks(); ok {
		target = st.hub.target(&ts, v.accept)
	}
	src, leave := st.open(target, s.format.Early)
	s.log = openWire(src, v.accept, s.format)
	log := s.log
	s.leave = func() {
		closeWire(src, v.accept, s.format, log)
		leave()
	}
	if s.cursor != nil {
		if last, ok := s.cursor.Last(); ok {
			s.cursor, s.broken = s.log.JoinAfter(last, v.Latency), true
			return
		}
	}
	s.cursor = s.log.Join(v.Latency)
	if s.format.Early {
		s.cursor = s.log.JoinOldest(v.Latency)
	}
}

// Wait blocks until Read has something. The error is the cause for which the
// viewer or the format's encoder has ended.
func (s *Subscription[U]) Wait() error { return s.WaitContext(s.viewer.ctx) }

// WaitContext is Wait that also ends with ctx, which should be derived from
// the viewer's.
func (s *Subscription[U]) WaitContext(ctx context.Context) error {
	for {
		err := s.cursor.Wait(ctx)
		if !errors.Is(err, errMoved) {
			return err
		}
		s.leave()
		s.format.Early = false // what is held may have been in the other codec
		s.open()
	}
}

// Read copies the next units into dst. Where skipped is not 0 the viewer was
// too slow and that many units are missing before dst[0], at which decoding
// can start.
func (s *Subscription[U]) Read(dst []U) (n, skipped int) {
	n, skipped = s.cursor.Read(dst)
	if skipped > 0 {
		s.broken = true
		s.viewer.jumps.Add(1)
		s.viewer.skipped.Add(int64(skipped))
	}
	s.viewer.packets.Add(int64(n))
	return n, skipped
}

// Broken reports, once, whether the units that Read has just returned do not
// follow those before them: the viewer was too slow, or reads another source now.
func (s *Subscription[U]) Broken() bool {
	broken := s.broken
	s.broken = false
	return broken
}

// Rewind goes back or on to the newest random access point, as a viewer does
// that has lost the picture; it reports whether there is one.
func (s *Subscription[U]) Rewind() bool { return s.cursor.Rewind() }

// Close gives the format back.
func (s *Subscription[U]) Close() { s.leave() }

// Items is the format of viewers that want the packets themselves.
func Items() Format[Item] {
	return Format[Item]{Key: "items", New: func() Encoder[Item] { return passItems{} }}
}

type passItems struct{}

func (passItems) Encode(i Item, emit func(Item, int)) error {
	size := packetOverhead
	if i.Packet != nil {
		size += len(i.Packet.Payload)
	}
	emit(i, size)
	return nil
}
