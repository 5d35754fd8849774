package rtp

import (
	"encoding/binary"
	"fmt"

	"sluice/protocols/codec/mpa"
	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

// soundDepacketizer takes formats whose packets each hold sound that can be
// decoded by itself: PCMA, PCMU, G722 and L16 (RFC 3551 4.5), and Opus
// (RFC 7587), where a packet is one Opus packet.
type soundDepacketizer struct {
	track *media.Track
	check func(payload []byte) error
	lost  bool
}

// Append implements Depacketizer. The units alias the packets.
func (d *soundDepacketizer) Append(dst []Unit, p Packet, lost bool) ([]Unit, error) {
	d.lost = d.lost || lost
	if len(p.Payload) == 0 {
		return dst, nil
	}
	if err := d.check(p.Payload); err != nil {
		d.lost = true
		return dst, err
	}
	dst = append(dst, Unit{Track: d.track, Payload: p.Payload, Timestamp: p.Timestamp, Lost: d.lost})
	d.lost = false
	return dst, nil
}

// Track implements Depacketizer.
func (d *soundDepacketizer) Track() *media.Track { return d.track }

// Flush implements Depacketizer.
func (d *soundDepacketizer) Flush(dst []Unit) []Unit { return dst }

// checkSamples accepts whole samples of size bytes.
func checkSamples(size int) func([]byte) error {
	return func(payload []byte) error {
		if len(payload)%size != 0 {
			return fmt.Errorf("%w: %d bytes are no whole number of samples", ErrMalformed, len(payload))
		}
		return nil
	}
}

// checkOpus accepts what has the frame count of an Opus packet.
func checkOpus(payload []byte) error {
	if _, err := opus.Frames(payload); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// mpaDepacketizer takes MPEG audio (RFC 2250 3.5): packets of whole frames, or
// fragments of one.
type mpaDepacketizer struct {
	track *media.Track
	lost  bool

	frame     []byte // fragments that came so far
	size      int    // of the whole frame, 0 when none is in the making
	timestamp uint32 // of it
}

// Append implements Depacketizer.
func (d *mpaDepacketizer) Append(dst []Unit, p Packet, lost bool) ([]Unit, error) {
	if lost {
		d.drop()
	}
	if len(p.Payload) == 0 {
		return dst, nil
	}
	if len(p.Payload) <= mpaHeader {
		d.drop()
		return dst, fmt.Errorf("%w: MPEG audio payload of %d bytes", ErrMalformed, len(p.Payload))
	}
	offset, data := int(binary.BigEndian.Uint16(p.Payload[2:])), p.Payload[mpaHeader:]
	if d.size > 0 {
		return d.join(dst, offset, data)
	}
	if offset > 0 {
		d.drop() // its start was lost
		return dst, nil
	}
	return d.split(dst, p.Timestamp, data)
}

// Track implements Depacketizer.
func (d *mpaDepacketizer) Track() *media.Track { return d.track }

// Flush implements Depacketizer.
func (d *mpaDepacketizer) Flush(dst []Unit) []Unit { return dst }

func (d *mpaDepacketizer) drop() { d.frame, d.size, d.lost = d.frame[:0], 0, true }

// split takes the frames of a packet; the last may be a fragment.
func (d *mpaDepacketizer) split(dst []Unit, timestamp uint32, data []byte) ([]Unit, error) {
	for len(data) > 0 {
		h, err := mpa.ParseHeader(data)
		if err != nil {
			d.drop()
			return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if h.Size > len(data) {
			d.frame, d.size, d.timestamp = append(d.frame[:0], data...), h.Size, timestamp
			return dst, nil
		}
		dst = d.unit(dst, timestamp, h, data[:h.Size:h.Size])
		data = data[h.Size:]
		timestamp += uint32(media.ToClock(media.FromClock(int64(h.Samples), h.SampleRate), 90000))
	}
	return dst, nil
}

// join takes a further fragment.
func (d *mpaDepacketizer) join(dst []Unit, offset int, data []byte) ([]Unit, error) {
	if offset != len(d.frame) || offset+len(data) > d.size {
		d.drop()
		return dst, fmt.Errorf("%w: MPEG audio fragment at %d", ErrMalformed, offset)
	}
	d.frame = append(d.frame, data...)
	if len(d.frame) < d.size {
		return dst, nil
	}
	h, err := mpa.ParseHeader(d.frame)
	if err != nil {
		d.drop()
		return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	dst = d.unit(dst, d.timestamp, h, d.frame)
	d.frame, d.size = nil, 0
	return dst, nil
}

// unit appends one frame, and a new track when the stream has changed.
func (d *mpaDepacketizer) unit(dst []Unit, timestamp uint32, h mpa.Header, frame []byte) []Unit {
	if !h.Of(d.track) {
		d.track = h.Track()
	}
	dst = append(dst, Unit{Track: d.track, Payload: frame, Timestamp: timestamp, Lost: d.lost})
	d.lost = false
	return dst
}
