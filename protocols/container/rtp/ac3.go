package rtp

import (
	"fmt"

	"sluice/protocols/codec/ac3"
	"sluice/server/media"
)

// ac3Header is the size of the header before AC-3 frames: the frame type, and
// the number of frames, or of the fragments of one (RFC 4184 4.1.1).
const ac3Header = 2

// Frame types.
const (
	ac3Whole   = iota // one or more frames
	ac3Start          // a first fragment with five eighths of the frame or more
	ac3Little         // a shorter first fragment
	ac3Further        // a fragment that is not the first
)

// ac3Packetizer packs AC-3 (RFC 4184), one frame per packet; too large ones are
// fragmented. The first fragment is as long as can be: from five eighths of a
// frame on a receiver can make something of it alone.
type ac3Packetizer struct{ size int }

// Append implements Packetizer.
func (z ac3Packetizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	n := len(p.Payload)
	size := z.size - ac3Header
	parts := (n + size - 1) / size
	if n == 0 || parts > 0xff {
		return dst, fmt.Errorf("%w: AC-3 frame of %d bytes", ErrMalformed, n)
	}
	buf := make([]byte, 0, n+parts*ac3Header)
	for start := 0; start < n; start += size {
		end, kind := min(start+size, n), byte(ac3Further)
		switch {
		case parts == 1:
			kind = ac3Whole
		case start == 0 && end >= (n*5+7)/8:
			kind = ac3Start
		case start == 0:
			kind = ac3Little
		}
		from := len(buf)
		buf = append(buf, kind, byte(parts))
		buf = append(buf, p.Payload[start:end]...)
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)], Marker: end == n})
	}
	return dst, nil
}

// ac3Depacketizer takes AC-3 (RFC 4184): packets of whole frames, or fragments
// of one.
type ac3Depacketizer struct {
	clock int
	track *media.Track
	lost  bool

	frame     []byte // fragments that came so far
	head      ac3.Header
	timestamp uint32 // of it
}

// Append implements Depacketizer.
func (d *ac3Depacketizer) Append(dst []Unit, p Packet, lost bool) ([]Unit, error) {
	if lost {
		d.drop()
	}
	if len(p.Payload) == 0 {
		return dst, nil
	}
	if len(p.Payload) <= ac3Header {
		d.drop()
		return dst, fmt.Errorf("%w: AC-3 payload of %d bytes", ErrMalformed, len(p.Payload))
	}
	kind, data := p.Payload[0]&3, p.Payload[ac3Header:]
	if kind == ac3Further {
		return d.join(dst, data, p.Marker)
	}
	if len(d.frame) > 0 {
		d.drop() // its end was not sent
	}
	if kind == ac3Whole {
		return d.split(dst, p.Timestamp, data)
	}
	h, err := parseAC3(data)
	if err != nil || h.Size <= len(data) {
		d.drop()
		return dst, fmt.Errorf("%w: AC-3 fragment that starts no frame", ErrMalformed)
	}
	d.frame, d.head, d.timestamp = append(d.frame[:0], data...), h, p.Timestamp
	return dst, nil
}

// Track implements Depacketizer.
func (d *ac3Depacketizer) Track() *media.Track { return d.track }

// Flush implements Depacketizer.
func (d *ac3Depacketizer) Flush(dst []Unit) []Unit { return dst }

func (d *ac3Depacketizer) drop() { d.frame, d.lost = d.frame[:0], true }

// parseAC3 reads the header of a frame of AC-3, which is not E-AC-3.
func parseAC3(data []byte) (ac3.Header, error) {
	h, err := ac3.ParseHeader(data)
	if err == nil && h.Enhanced {
		err = fmt.Errorf("%w: E-AC-3 in AC-3", ErrMalformed)
	}
	return h, err
}

// split takes the frames of a packet.
func (d *ac3Depacketizer) split(dst []Unit, timestamp uint32, data []byte) ([]Unit, error) {
	for len(data) > 0 {
		h, err := parseAC3(data)
		if err != nil || h.Size > len(data) {
			d.drop()
			return dst, fmt.Errorf("%w: AC-3 packet that is no whole frames", ErrMalformed)
		}
		dst = d.unit(dst, timestamp, h, data[:h.Size:h.Size])
		data = data[h.Size:]
		timestamp += uint32(media.ToClock(media.FromClock(int64(h.Samples), h.SampleRate), d.clock))
	}
	return dst, nil
}

// join takes a further fragment.
func (d *ac3Depacketizer) join(dst []Unit, data []byte, last bool) ([]Unit, error) {
	if len(d.frame) == 0 {
		d.lost = true // its start was lost
		return dst, nil
	}
	whole := len(d.frame) + len(data)
	if whole > d.head.Size || last != (whole == d.head.Size) {
		d.drop()
		return dst, fmt.Errorf("%w: AC-3 fragments of %d bytes for a frame of %d", ErrMalformed, whole, d.head.Size)
	}
	d.frame = append(d.frame, data...)
	if last {
		dst = d.unit(dst, d.timestamp, d.head, d.frame)
		d.frame = nil
	}
	return dst, nil
}

// unit appends one frame, and a new track when the stream has changed.
func (d *ac3Depacketizer) unit(dst []Unit, timestamp uint32, h ac3.Header, frame []byte) []Unit {
	if d.track == nil || d.track.SampleRate != h.SampleRate || d.track.Channels != h.Channels {
		d.track = &media.Track{Codec: media.AC3, SampleRate: h.SampleRate, Channels: h.Channels}
	}
	dst = append(dst, Unit{Track: d.track, Payload: frame, Timestamp: timestamp, Lost: d.lost})
	d.lost = false
	return dst
}
