package rtp

import (
	"encoding/binary"
	"fmt"

	"sluice/server/media"
)

// opusPacketizer packs Opus (RFC 7587): one Opus packet is one payload.
type opusPacketizer struct{ size int }

// Append implements Packetizer.
func (z opusPacketizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	if n := len(p.Payload); n > z.size {
		return dst, fmt.Errorf("%w: Opus packet of %d bytes, and Opus cannot be divided", ErrTooLarge, n)
	}
	if len(p.Payload) == 0 {
		return dst, fmt.Errorf("%w: empty Opus packet", ErrMalformed)
	}
	return append(dst, Payload{Data: p.Payload}), nil
}

// samplePacketizer packs PCMA, PCMU, G722 (one byte per tick and channel) and
// L16 (two), RFC 3551 4.5. It divides between samples, and copies nothing.
type samplePacketizer struct {
	size  int
	bytes int // per tick and channel
}

// Append implements Packetizer.
func (z samplePacketizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	frame := z.bytes * max(p.Track.Channels, 1)
	if frame > z.size {
		return dst, fmt.Errorf("%w: one sample of %d channels", ErrTooLarge, p.Track.Channels)
	}
	if len(p.Payload)%frame != 0 || len(p.Payload) == 0 {
		return dst, fmt.Errorf("%w: %d bytes are no whole number of samples", ErrMalformed, len(p.Payload))
	}
	_, size := divide(len(p.Payload)/frame, z.size/frame)
	size *= frame
	for start := 0; start < len(p.Payload); start += size {
		end := min(start+size, len(p.Payload))
		dst = append(dst, Payload{Data: p.Payload[start:end:end], Ticks: uint32(start / frame)})
	}
	return dst, nil
}

// aacHeader is the size of the AU header section of mode AAC-hbr with one AU
// header: its length in bits, 13 bits of size and 3 of index (RFC 3640 3.3.6).
const aacHeader = 4

// aacMaxUnit is the largest size that 13 bits can say.
const aacMaxUnit = 1<<13 - 1

// aacPacketizer packs AAC in mode AAC-hbr (RFC 3640 3.3.6), one access unit per
// packet, so that no packet waits for the next; too large ones are fragmented.
type aacPacketizer struct{ size int }

// Append implements Packetizer.
func (z aacPacketizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	n := len(p.Payload)
	if n == 0 {
		return dst, fmt.Errorf("%w: empty AAC access unit", ErrMalformed)
	}
	if n > aacMaxUnit {
		return dst, fmt.Errorf("%w: AAC access unit of %d bytes", ErrTooLarge, n)
	}
	parts, size := divide(n, z.size-aacHeader)
	buf := make([]byte, 0, n+parts*aacHeader)
	for rest := p.Payload; len(rest) > 0; {
		part := rest[:min(size, len(rest))]
		rest = rest[len(part):]
		from := len(buf)
		buf = append(buf, 0, 16) // AU-headers-length
		buf = binary.BigEndian.AppendUint16(buf, uint16(n)<<3)
		buf = append(buf, part...)
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)], Marker: len(rest) == 0})
	}
	return dst, nil
}

// mpaHeader is the size of the header before MPEG audio: 16 zero bits and the
// fragment's offset in its frame (RFC 2250 3.5).
const mpaHeader = 4

// mpaPacketizer packs MPEG audio (RFC 2250 3.5), one frame per packet; too large ones
// are fragmented.
type mpaPacketizer struct{ size int }

// Append implements Packetizer.
func (z mpaPacketizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	n := len(p.Payload)
	if n == 0 || n > 0xffff {
		return dst, fmt.Errorf("%w: MPEG audio frame of %d bytes", ErrMalformed, n)
	}
	parts, size := divide(n, z.size-mpaHeader)
	buf := make([]byte, 0, n+parts*mpaHeader)
	for start := 0; start < n; start += size {
		from := len(buf)
		buf = binary.BigEndian.AppendUint32(buf, uint32(start))
		buf = append(buf, p.Payload[start:min(start+size, n)]...)
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)]})
	}
	return dst, nil
}
