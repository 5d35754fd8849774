package av1

import (
	"errors"
	"fmt"
	"io"

	"sluice/server/media"
)

// Config is an AV1CodecConfigurationRecord (AV1-ISOBMFF 2.3).
type Config struct {
	Profile      uint8 // seq_profile, 0 to 2
	Level        uint8 // seq_level_idx_0, 0 to 31
	HighTier     bool  // seq_tier_0
	HighBitDepth bool  // with TwelveBit: 12 bits, else 10
	TwelveBit    bool
	Monochrome   bool
	SubsamplingX bool
	SubsamplingY bool
	ChromaPos    uint8 // chroma_sample_position, 0 to 3

	// PresentationDelay is initial_presentation_delay_minus_one, nil when
	// absent.
	PresentationDelay *uint8

	// OBUs is configOBUs: a sequence header, and metadata perhaps; may be
	// empty.
	OBUs []byte
}

const (
	configSize = 4
	marker     = 0x81 // marker bit and version 1
)

// ParseConfig reads a record. OBUs aliases b.
func ParseConfig(b []byte) (*Config, error) {
	if len(b) < configSize {
		return nil, fmt.Errorf("av1: configuration record of %d bytes: %w", len(b), io.ErrUnexpectedEOF)
	}
	if b[0] != marker {
		return nil, errors.New("av1: configuration record has not version 1")
	}
	c := &Config{
		Profile: b[1] >> 5, Level: b[1] & 0x1f,
		HighTier: b[2]&0x80 != 0, HighBitDepth: b[2]&0x40 != 0, TwelveBit: b[2]&0x20 != 0, Monochrome: b[2]&0x10 != 0,
		SubsamplingX: b[2]&8 != 0, SubsamplingY: b[2]&4 != 0, ChromaPos: b[2] & 3,
	}
	if b[3]&0x10 != 0 {
		delay := b[3] & 0xf
		c.PresentationDelay = &delay
	}
	if len(b) > configSize {
		c.OBUs = b[configSize:]
	}
	return c, Check(c.OBUs)
}

// Append appends the record's bytes to dst.
func (c *Config) Append(dst []byte) []byte {
	var format, delay byte
	for i, set := range [...]bool{c.HighTier, c.HighBitDepth, c.TwelveBit, c.Monochrome, c.SubsamplingX, c.SubsamplingY} {
		if set {
			format |= 0x80 >> i
		}
	}
	if c.PresentationDelay != nil {
		delay = 0x10 | *c.PresentationDelay
	}
	dst = append(dst, marker, c.Profile<<5|c.Level, format|c.ChromaPos, delay)
	return append(dst, c.OBUs...)
}

// NewConfig returns the record for a stream with the given sequence header OBU.
func NewConfig(sequence OBU) (*Config, error) {
	s, err := ParseSequenceHeader(sequence.Data)
	if err != nil {
		return nil, err
	}
	return &Config{
		Profile: s.Profile, Level: s.Level, HighTier: s.HighTier,
		HighBitDepth: s.BitDepth > 8, TwelveBit: s.BitDepth == 12, Monochrome: s.Monochrome,
		SubsamplingX: s.SubsamplingX, SubsamplingY: s.SubsamplingY, ChromaPos: s.ChromaPos,
		OBUs: sequence.Append(nil),
	}, nil
}

// ConfigOf returns the record's bytes for the sequence header that stands in a
// temporal unit, nil when there is none that can be used.
func ConfigOf(payload []byte) []byte {
	for o := range Units(payload) {
		if o.Type != TypeSequenceHeader {
			continue
		}
		if c, err := NewConfig(o); err == nil {
			return c.Append(nil)
		}
	}
	return nil
}

// Codec returns the codec string of AV1-ISOBMFF 5, such as "av01.0.04M.08".
func (c *Config) Codec() string {
	tier, depth := 'M', 8
	if c.HighTier {
		tier = 'H'
	}
	switch {
	case c.HighBitDepth && c.TwelveBit:
		depth = 12
	case c.HighBitDepth:
		depth = 10
	}
	return fmt.Sprintf("av01.%d.%02d%c.%02d", c.Profile, c.Level, tier, depth)
}

// Track returns the track of a configuration record, which it keeps without a
// copy. The size is 0 when the record has no sequence header that can be read.
func Track(config []byte) (*media.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	t := &media.Track{Codec: media.AV1, Config: config}
	for o := range Units(c.OBUs) {
		if o.Type != TypeSequenceHeader {
			continue
		}
		if s, err := ParseSequenceHeader(o.Data); err == nil {
			t.Width, t.Height = s.Width, s.Height
		}
	}
	return t, nil
}
