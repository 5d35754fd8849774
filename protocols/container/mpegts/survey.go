package mpegts

import (
	"bufio"
	"errors"
	"io"
	"time"

	"sluice/server/media"
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
	for {
		_, err := io.ReadFull(in, b[:])
		switch {
		case errors.Is(err, io.EOF):
			x.Duration = t.duration()
			return x, nil
		case errors.Is(err, io.ErrUnexpectedEOF), err == nil && b[0] != 0x47:
			t.undo()
			return Extent{Size: unit, Duration: t.duration()}, nil
		case err != nil:
			return Extent{}, err
		}
		if dts, ok := unitTime(b[:]); ok {
			unit = x.Size
			t.add(dts)
		}
		x.Size += PacketSize
	}
}

// span is the time from the first unit to the last, in ticks.
type span struct {
	n                       int
	first, last, prev, step int64
}

func (s *span) add(dts int64) {
	if s.n == 0 {
		s.first, s.last = dts, dts
	}
	// The field has 33 bits; units are near each other.
	at := s.last + (dts-s.last)<<31>>31
	s.n++
	s.prev = s.last
	if at > s.last {
		s.step, s.last = min(at-s.last, ClockRate), at
	}
	s.first = min(s.first, at)
}

// undo takes the last unit back.
func (s *span) undo() { s.last = s.prev }

func (s *span) duration() time.Duration {
	if s.n == 0 {
		return 0
	}
	return media.FromClock(s.last-s.first+s.step, ClockRate)
}

// unitTime returns the decoding time of the PES packet that begins in a
// transport packet (2.4.3.2, 2.4.3.7), in ticks.
func unitTime(b []byte) (dts int64, ok bool) {
	const starts, payload, adaptation = 0x40, 0x10, 0x20
	if b[1]&starts == 0 || b[3]&payload == 0 {
		return 0, false
	}
	at := 4
	if b[3]&adaptation != 0 {
		at += 1 + int(b[4])
	}
	if at+19 > len(b) || b[at] != 0 || b[at+1] != 0 || b[at+2] != 1 {
		return 0, false
	}
	switch flags := b[at+7] >> 6; flags {
	case 2:
		return timestamp(b[at+9:]), true
	case 3:
		return timestamp(b[at+14:]), true
	}
	return 0, false
}

func timestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}
