package h265

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// Config is an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1).
type Config struct {
	Profile Profile

	MinSpatialSegmentation uint16 // min_spatial_segmentation_idc, 0 to 4095
	Parallelism            uint8  // parallelismType, 0 unknown to 3
	ChromaFormat           uint8  // chroma_format_idc
	BitDepthLuma           uint8  // 8 to 15
	BitDepthChroma         uint8  // 8 to 15
	AvgFrameRate           uint16 // frames in 256 seconds, 0 unknown
	ConstantFrameRate      uint8  // 0 unknown to 3
	SubLayers              uint8  // numTemporalLayers, 0 unknown to 7
	TemporalNested         bool   // temporalIdNested

	// LengthSize is the number of length bytes before each unit: 1, 2 or 4,
	// and 3 is read too.
	LengthSize int

	Arrays []Array
}

// Array is the units of one type in a Config.
type Array struct {
	Complete bool // all units of this type are here, none in the stream
	Type     Type
	Units    [][]byte // whole units with their headers
}

const (
	fixedSize = 23
	maxArrays = 16  // VPS, SPS, PPS, SEI, and room for the reserved
	maxUnits  = 256 // of one type; the ids end at 63
)

// ParseConfig reads a record. The units alias b.
func ParseConfig(b []byte) (*Config, error) {
	if len(b) < fixedSize {
		return nil, fmt.Errorf("h265: configuration record of %d bytes: %w", len(b), io.ErrUnexpectedEOF)
	}
	// Some writers leave version 0, from drafts of the specification.
	if b[0] > 1 {
		return nil, fmt.Errorf("h265: configuration record has version %d, want 1", b[0])
	}
	c := &Config{
		Profile: Profile{
			Space: b[1] >> 6, HighTier: b[1]&0x20 != 0, IDC: b[1] & 0x1f,
			Compatibility: binary.BigEndian.Uint32(b[2:]),
			Constraints:   uint64(binary.BigEndian.Uint16(b[6:]))<<32 | uint64(binary.BigEndian.Uint32(b[8:])),
			Level:         b[12],
		},
		MinSpatialSegmentation: binary.BigEndian.Uint16(b[13:]) & 0xfff,
		Parallelism:            b[15] & 3,
		ChromaFormat:           b[16] & 3,
		BitDepthLuma:           b[17]&7 + 8,
		BitDepthChroma:         b[18]&7 + 8,
		AvgFrameRate:           binary.BigEndian.Uint16(b[19:]),
		ConstantFrameRate:      b[21] >> 6,
		SubLayers:              b[21] >> 3 & 7,
		TemporalNested:         b[21]&4 != 0,
		LengthSize:             int(b[21]&3) + 1,
	}
	if b[22] > maxArrays {
		return nil, fmt.Errorf("h265: configuration record with %d arrays", b[22])
	}
	rest := b[fixedSize:]
	for range b[22] {
		var a Array
		var err error
		if a, rest, err = parseArray(rest); err != nil {
			return nil, err
		}
		c.Arrays = append(c.Arrays, a)
	}
	return c, nil
}

func parseArray(b []byte) (a Array, rest []byte, err error) {
	if len(b) < 3 {
		return a, nil, fmt.Errorf("h265: configuration record: %w", io.ErrUnexpectedEOF)
	}
	a = Array{Complete: b[0]&0x80 != 0, Type: Type(b[0] & 0x3f)}
	count := int(binary.BigEndian.Uint16(b[1:]))
	if b = b[3:]; count > maxUnits {
		return a, nil, fmt.Errorf("h265: configuration record with %d units of type %d", count, a.Type)
	}
	for range count {
		if len(b) < 2 {
			return a, nil, fmt.Errorf("h265: configuration record: %w", io.ErrUnexpectedEOF)
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) {
			return a, nil, fmt.Errorf("h265: configuration record: %w", io.ErrUnexpectedEOF)
		}
		a.Units = append(a.Units, b[:n:n])
		b = b[n:]
	}
	return a, b, nil
}

// Append appends the record's bytes to dst. The counts and sizes must fit
// their fields.
func (c *Config) Append(dst []byte) []byte {
	p := &c.Profile
	first := p.Space<<6 | p.IDC
	if p.HighTier {
		first |= 0x20
	}
	dst = append(dst, 1, first)
	dst = binary.BigEndian.AppendUint32(dst, p.Compatibility)
	dst = binary.BigEndian.AppendUint16(dst, uint16(p.Constraints>>32)) //nolint:gosec // 48 bits in two parts
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Constraints))     //nolint:gosec // 48 bits in two parts
	dst = append(dst, p.Level)
	dst = binary.BigEndian.AppendUint16(dst, 0xf000|c.MinSpatialSegmentation)
	dst = append(dst, 0xfc|c.Parallelism, 0xfc|c.ChromaFormat, 0xf8|(c.BitDepthLuma-8), 0xf8|(c.BitDepthChroma-8))
	dst = binary.BigEndian.AppendUint16(dst, c.AvgFrameRate)
	last := c.ConstantFrameRate<<6 | c.SubLayers<<3 | byte(c.LengthSize-1)&3
	if c.TemporalNested {
		last |= 4
	}
	dst = append(dst, last, byte(len(c.Arrays)))
	for _, a := range c.Arrays {
		kind := byte(a.Type)
		if a.Complete {
			kind |= 0x80
		}
		dst = append(dst, kind)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(a.Units))) //nolint:gosec // at most maxUnits
		for _, u := range a.Units {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(u))) //nolint:gosec // see NewConfig
			dst = append(dst, u...)
		}
	}
	return dst
}

// Units returns the record's units of one type, nil when it has none.
func (c *Config) Units(t Type) [][]byte {
	for _, a := range c.Arrays {
		if a.Type == t && len(a.Units) > 0 {
			return a.Units
		}
	}
	return nil
}

// NewConfig returns the record, with 4-byte lengths, for a stream with the
// given parameter sets; the first SPS gives profile, level and format.
func NewConfig(vps, sps, pps [][]byte) (*Config, error) {
	if len(vps) == 0 || len(sps) == 0 || len(pps) == 0 {
		return nil, errors.New("h265: a configuration record needs a VPS, an SPS and a PPS")
	}
	s, err := ParseSPS(sps[0])
	if err != nil {
		return nil, err
	}
	c := &Config{
		Profile: s.Profile, ChromaFormat: s.ChromaFormat, BitDepthLuma: s.BitDepthLuma, BitDepthChroma: s.BitDepthChroma,
		SubLayers: s.SubLayers, TemporalNested: s.TemporalNested, LengthSize: nal.LengthSize,
		Arrays: []Array{{true, TypeVPS, vps}, {true, TypeSPS, sps}, {true, TypePPS, pps}},
	}
	for _, a := range c.Arrays {
		if len(a.Units) > maxUnits {
			return nil, fmt.Errorf("h265: %d parameter sets of type %d", len(a.Units), a.Type)
		}
		for _, u := range a.Units {
			if len(u) > 0xffff {
				return nil, errors.New("h265: parameter set over 65535 bytes")
			}
		}
	}
	return c, nil
}

// ConfigOf returns the record's bytes for the parameter sets that stand in a
// payload (4-byte lengths), nil unless there is one of each kind in it and they
// can be used.
func ConfigOf(payload []byte) []byte {
	var vps, sps, pps [][]byte
	for u := range nal.Units(payload) {
		switch TypeOf(u) {
		case TypeVPS:
			vps = nal.AppendNew(vps, u)
		case TypeSPS:
			sps = nal.AppendNew(sps, u)
		case TypePPS:
			pps = nal.AppendNew(pps, u)
		}
	}
	c, err := NewConfig(vps, sps, pps)
	if err != nil {
		return nil
	}
	return c.Append(nil)
}

// Codec returns the codec string of ISO/IEC 14496-15 E.3, such as
// "hvc1.1.6.L93.90".
func (c *Config) Codec() string {
	p := &c.Profile
	space := ""
	if p.Space > 0 {
		space = string(rune('A' + p.Space - 1))
	}
	tier := "L"
	if p.HighTier {
		tier = "H"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "hvc1.%s%d.%X.%s%d", space, p.IDC, bits.Reverse32(p.Compatibility), tier, p.Level)
	for left := p.Constraints; left != 0; left = left << 8 & (1<<48 - 1) {
		fmt.Fprintf(&b, ".%X", left>>40)
	}
	return b.String()
}

// Track returns the track of a configuration record, which it keeps without a
// copy. The size is 0 when the record has no SPS that can be read.
func Track(config []byte) (*media.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	t := &media.Track{Codec: media.H265, Config: config}
	if sps := c.Units(TypeSPS); len(sps) > 0 {
		if s, err := ParseSPS(sps[0]); err == nil {
			t.Width, t.Height = s.Width, s.Height
		}
	}
	return t, nil
}
