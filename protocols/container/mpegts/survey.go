package mpegts

import (
	"bufio"
	"errors"
	"io"
	"time"
)

// Extent is what Survey finds in a file.
type Extent struct {
	// Size is what is whole of the file, in bytes: a number of packets. Where
	// the file was cut inside a packet, the picture that the packet belongs to is
	// left out too.
	Size int64
	// Duration is from the first decoding time to the last, and the interval
	// before that; 0 where there are no times.
	Duration time.Duration
}

// Survey walks the packets of a file of size bytes, as a Muxer wrote it, up to the
// first that is none. That the file ends anywhere is no error; an error of r is.
func Survey(r io.ReaderAt, size int64) (Extent, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64*PacketSize)
	var b [PacketSize]byte
	var x Extent
	var unit int64 // where the last PES packet begins
	var t span
	var clock unwrapper
	for {
		_, err := io.ReadFull(in, b[:])
		switch {
		case errors.Is(err, io.EOF):
			x.Duration = t.duration()
			return x, nil
		case errors.Is(err, io.ErrUnexpectedEOF), err == nil && b[0] != syncByte:
			t.undo()
			return Extent{Size: unit, Duration: t.duration()}, nil
		case err != nil:
			return Extent{}, err
		}
		if dts, ok := unitTime(b[:]); ok {
			unit = x.Size
			t.add(clock.unwrap(dts))
		}
		x.Size += PacketSize
	}
}

// span is the time from the first unit to the last.
type span struct {
	begun                   bool
	first, last, prev, step time.Duration
}

func (s *span) add(at time.Duration) {
	if !s.begun {
		s.begun, s.first, s.last = true, at, at
	}
	s.prev = s.last
	if at > s.last {
		s.step, s.last = min(at-s.last, time.Second), at
	}
	s.first = min(s.first, at)
}

// undo takes the last unit back.
func (s *span) undo() { s.last = s.prev }

func (s *span) duration() time.Duration { return s.last - s.first + s.step }

// unitTime returns the decoding time of the PES packet that begins in a
// transport packet, on the 90 kHz clock.
func unitTime(b []byte) (dts uint64, ok bool) {
	p, payload, err := parsePacket(b)
	if err != nil || !p.start {
		return 0, false
	}
	h, err := parsePES(payload)
	return h.dts, err == nil && h.hasPTS
}
