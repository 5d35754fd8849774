package mpegts

import (
	"errors"
	"time"

	"sluice/server/media"
)

// PacketSize is the size of a transport packet in bytes.
const PacketSize = 188

const (
	syncByte   = 0x47
	headerSize = 4
	bodySize   = PacketSize - headerSize

	pidPAT  = 0x0000
	pidPMT  = 0x1000 // ours
	pidNull = 0x1fff

	// ClockRate is the clock of PTS, DTS and the base of PCR, in Hz.
	ClockRate = 90000
	clockBits = 33
	clockMask = 1<<clockBits - 1
)

// ticks returns a time on the 90 kHz clock, wrapped to 33 bits.
func ticks(d time.Duration) uint64 {
	return uint64(media.ToClock(d, ClockRate)) & clockMask //nolint:gosec // wraps, as the field does
}

// errPacket is returned for a transport packet whose fields contradict each
// other.
var errPacket = errors.New("mpegts: malformed transport packet")

// packet is a transport packet (2.4.3.2) without its payload.
type packet struct {
	failed        bool // transport_error_indicator
	start         bool // payload_unit_start_indicator
	scrambled     bool
	pid           uint16
	counter       uint8
	hasPayload    bool
	discontinuity bool // discontinuity_indicator
	randomAccess  bool // random_access_indicator
	hasPCR        bool
	pcr           uint64 // on a clock of 27 MHz: base * 300 + extension
}

// parsePacket reads a packet of PacketSize bytes; the payload aliases it.
func parsePacket(b []byte) (p packet, payload []byte, err error) {
	if len(b) != PacketSize || b[0] != syncByte {
		return p, nil, errPacket
	}
	p = packet{
		failed:     b[1]&0x80 != 0,
		start:      b[1]&0x40 != 0,
		pid:        uint16(b[1]&0x1f)<<8 | uint16(b[2]),
		scrambled:  b[3]&0xc0 != 0,
		hasPayload: b[3]&0x10 != 0,
		counter:    b[3] & 0xf,
	}
	rest := b[headerSize:]
	if b[3]&0x20 != 0 {
		n := int(rest[0])
		if n > len(rest)-1 {
			return p, nil, errPacket
		}
		if err := p.parseAdaptation(rest[1 : 1+n]); err != nil {
			return p, nil, err
		}
		rest = rest[1+n:]
	}
	if !p.hasPayload {
		return p, nil, nil
	}
	return p, rest, nil
}

// The flags of an adaptation field (2.4.3.4).
const (
	flagDiscontinuity = 0x80
	flagRandomAccess  = 0x40
	flagPCR           = 0x10
)

const pcrSize = 6

// parseAdaptation reads an adaptation field after its length.
func (p *packet) parseAdaptation(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.discontinuity, p.randomAccess = b[0]&flagDiscontinuity != 0, b[0]&flagRandomAccess != 0
	if b[0]&flagPCR == 0 {
		return nil
	}
	if len(b) < 1+pcrSize {
		return errPacket
	}
	base := uint64(b[1])<<25 | uint64(b[2])<<17 | uint64(b[3])<<9 | uint64(b[4])<<1 | uint64(b[5])>>7
	p.hasPCR, p.pcr = true, base*300+uint64(b[5]&1)<<8+uint64(b[6])
	return nil
}

// appendPCR appends a program_clock_reference whose extension is 0.
func appendPCR(dst []byte, base uint64) []byte {
	return append(dst, byte(base>>25), byte(base>>17), byte(base>>9), byte(base>>1), byte(base<<7)|0x7e, 0)
}
