// Package mp3 reads the frame header of MPEG audio layer III (ISO/IEC 11172-3
// 2.4.1.3, 13818-3, and the customary MPEG 2.5 for the lowest rates).
package mp3

import (
	"errors"
	"fmt"
	"io"

	"sluice/server/media"
)

// HeaderSize is the size of a frame header in bytes.
const HeaderSize = 4

// ErrNoSync is returned for bytes that do not start with a frame's sync word.
var ErrNoSync = errors.New("mp3: no frame sync word")

// Header is a frame header.
type Header struct {
	SampleRate int // in Hz
	Channels   int // 1 or 2
	BitRate    int // in bit/s
	Samples    int // per channel: 1152, or 576 below 32 kHz
	Size       int // bytes of the frame, with its header
}

// bitRates are in kbit/s by index, for MPEG-1 and for the lower rates.
var bitRates = [2][15]int{
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}

// ParseHeader reads the header at the start of b. The frame itself may be cut
// short. Free format, whose frames do not tell their size, is refused.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("mp3: frame header: %w", io.ErrUnexpectedEOF)
	}
	if b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return Header{}, ErrNoSync
	}
	version, layer := b[1]>>3&3, b[1]>>1&3
	if version == 1 || layer != 1 {
		return Header{}, errors.New("mp3: not a frame of layer III")
	}
	bitRate, rate := b[2]>>4, b[2]>>2&3
	if bitRate == 0 || bitRate == 15 || rate == 3 {
		return Header{}, errors.New("mp3: frame header with free or reserved bit rate, or reserved sample rate")
	}
	h := Header{SampleRate: [...]int{44100, 48000, 32000}[rate], Channels: 2, Samples: 1152}
	table := 0
	switch version {
	case 2: // MPEG-2
		h.SampleRate, h.Samples, table = h.SampleRate/2, 576, 1
	case 0: // MPEG 2.5
		h.SampleRate, h.Samples, table = h.SampleRate/4, 576, 1
	}
	if b[3]>>6 == 3 {
		h.Channels = 1
	}
	h.BitRate = bitRates[table][bitRate] * 1000
	padding := int(b[2] >> 1 & 1)
	h.Size = h.Samples/8*h.BitRate/h.SampleRate + padding
	return h, nil
}

// Track returns the track of a stream that has the given frame.
func Track(frame []byte) (*media.Track, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	return &media.Track{Codec: media.MP3, SampleRate: h.SampleRate, Channels: h.Channels}, nil
}
