package h265

import (
	"errors"
	"fmt"

	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/nal"
)

// maxSet bounds the bytes of a parameter set that are read: room for every
// scaling list and 64 reference picture sets.
const maxSet = 16384

// Profile is the general part of profile_tier_level (7.3.3).
type Profile struct {
	Space         uint8 // general_profile_space, 0 to 3
	HighTier      bool
	IDC           uint8  // general_profile_idc, 1 Main, 2 Main 10
	Compatibility uint32 // general_profile_compatibility_flags
	Constraints   uint64 // the 48 bits from general_progressive_source_flag on
	Level         uint8  // general_level_idc, thirty times the level
}

// SPS is what a gateway needs of a sequence parameter set (7.3.2.2.1).
type SPS struct {
	Profile        Profile
	SubLayers      uint8 // temporal sub-layers, 1 to 7
	TemporalNested bool

	ChromaFormat   uint8 // chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
	BitDepthLuma   uint8 // bits per sample
	BitDepthChroma uint8 // bits per sample

	Width, Height int // in pixels, inside the conformance window

	// MaxReorder is sps_max_num_reorder_pics of the highest sub-layer: how many
	// pictures may come before a picture in decoding order and after it in
	// display order.
	MaxReorder int

	// FrameRateNum / FrameRateDen is the picture rate per second by the VUI's
	// timing info, both 0 without it.
	FrameRateNum, FrameRateDen uint32
}

// ParseSPS reads a sequence parameter set unit (type 33, with its header). Only
// the fields up to the reordering are needed for it to be valid; what follows
// leaves the frame rate unknown when it cannot be read.
func ParseSPS(unit []byte) (*SPS, error) {
	if TypeOf(unit) != TypeSPS {
		return nil, fmt.Errorf("h265: unit type %d is not an SPS", TypeOf(unit))
	}
	r := bits.NewReader(nal.Unescape(make([]byte, 0, min(len(unit), maxSet)), unit[HeaderSize:], maxSet))
	r.Skip(4) // sps_video_parameter_set_id
	sub := int(r.Uint(3))
	if sub > 6 {
		return nil, errors.New("h265: SPS: over 7 sub-layers")
	}
	s := &SPS{SubLayers: uint8(sub + 1), TemporalNested: r.Flag()}
	s.parseProfile(r, sub)
	r.UE() // sps_seq_parameter_set_id
	if err := s.parseSize(r); err != nil {
		return nil, err
	}
	luma, chroma := r.UE(), r.UE()
	pocBits := r.UE()
	if luma > 8 || chroma > 8 || pocBits > 12 {
		return nil, errors.New("h265: SPS: bit depth or picture order count length out of range")
	}
	s.BitDepthLuma, s.BitDepthChroma = uint8(luma+8), uint8(chroma+8)
	first := sub
	if r.Flag() { // sps_sub_layer_ordering_info_present_flag
		first = 0
	}
	for ; first <= sub; first++ {
		r.UE()
		reorder := r.UE()
		r.UE()
		if reorder > 15 {
			return nil, errors.New("h265: SPS: over 15 pictures to reorder")
		}
		s.MaxReorder = int(reorder)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("h265: SPS: %w", err)
	}
	s.parseTiming(r, int(pocBits)+4)
	return s, nil
}

// parseProfile reads profile_tier_level (7.3.3).
func (s *SPS) parseProfile(r *bits.Reader, sub int) {
	s.Profile = Profile{Space: uint8(r.Uint(2)), HighTier: r.Flag(), IDC: uint8(r.Uint(5)), Compatibility: r.Uint(32)}
	s.Profile.Constraints = uint64(r.Uint(16))<<32 | uint64(r.Uint(32))
	s.Profile.Level = uint8(r.Uint(8))
	var profile, level [6]bool
	for i := range sub {
		profile[i], level[i] = r.Flag(), r.Flag()
	}
	if sub > 0 {
		r.Skip(2 * (8 - sub))
	}
	for i := range sub {
		if profile[i] {
			r.Skip(88)
		}
		if level[i] {
			r.Skip(8)
		}
	}
}

// parseSize reads the chroma format, the size and the conformance window.
func (s *SPS) parseSize(r *bits.Reader) error {
	chroma := r.UE()
	if chroma > 3 {
		return fmt.Errorf("h265: SPS: chroma format %d", chroma)
	}
	s.ChromaFormat = uint8(chroma)
	if chroma == 3 {
		r.Skip(1) // separate_colour_plane_flag
	}
	wide, high := r.UE(), r.UE()
	if wide == 0 || high == 0 || wide > 32768 || high > 32768 {
		return fmt.Errorf("h265: SPS: picture of %dx%d pixels", wide, high)
	}
	s.Width, s.Height = int(wide), int(high)
	if r.Flag() {
		unitX, unitY := 1, 1 // SubWidthC and SubHeightC, table 6-1
		if chroma == 1 || chroma == 2 {
			unitX = 2
		}
		if chroma == 1 {
			unitY = 2
		}
		left, right, top, bottom := r.UE(), r.UE(), r.UE(), r.UE()
		w := int64(wide) - int64(unitX)*(int64(left)+int64(right))
		h := int64(high) - int64(unitY)*(int64(top)+int64(bottom))
		if w <= 0 || h <= 0 {
			return errors.New("h265: SPS: conformance window leaves no picture")
		}
		s.Width, s.Height = int(w), int(h)
	}
	return nil
}
