package h264

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// Config is an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1).
type Config struct {
	Profile uint8 // AVCProfileIndication, the profile_idc
	Compat  uint8 // profile_compatibility, the constraint flags
	Level   uint8 // AVCLevelIndication, ten times the level

	// LengthSize is the number of length bytes before each unit: 1, 2 or 4,
	// and 3 is read too.
	LengthSize int

	SPS, PPS [][]byte // whole units with their headers; at most 31 and 255

	// High is the record's end that profiles from High on have; nil when it
	// is absent.
	High *HighConfig
}

// HighConfig is the end of the record for the High profiles.
type HighConfig struct {
	ChromaFormat   uint8 // chroma_format_idc, 0 to 3
	BitDepthLuma   uint8 // 8 to 15
	BitDepthChroma uint8 // 8 to 15
	SPSExt         [][]byte
}

// hasHigh says whether the record of this profile has the HighConfig end.
func hasHigh(profile uint8) bool {
	return profile != 66 && profile != 77 && profile != 88
}

// ParseConfig reads a record. The parameter sets alias b. A record of a High
// profile without its end is accepted, since many writers forget it.
func ParseConfig(b []byte) (*Config, error) {
	if len(b) < 7 {
		return nil, fmt.Errorf("h264: configuration record of %d bytes: %w", len(b), io.ErrUnexpectedEOF)
	}
	if b[0] != 1 {
		return nil, fmt.Errorf("h264: configuration record has version %d, want 1", b[0])
	}
	c := &Config{Profile: b[1], Compat: b[2], Level: b[3], LengthSize: int(b[4]&3) + 1}
	var err error
	rest := b[6:]
	if c.SPS, rest, err = parseSets(rest, int(b[5]&0x1f)); err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return nil, fmt.Errorf("h264: configuration record without PPS count: %w", io.ErrUnexpectedEOF)
	}
	if c.PPS, rest, err = parseSets(rest[1:], int(rest[0])); err != nil {
		return nil, err
	}
	if hasHigh(c.Profile) && len(rest) >= 4 {
		h := &HighConfig{ChromaFormat: rest[0] & 3, BitDepthLuma: rest[1]&7 + 8, BitDepthChroma: rest[2]&7 + 8}
		if h.SPSExt, _, err = parseSets(rest[4:], int(rest[3])); err != nil {
			return nil, err
		}
		c.High = h
	}
	return c, nil
}

// parseSets reads count parameter sets, each after its 16-bit length.
func parseSets(b []byte, count int) (sets [][]byte, rest []byte, err error) {
	if count*2 > len(b) {
		return nil, nil, fmt.Errorf("h264: configuration record: %w", io.ErrUnexpectedEOF)
	}
	for range count {
		if len(b) < 2 {
			return nil, nil, fmt.Errorf("h264: configuration record: %w", io.ErrUnexpectedEOF)
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n > len(b) {
			return nil, nil, fmt.Errorf("h264: configuration record: %w", io.ErrUnexpectedEOF)
		}
		sets = append(sets, b[:n:n])
		b = b[n:]
	}
	return sets, b, nil
}

// Append appends the record's bytes to dst. The counts and sizes must be
// within the limits that Config states.
func (c *Config) Append(dst []byte) []byte {
	dst = append(dst, 1, c.Profile, c.Compat, c.Level, 0xfc|byte(c.LengthSize-1)&3, 0xe0|byte(len(c.SPS)))
	dst = appendSets(dst, c.SPS)
	dst = appendSets(append(dst, byte(len(c.PPS))), c.PPS)
	if h := c.High; h != nil {
		dst = append(dst, 0xfc|h.ChromaFormat, 0xf8|(h.BitDepthLuma-8), 0xf8|(h.BitDepthChroma-8), byte(len(h.SPSExt)))
		dst = appendSets(dst, h.SPSExt)
	}
	return dst
}

func appendSets(dst []byte, sets [][]byte) []byte {
	for _, s := range sets {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// NewConfig returns the record, with 4-byte lengths, for a stream with the
// given parameter sets; the first SPS gives profile and level.
func NewConfig(sps, pps [][]byte) (*Config, error) {
	if len(sps) == 0 || len(pps) == 0 {
		return nil, errors.New("h264: a configuration record needs an SPS and a PPS")
	}
	if len(sps) > 31 || len(pps) > 255 {
		return nil, errors.New("h264: more parameter sets than a configuration record can hold")
	}
	for _, set := range slices.Concat(sps, pps) {
		if len(set) > 0xffff {
			return nil, errors.New("h264: parameter set over 65535 bytes")
		}
	}
	s, err := ParseSPS(sps[0])
	if err != nil {
		return nil, err
	}
	c := &Config{Profile: s.Profile, Compat: s.Constraints, Level: s.Level, LengthSize: nal.LengthSize, SPS: sps, PPS: pps}
	if hasHigh(s.Profile) {
		c.High = &HighConfig{ChromaFormat: s.ChromaFormat, BitDepthLuma: s.BitDepthLuma, BitDepthChroma: s.BitDepthChroma}
	}
	return c, nil
}

// ConfigOf returns the record's bytes for the parameter sets that stand in a
// payload (4-byte lengths), nil unless there is at least one SPS and one PPS
// in it and they can be used.
func ConfigOf(payload []byte) []byte {
	var sps, pps [][]byte
	for u := range nal.Units(payload) {
		switch TypeOf(u) {
		case TypeSPS:
			sps = nal.AppendNew(sps, u)
		case TypePPS:
			pps = nal.AppendNew(pps, u)
		}
	}
	c, err := NewConfig(sps, pps)
	if err != nil {
		return nil
	}
	return c.Append(nil)
}

// Codec returns the codec string of RFC 6381, such as "avc1.64001f".
func (c *Config) Codec() string { return "avc1." + c.ProfileLevelID() }

// ProfileLevelID returns the profile-level-id of RFC 6184 8.1: six hexadecimal
// digits, such as "42e01f".
func (c *Config) ProfileLevelID() string {
	return fmt.Sprintf("%02x%02x%02x", c.Profile, c.Compat, c.Level)
}

// Track returns the track of a configuration record, which it keeps without a
// copy. The size is 0 when the record has no SPS that can be read.
func Track(config []byte) (*media.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	t := &media.Track{Codec: media.H264, Config: config}
	if len(c.SPS) > 0 {
		if s, err := ParseSPS(c.SPS[0]); err == nil {
			t.Width, t.Height = s.Width, s.Height
		}
	}
	return t, nil
}
