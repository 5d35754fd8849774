// Package opus reads Opus packets and headers: the table of contents of a
// packet (RFC 6716 section 3) and the identification header (RFC 7845 section
// 5.1). It holds no decoder.
package opus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/server/media"
)

const (
	// ClockRate is the clock of Opus in Hz, whatever the sound's bandwidth
	// (RFC 7587 4.1).
	ClockRate = 48000

	// MaxSamples is the samples per channel, at ClockRate, of the longest
	// packet: 120 ms (RFC 6716 3.2.5).
	MaxSamples = 5760

	// MaxFrames is the number of frames of the fullest packet.
	MaxFrames = 48
)

// samples gives a frame's samples at ClockRate by the TOC's configuration
// number (RFC 6716 table 2): 10, 20, 40, 60 ms for SILK, 10, 20 ms for Hybrid,
// 2.5, 5, 10, 20 ms for CELT.
func samples(config byte) int {
	switch {
	case config < 12:
		return [...]int{480, 960, 1920, 2880}[config&3]
	case config < 16:
		return [...]int{480, 960}[config&1]
	default:
		return [...]int{120, 240, 480, 960}[config&3]
	}
}

// Frames returns the number of frames in a packet, 1 to MaxFrames, by its TOC.
func Frames(packet []byte) (int, error) {
	if len(packet) == 0 {
		return 0, fmt.Errorf("opus: empty packet: %w", io.ErrUnexpectedEOF)
	}
	switch packet[0] & 3 {
	case 0:
		return 1, nil
	case 1, 2:
		return 2, nil
	}
	if len(packet) < 2 {
		return 0, fmt.Errorf("opus: packet without frame count: %w", io.ErrUnexpectedEOF)
	}
	n := int(packet[1] & 0x3f)
	if n == 0 || n*samples(packet[0]>>3) > MaxSamples {
		return 0, errors.New("opus: packet with no frame or over 120 ms")
	}
	return n, nil
}

// Samples returns the length of a packet in samples per channel at ClockRate,
// by its TOC: at most MaxSamples.
func Samples(packet []byte) (int, error) {
	n, err := Frames(packet)
	if err != nil {
		return 0, err
	}
	return n * samples(packet[0]>>3), nil
}

// Duration returns the length of a packet, by its TOC: 2.5 to 120 ms.
func Duration(packet []byte) (time.Duration, error) {
	n, err := Samples(packet)
	return media.FromClock(int64(n), ClockRate), err
}

// Head is an identification header.
type Head struct {
	Channels   uint8  // output channels, 1 to 255
	PreSkip    uint16 // samples at ClockRate to throw away at the start
	InputRate  uint32 // rate of the encoder's input in Hz, 0 when unknown; a remark
	OutputGain int16  // dB in Q7.8

	// Family is the channel mapping family: 0 for mono and stereo, 1 for the
	// surround layouts of Vorbis, 255 for no layout. The rest is there for
	// families other than 0.
	Family           uint8
	Streams, Coupled uint8
	Mapping          []uint8 // one entry per channel
}

const (
	magic    = "OpusHead"
	headSize = 19
)

// ParseHead reads an identification header.
func ParseHead(b []byte) (*Head, error) {
	if len(b) < headSize {
		return nil, fmt.Errorf("opus: identification header of %d bytes: %w", len(b), io.ErrUnexpectedEOF)
	}
	if string(b[:8]) != magic {
		return nil, errors.New("opus: identification header does not start with OpusHead")
	}
	if b[8]&0xf0 != 0 {
		return nil, fmt.Errorf("opus: identification header of version %d", b[8])
	}
	h := &Head{
		Channels:   b[9],
		PreSkip:    binary.LittleEndian.Uint16(b[10:]),
		InputRate:  binary.LittleEndian.Uint32(b[12:]),
		OutputGain: int16(binary.LittleEndian.Uint16(b[16:])), //nolint:gosec // the field is signed
		Family:     b[18],
	}
	if h.Channels == 0 || h.Family == 0 && h.Channels > 2 {
		return nil, fmt.Errorf("opus: identification header with %d channels in mapping family %d", h.Channels, h.Family)
	}
	if h.Family == 0 {
		return h, nil
	}
	if len(b) < headSize+2+int(h.Channels) {
		return nil, fmt.Errorf("opus: channel mapping table: %w", io.ErrUnexpectedEOF)
	}
	h.Streams, h.Coupled = b[headSize], b[headSize+1]
	if h.Streams == 0 || h.Coupled > h.Streams || int(h.Streams)+int(h.Coupled) > 255 {
		return nil, fmt.Errorf("opus: channel mapping table with %d streams, %d of them coupled", h.Streams, h.Coupled)
	}
	h.Mapping = append(h.Mapping, b[headSize+2:headSize+2+int(h.Channels)]...)
	for _, m := range h.Mapping {
		if m != 255 && int(m) >= int(h.Streams)+int(h.Coupled) {
			return nil, fmt.Errorf("opus: channel mapped to stream %d of %d", m, h.Streams)
		}
	}
	return h, nil
}

// Append appends the header's bytes to dst. Mapping must have Channels entries
// unless Family is 0.
func (h *Head) Append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, 1, h.Channels)
	dst = binary.LittleEndian.AppendUint16(dst, h.PreSkip)
	dst = binary.LittleEndian.AppendUint32(dst, h.InputRate)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.OutputGain)) //nolint:gosec // the field is signed
	dst = append(dst, h.Family)
	if h.Family != 0 {
		dst = append(dst, h.Streams, h.Coupled)
		dst = append(dst, h.Mapping...)
	}
	return dst
}

// NewHead returns the header of a stream with one or two channels that has no
// pre-skip, as a live stream joined anywhere has none.
func NewHead(channels int) *Head {
	return &Head{Channels: uint8(channels), InputRate: ClockRate} //nolint:gosec // one or two
}

// Track returns the track of an identification header, which it keeps without
// a copy; nil means two channels, as RFC 7587 does.
func Track(head []byte) (*media.Track, error) {
	t := &media.Track{Codec: media.Opus, Config: head, SampleRate: ClockRate, Channels: 2}
	if head == nil {
		return t, nil
	}
	h, err := ParseHead(head)
	if err != nil {
		return nil, err
	}
	t.Channels = int(h.Channels)
	return t, nil
}
