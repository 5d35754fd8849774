// Package mpa reads the frame header of MPEG audio, layers II and III (ISO/IEC
// 11172-3 2.4.1.3, 13818-3, and the customary MPEG 2.5 for the lowest rates).
package mpa

import (
	"errors"
	"fmt"
	"io"

	"sluice/server/media"
)

// HeaderSize is the size of a frame header in bytes.
const HeaderSize = 4

// ErrNoSync is returned for bytes that do not start with a frame's sync word.
var ErrNoSync = errors.New("mpa: no frame sync word")

// Mode says how the channels of a frame are coded (2.4.2.3).
type Mode uint8

// The modes by their code.
const (
	Stereo Mode = iota
	JointStereo
	DualChannel
	Mono
)

// Header is a frame header.
type Header struct {
	Layer      int  // 2 or 3
	LowRate    bool // MPEG-2 or 2.5: below 32 kHz
	Protected  bool // a checksum of 16 bits follows the header
	SampleRate int  // in Hz
	Mode       Mode
	Extension  uint8 // mode_extension: what of joint stereo is used
	Channels   int   // 1 or 2
	BitRate    int   // in bit/s
	Samples    int   // per channel: 1152, or 576 of layer III below 32 kHz
	Size       int   // bytes of the frame, with its header
}

// bitRates are in kbit/s by index: of layer II, of layer III, and of both at
// the lower rates.
var bitRates = [3][15]int{
	{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}

// ParseHeader reads the header at the start of b. The frame itself may be cut
// short. Free format, whose frames do not tell their size, is refused.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("mpa: frame header: %w", io.ErrUnexpectedEOF)
	}
	if b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return Header{}, ErrNoSync
	}
	version, layer := b[1]>>3&3, 4-int(b[1]>>1&3)
	if version == 1 || layer != 2 && layer != 3 {
		return Header{}, errors.New("mpa: not a frame of layer II or III")
	}
	bitRate, rate := b[2]>>4, b[2]>>2&3
	if bitRate == 0 || bitRate == 15 || rate == 3 {
		return Header{}, errors.New("mpa: frame header with free or reserved bit rate, or reserved sample rate")
	}
	h := Header{
		Layer: layer, LowRate: version != 3, Protected: b[1]&1 == 0,
		SampleRate: [...]int{44100, 48000, 32000}[rate], Mode: Mode(b[3] >> 6), Extension: b[3] >> 4 & 3,
		Channels: 2, Samples: 1152,
	}
	switch version {
	case 2: // MPEG-2
		h.SampleRate /= 2
	case 0: // MPEG 2.5
		h.SampleRate /= 4
	}
	table := layer - 2
	if h.LowRate {
		table = 2
		if layer == 3 {
			h.Samples = 576
		}
	}
	if h.Mode == Mono {
		h.Channels = 1
	}
	h.BitRate = bitRates[table][bitRate] * 1000
	padding := int(b[2] >> 1 & 1)
	h.Size = h.Samples/8*h.BitRate/h.SampleRate + padding
	return h, nil
}

// Codec returns the codec that frames with this header are of.
func (h Header) Codec() media.Codec {
	if h.Layer == 2 {
		return media.MP2
	}
	return media.MP3
}

// Of reports whether a frame with this header belongs to the track.
func (h Header) Of(t *media.Track) bool {
	return t != nil && t.Codec == h.Codec() && t.SampleRate == h.SampleRate && t.Channels == h.Channels
}

// Track returns the track of a stream of frames with this header.
func (h Header) Track() *media.Track {
	return &media.Track{Codec: h.Codec(), SampleRate: h.SampleRate, Channels: h.Channels}
}
