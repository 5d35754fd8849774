package vp9

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"sluice/server/media"
)

// Config is a VPCodecConfigurationRecord, without the FullBox header that it
// has in a file.
type Config struct {
	Profile     uint8 // 0 to 3
	Level       uint8 // ten times the level, 10 to 62; 0 when unknown
	BitDepth    uint8 // 8, 10 or 12
	Subsampling uint8 // 0 4:2:0 with chroma between rows, 1 4:2:0 beside luma, 2 4:2:2, 3 4:4:4
	FullRange   bool
	Primaries   uint8 // colour primaries of ISO/IEC 23091-2, 2 unspecified
	Transfer    uint8 // transfer characteristics, 2 unspecified
	Matrix      uint8 // matrix coefficients, 2 unspecified

	// InitData is codecInitializationData, which VP8 and VP9 leave empty.
	InitData []byte
}

const (
	configSize  = 8
	unspecified = 2
)

// ParseConfig reads a record. It takes one with its FullBox header too
// (version 1, no flags), since some writers of FLV leave that on.
func ParseConfig(b []byte) (*Config, error) {
	// A record that starts like this header would be of profile 1 at level 0,
	// which does not exist, with 0 bits.
	if len(b) >= 4 && b[0] == 1 && b[1] == 0 && b[2] == 0 {
		b = b[4:]
	}
	if len(b) < configSize {
		return nil, fmt.Errorf("vp9: configuration record of %d bytes: %w", len(b), io.ErrUnexpectedEOF)
	}
	c := &Config{
		Profile: b[0], Level: b[1],
		BitDepth: b[2] >> 4, Subsampling: b[2] >> 1 & 7, FullRange: b[2]&1 != 0,
		Primaries: b[3], Transfer: b[4], Matrix: b[5],
	}
	size := int(binary.BigEndian.Uint16(b[6:]))
	if size > len(b)-configSize {
		return nil, fmt.Errorf("vp9: configuration record: %w", io.ErrUnexpectedEOF)
	}
	if c.Profile > 3 || c.BitDepth < 8 || c.BitDepth > 12 {
		return nil, fmt.Errorf("vp9: configuration record of profile %d with %d bits", c.Profile, c.BitDepth)
	}
	if size > 0 {
		c.InitData = b[configSize : configSize+size]
	}
	return c, nil
}

// Append appends the record's bytes to dst.
func (c *Config) Append(dst []byte) []byte {
	format := c.BitDepth<<4 | c.Subsampling<<1
	if c.FullRange {
		format |= 1
	}
	dst = append(dst, c.Profile, c.Level, format, c.Primaries, c.Transfer, c.Matrix)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(c.InitData))) //nolint:gosec // it was read from such a field
	return append(dst, c.InitData...)
}

// NewConfig returns the record for a stream with the given key frame header.
// The level is the lowest whose picture size is large enough.
func NewConfig(h Header) (*Config, error) {
	if !h.Key {
		return nil, errors.New("vp9: a configuration record needs a key frame")
	}
	c := &Config{
		Profile: h.Profile, Level: level(h.Width, h.Height), BitDepth: h.BitDepth, FullRange: h.FullRange,
		Subsampling: 1, Primaries: unspecified, Transfer: unspecified, Matrix: unspecified,
	}
	switch {
	case !h.SubsamplingX:
		c.Subsampling = 3
	case !h.SubsamplingY:
		c.Subsampling = 2
	}
	return c, nil
}

// level returns the lowest level by luma picture size and the longer side
// (VP9 levels, annex A).
func level(width, height int) uint8 {
	side := max(width, height)
	for _, l := range [...]struct {
		level      uint8
		area, side int
	}{
		{10, 36864, 512},
		{11, 73728, 768},
		{20, 122880, 960},
		{21, 245760, 1344},
		{30, 552960, 2048},
		{31, 983040, 2752},
		{40, 2228224, 4160},
		{50, 8912896, 8384},
		{60, 35651584, 16832},
	} {
		if width*height <= l.area && side <= l.side {
			return l.level
		}
	}
	return 62
}

// Codec returns the codec string, such as "vp09.00.31.08".
func (c *Config) Codec() string {
	return fmt.Sprintf("vp09.%02d.%02d.%02d", c.Profile, c.Level, c.BitDepth)
}

// Track returns the track of a stream that has the given key frame.
func Track(frame []byte) (*media.Track, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	c, err := NewConfig(h)
	if err != nil {
		return nil, err
	}
	return &media.Track{Codec: media.VP9, Config: c.Append(nil), Width: h.Width, Height: h.Height}, nil
}
