package mpegts

import (
	"errors"
	"fmt"
	"io"

	"sluice/server/media"
)

// stage puts the PES packets of a PID together.
type stage struct {
	d    *Demuxer
	pid  uint16
	kind byte // stream_type
	max  int  // bytes of a PES packet
	sink sink

	counter   counter
	scrambled bool
	buf       []byte // of the open PES packet, with its header
	open      bool
	header    pesHeader
	parsed    bool
}

// sink takes the data of PES packets.
type sink interface {
	codec() media.Codec
	// inForce returns the track, nil while it is unknown.
	inForce() *media.Track
	// peek sees the start of a PES packet's data before push gets the whole.
	peek(start []byte)
	// push takes the data; it is good until push returns. sized says that the
	// header told where it ends.
	push(h pesHeader, data []byte, sized bool)
	// lose says that data is missing.
	lose()
	// flush gives out what waits for what comes.
	flush()
}

// push takes a transport packet's payload.
func (s *stage) push(p packet, payload []byte) {
	if p.scrambled {
		if !s.scrambled {
			s.scrambled = true
			s.fail(ErrScrambled)
		}
		s.counter.known = false
		return
	}
	s.scrambled = false
	switch s.counter.next(p, payload) {
	case repeated:
		return
	case gap:
		s.lost()
	}
	if !p.hasPayload {
		return
	}
	if p.start {
		s.finish()
		s.open, s.parsed, s.buf = true, false, s.buf[:0]
	}
	if !s.open {
		return
	}
	if len(s.buf)+len(payload) > s.max+maxPESHeader {
		s.fail(fmt.Errorf("%w: over %d bytes", ErrTooLarge, s.max))
		return
	}
	s.buf = append(s.buf, payload...)
	if !s.parsed && !s.parse() {
		return
	}
	if end := pesCounted + s.header.length; s.header.length > 0 && len(s.buf) >= end {
		s.open = false
		s.sink.push(s.header, s.buf[s.header.size:end], true)
	}
}

// parse reads the header once it is whole.
func (s *stage) parse() bool {
	h, err := parsePES(s.buf)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	if err != nil {
		s.fail(err)
		return false
	}
	s.header, s.parsed = h, true
	s.sink.peek(s.buf[h.size:])
	return true
}

// finish ends the open PES packet, which the next one, or the end of the stream,
// follows.
func (s *stage) finish() {
	if !s.open {
		return
	}
	s.open = false
	switch {
	case !s.parsed:
		s.fail(fmt.Errorf("%w: cut short", errPES))
	case s.header.length > 0:
		s.lost() // there would have been more
	default:
		s.sink.push(s.header, s.buf[s.header.size:], false)
	}
}

// lost says that packets are missing, and drops the open PES packet.
func (s *stage) lost() { s.fail(ErrLost) }

func (s *stage) fail(err error) {
	s.open = false
	s.d.fail(err)
	s.sink.lose()
}

// lose is lost for a loss that is known already.
func (s *stage) lose() {
	s.open, s.counter.known = false, false
	s.sink.lose()
}
