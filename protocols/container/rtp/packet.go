package rtp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the size in bytes of an RTP header without CSRCs and
// extension (RFC 3550 5.1).
const HeaderSize = 12

// ErrMalformed is returned for bytes that do not follow the specification of
// the header or of the payload format.
var ErrMalformed = errors.New("rtp: malformed")

// Packet is one RTP packet (RFC 3550 5.1), without contributing sources and
// header extension, which nothing here reads.
type Packet struct {
	Payload     []byte // without padding; empty in packets that only probe the network
	Timestamp   uint32 // sampling instant, in ticks of the format's clock
	SSRC        uint32
	Sequence    uint16
	PayloadType uint8 // 0 to 127
	Marker      bool
}

// Parse reads the RTP packet that b holds. Its payload aliases b. It passes
// over contributing sources, header extension and padding.
func Parse(b []byte) (Packet, error) {
	if len(b) < HeaderSize {
		return Packet{}, fmt.Errorf("%w: packet of %d bytes", ErrMalformed, len(b))
	}
	if v := b[0] >> 6; v != 2 {
		return Packet{}, fmt.Errorf("%w: RTP version %d", ErrMalformed, v)
	}
	p := Packet{
		Marker:      b[1]&0x80 != 0,
		PayloadType: b[1] & 0x7f,
		Sequence:    binary.BigEndian.Uint16(b[2:]),
		Timestamp:   binary.BigEndian.Uint32(b[4:]),
		SSRC:        binary.BigEndian.Uint32(b[8:]),
	}
	start, end := HeaderSize+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 {
		if start+4 > end {
			return Packet{}, fmt.Errorf("%w: header extension ends early", ErrMalformed)
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	if b[0]&0x20 != 0 {
		padding := int(b[end-1])
		if padding == 0 {
			return Packet{}, fmt.Errorf("%w: padding of no bytes", ErrMalformed)
		}
		end -= padding
	}
	if start > end {
		return Packet{}, fmt.Errorf("%w: header is longer than the packet", ErrMalformed)
	}
	p.Payload = b[start:end:end]
	return p, nil
}

// Append appends the packet as it goes over the wire.
func (p *Packet) Append(dst []byte) []byte {
	return append(p.AppendHeader(dst), p.Payload...)
}

// AppendHeader appends the packet's header, HeaderSize bytes.
func (p *Packet) AppendHeader(dst []byte) []byte {
	second := p.PayloadType & 0x7f
	if p.Marker {
		second |= 0x80
	}
	dst = append(dst, 0x80, second)
	dst = binary.BigEndian.AppendUint16(dst, p.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, p.Timestamp)
	return binary.BigEndian.AppendUint32(dst, p.SSRC)
}
