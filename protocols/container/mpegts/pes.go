package mpegts

import (
	"errors"
	"fmt"
	"io"
)

const (
	// pesFixed is the size of a PES header up to PES_header_data_length.
	pesFixed = 9
	// pesCounted is how much of it PES_packet_length does not count.
	pesCounted = 6
	// maxPESHeader is the size of the longest PES header.
	maxPESHeader = pesFixed + 255
	// stampSize is the size of a PTS or DTS field.
	stampSize = 5
)

var errPES = errors.New("mpegts: malformed PES header")

// pesHeader is the start of a PES packet (2.4.3.6).
type pesHeader struct {
	id      byte // stream_id
	length  int  // PES_packet_length; 0 where it's unbounded
	aligned bool // data_alignment_indicator
	hasPTS  bool
	pts     uint64 // on the 90 kHz clock, 33 bits
	dts     uint64 // pts where the header has none
	size    int    // of the header in bytes
}

// parsePES reads the header at the start of b. io.ErrUnexpectedEOF says that
// there must be more of it.
func parsePES(b []byte) (pesHeader, error) {
	if len(b) < pesCounted {
		return pesHeader{}, fmt.Errorf("mpegts: PES header: %w", io.ErrUnexpectedEOF)
	}
	if b[0] != 0 || b[1] != 0 || b[2] != 1 {
		return pesHeader{}, fmt.Errorf("%w: no start code", errPES)
	}
	h := pesHeader{id: b[3], length: int(b[4])<<8 | int(b[5]), size: pesCounted}
	if !hasPESFields(h.id) {
		return h, nil
	}
	if len(b) < pesFixed {
		return pesHeader{}, fmt.Errorf("mpegts: PES header: %w", io.ErrUnexpectedEOF)
	}
	if b[6]&0xc0 != 0x80 {
		return pesHeader{}, fmt.Errorf("%w: marker bits", errPES)
	}
	if h.aligned = b[6]&4 != 0; b[6]&0x30 != 0 {
		return pesHeader{}, fmt.Errorf("%w: scrambled", errPES)
	}
	stamps := b[7] >> 6
	n := int(b[8])
	h.size = pesFixed + n
	if len(b) < h.size {
		return pesHeader{}, fmt.Errorf("mpegts: PES header: %w", io.ErrUnexpectedEOF)
	}
	if h.length > 0 && h.length < h.size-pesCounted {
		return pesHeader{}, fmt.Errorf("%w: longer than its packet", errPES)
	}
	fields := b[pesFixed:h.size]
	if stamps&2 == 0 {
		return h, nil
	}
	if stamps == 3 && n < 2*stampSize || n < stampSize {
		return pesHeader{}, fmt.Errorf("%w: no room for its times", errPES)
	}
	h.hasPTS, h.pts = true, parseStamp(fields)
	h.dts = h.pts
	if stamps == 3 {
		h.dts = parseStamp(fields[stampSize:])
	}
	return h, nil
}

// hasPESFields reports whether the header of packets with this stream id goes on
// after PES_packet_length (table 2-21).
func hasPESFields(id byte) bool {
	switch id {
	case 0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff:
		return false
	}
	return true
}

func parseStamp(b []byte) uint64 {
	return uint64(b[0]>>1&7)<<30 | uint64(b[1])<<22 | uint64(b[2]>>1)<<15 | uint64(b[3])<<7 | uint64(b[4]>>1)
}

func appendStamp(dst []byte, prefix byte, v uint64) []byte {
	return append(dst, prefix<<4|byte(v>>29)&0xe|1, byte(v>>22), byte(v>>14)|1, byte(v>>7), byte(v<<1)|1)
}

// appendPES appends the header of a packet whose data has size bytes, with a
// DTS only where it differs from the PTS. The length is 0 where it does not fit.
func (h pesHeader) appendPES(dst []byte, size int) []byte {
	flags, n := byte(0x80), stampSize
	if h.dts != h.pts {
		flags, n = 0xc0, 2*stampSize
	}
	length := pesFixed - pesCounted + n + size
	if length > maxPESLength {
		length = 0
	}
	dst = append(dst, 0, 0, 1, h.id, byte(length>>8), byte(length), 0x84, flags, byte(n))
	if h.dts == h.pts {
		return appendStamp(dst, 2, h.pts)
	}
	return appendStamp(appendStamp(dst, 3, h.pts), 1, h.dts)
}

const maxPESLength = 1<<16 - 1
