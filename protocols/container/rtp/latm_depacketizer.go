package rtp

import (
	"bytes"
	"fmt"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/bits"
	"sluice/server/media"
)

// latmDepacketizer takes AAC in LATM (RFC 6416): the packets up to a marker are
// one AudioMuxElement, which holds one or more access units.
type latmDepacketizer struct {
	inBand bool // AudioMuxElements may bring a StreamMuxConfig
	config *latmConfig
	track  *media.Track
	clock  int    // rate of the RTP clock in Hz
	ticks  uint32 // of an access unit

	element   unitBuffer
	timestamp uint32
	torn      bool // what comes up to the next marker lacks packets
	lost      bool
}

// Append implements Depacketizer.
func (d *latmDepacketizer) Append(dst []Unit, p Packet, lost bool) ([]Unit, error) {
	if lost {
		d.drop()
		d.torn = true
	}
	if len(p.Payload) == 0 {
		return dst, nil
	}
	if p.Timestamp != d.timestamp && len(d.element.b) > 0 {
		d.drop() // its end never came
	}
	d.timestamp = p.Timestamp
	if d.torn {
		d.torn = !p.Marker
		return dst, nil
	}
	if err := d.element.add(p.Payload...); err != nil {
		d.drop()
		d.torn = !p.Marker
		return dst, err
	}
	if !p.Marker {
		return dst, nil
	}
	units, err := d.split(dst, d.element.b)
	d.element.b = d.element.b[:0]
	if err != nil {
		d.drop()
		return dst, err
	}
	return units, nil
}

// Track implements Depacketizer.
func (d *latmDepacketizer) Track() *media.Track { return d.track }

// Flush implements Depacketizer.
func (d *latmDepacketizer) Flush(dst []Unit) []Unit { return dst }

func (d *latmDepacketizer) drop() { d.element.b, d.lost = d.element.b[:0], true }

// split takes the access units out of an AudioMuxElement (ISO/IEC 14496-3
// 1.7.3).
func (d *latmDepacketizer) split(dst []Unit, element []byte) ([]Unit, error) {
	r := bits.NewReader(element)
	if d.inBand && !r.Flag() { // useSameStreamMux
		c, err := readLATMConfig(r)
		if err != nil {
			return dst, err
		}
		if err := d.configure(c); err != nil {
			return dst, err
		}
	}
	if d.config == nil {
		return dst, fmt.Errorf("%w: LATM before its StreamMuxConfig", ErrNoConfig)
	}
	lost := d.lost
	for i := range d.config.subFrames {
		n := 0
		for more := true; more && r.Err() == nil; {
			part := r.Int(8)
			n += part
			more = part == 255
		}
		if r.Err() != nil || 8*n > r.Left() {
			return dst, fmt.Errorf("%w: LATM access unit of %d bytes ends early", ErrMalformed, n)
		}
		if n == 0 {
			continue
		}
		payload := r.AppendBytes(make([]byte, 0, n), n)
		dst = append(dst, Unit{
			Track: d.track, Payload: payload, Lost: lost,
			Timestamp: d.timestamp + uint32(i)*d.ticks,
		})
		lost = false
	}
	d.lost = lost
	return dst, nil
}

// configure takes a StreamMuxConfig, and makes a new track when it is not the
// one in force.
func (d *latmDepacketizer) configure(c *latmConfig) error {
	if d.config != nil && bytes.Equal(c.asc, d.config.asc) {
		d.config = c
		return nil
	}
	t, err := aac.Track(c.asc)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	d.config, d.track, d.ticks = c, t, aacTicks(c.asc, d.clock)
	return nil
}

// aacTicks returns the length of an access unit in ticks of a clock of the
// given rate in Hz: its frame length, that is 1024 unless the config tells
// otherwise, at the core coder's rate.
func aacTicks(asc []byte, clock int) uint32 {
	c, err := aac.ParseConfig(asc)
	if err != nil {
		return 1024
	}
	length := c.FrameLength
	if length == 0 {
		length = 1024
	}
	return uint32((int64(length)*int64(clock) + int64(c.SampleRate)/2) / int64(c.SampleRate))
}
