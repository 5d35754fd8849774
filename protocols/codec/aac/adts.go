package aac

import (
	"errors"
	"fmt"
	"io"

	"sluice/protocols/codec/bits"
)

// ADTSHeaderSize is the size of an ADTS header without checksum, in bytes.
const ADTSHeaderSize = 7

// MaxADTSFrame is the largest frame that an ADTS header can announce,
// including the header, in bytes.
const MaxADTSFrame = 1<<13 - 1

// ErrNoSync is returned for bytes that do not start with an ADTS sync word.
var ErrNoSync = errors.New("aac: no ADTS sync word")

// ADTS is the header of an ADTS frame (1.A.2.2).
type ADTS struct {
	MPEG2         bool       // the ID bit: MPEG-2 AAC (ISO/IEC 13818-7)
	ObjectType    ObjectType // Main, LC, SSR or LTP
	SampleRate    int        // in Hz
	ChannelConfig uint8      // 0 to 7; with 0 the raw data block has a PCE
	HeaderSize    int        // 7, or with a checksum 9 or more
	FrameSize     int        // bytes of header and data
	Blocks        int        // raw data blocks in the frame, 1 to 4
}

// ParseADTS reads the header at the start of b. The frame itself may be cut
// short; its data is b[HeaderSize:FrameSize].
func ParseADTS(b []byte) (ADTS, error) {
	if len(b) < 2 {
		return ADTS{}, fmt.Errorf("aac: ADTS header: %w", io.ErrUnexpectedEOF)
	}
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 {
		return ADTS{}, ErrNoSync
	}
	r := bits.NewReader(b[1:])
	r.Skip(4)
	h := ADTS{MPEG2: r.Flag()}
	r.Skip(2) // layer
	checksum := !r.Flag()
	h.ObjectType = ObjectType(r.Uint(2)) + 1
	rate := r.Uint(4)
	r.Skip(1)
	h.ChannelConfig = uint8(r.Uint(3))
	r.Skip(4)
	h.FrameSize = int(r.Uint(13))
	r.Skip(11) // adts_buffer_fullness
	h.Blocks = int(r.Uint(2)) + 1
	if r.Err() != nil {
		return ADTS{}, fmt.Errorf("aac: ADTS header: %w", io.ErrUnexpectedEOF)
	}
	if int(rate) >= len(rates) {
		return ADTS{}, fmt.Errorf("aac: ADTS header with reserved rate index %d", rate)
	}
	h.SampleRate = rates[rate]
	h.HeaderSize = ADTSHeaderSize
	if checksum {
		h.HeaderSize += 2 * h.Blocks // block positions, then one checksum
	}
	if h.FrameSize < h.HeaderSize {
		return ADTS{}, fmt.Errorf("aac: ADTS frame of %d bytes is smaller than its header", h.FrameSize)
	}
	return h, nil
}

// Config returns the AudioSpecificConfig of the stream that the header belongs
// to. A stream of channel configuration 0 has none without its PCE.
func (h ADTS) Config() (*Config, error) {
	if h.ChannelConfig == 0 {
		return nil, errors.New("aac: ADTS header of channel configuration 0 does not tell the channels")
	}
	return &Config{ObjectType: h.ObjectType, SampleRate: h.SampleRate, ChannelConfig: h.ChannelConfig, FrameLength: 1024}, nil
}

// AppendADTS appends the header of a frame with size bytes of data, in the
// MPEG-4 form without checksum. A config that ADTS has no code for (object
// types above 4, rates outside the table, channel configurations above 7) and
// a frame over MaxADTSFrame are errors.
func AppendADTS(dst []byte, c *Config, size int) ([]byte, error) {
	index, ok := RateIndex(c.SampleRate)
	if !ok || c.ObjectType < Main || c.ObjectType > LTP || c.ChannelConfig > 7 || c.FrameLength == 960 {
		return dst, fmt.Errorf("aac: ADTS cannot express object type %d at %d Hz with channel configuration %d and frames of %d samples",
			c.ObjectType, c.SampleRate, c.ChannelConfig, c.FrameLength)
	}
	frame := size + ADTSHeaderSize
	if size < 0 || frame > MaxADTSFrame {
		return dst, fmt.Errorf("aac: frame of %d bytes is too large for ADTS", size)
	}
	channel := c.ChannelConfig
	return append(dst,
		0xff, 0xf1,
		byte(c.ObjectType-1)<<6|index<<2|channel>>2,
		channel<<6|byte(frame>>11),
		byte(frame>>3),
		byte(frame<<5)|0x1f, // buffer fullness 0x7ff: variable rate
		0xfc), nil
}
