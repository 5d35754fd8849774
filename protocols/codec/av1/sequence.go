package av1

import (
	"fmt"
	"io"

	"sluice/protocols/codec/bits"
)

// SequenceHeader is what a gateway needs of a sequence header OBU (5.5).
type SequenceHeader struct {
	Profile      uint8 // seq_profile, 0 to 2
	Level        uint8 // seq_level_idx of the first operating point, 0 to 31
	HighTier     bool  // seq_tier of the first operating point
	BitDepth     uint8 // 8, 10 or 12
	Monochrome   bool
	SubsamplingX bool
	SubsamplingY bool
	ChromaPos    uint8 // chroma_sample_position, 0 to 3

	Width, Height int // the largest frame, in pixels

	// FrameRateNum / FrameRateDen is the rate of frames per second when the
	// header says that it is constant, else both are 0.
	FrameRateNum, FrameRateDen uint64
}

// ParseSequenceHeader reads the data of a sequence header OBU.
func ParseSequenceHeader(data []byte) (*SequenceHeader, error) {
	r := bits.NewReader(data)
	s := &SequenceHeader{Profile: uint8(r.Uint(3))}
	if s.Profile > 2 {
		return nil, fmt.Errorf("av1: sequence header of profile %d", s.Profile)
	}
	r.Skip(1) // still_picture
	reduced := r.Flag()
	if reduced {
		s.Level = uint8(r.Uint(5))
	} else {
		s.parseOperatingPoints(r)
	}
	wide, high := int(r.Uint(4))+1, int(r.Uint(4))+1
	s.Width, s.Height = int(r.Uint(wide))+1, int(r.Uint(high))+1
	if !reduced && r.Flag() { // frame_id_numbers_present_flag
		r.Skip(7)
	}
	r.Skip(3) // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
	if !reduced {
		skipTools(r)
	}
	r.Skip(3) // enable_superres, enable_cdef, enable_restoration
	s.parseColor(r)
	if r.Err() != nil {
		return nil, fmt.Errorf("av1: sequence header: %w", io.ErrUnexpectedEOF)
	}
	return s, nil
}

// parseOperatingPoints reads timing, decoder model and operating points.
func (s *SequenceHeader) parseOperatingPoints(r *bits.Reader) {
	model, delayBits := false, 0
	if r.Flag() { // timing_info_present_flag
		tick, scale := uint64(r.Uint(32)), uint64(r.Uint(32))
		if r.Flag() { // equal_picture_interval
			if ticks := uint64(r.UE()) + 1; tick > 0 && scale > 0 {
				s.FrameRateNum, s.FrameRateDen = scale, tick*ticks
			}
		}
		if model = r.Flag(); model {
			delayBits = int(r.Uint(5)) + 1
			r.Skip(32 + 5 + 5)
		}
	}
	delay := r.Flag() // initial_display_delay_present_flag
	count := int(r.Uint(5)) + 1
	for i := range count {
		r.Skip(12) // operating_point_idc
		level, tier := uint8(r.Uint(5)), false
		if level > 7 {
			tier = r.Flag()
		}
		if i == 0 {
			s.Level, s.HighTier = level, tier
		}
		if model && r.Flag() {
			r.Skip(2*delayBits + 1)
		}
		if delay && r.Flag() {
			r.Skip(4)
		}
	}
}

// skipTools passes over the coding tools that a full header switches.
func skipTools(r *bits.Reader) {
	r.Skip(4) // interintra, masked, warped, dual filter
	order := r.Flag()
	if order {
		r.Skip(2)
	}
	// seq_choose_screen_content_tools, seq_force_screen_content_tools
	if screen := r.Flag() || r.Flag(); screen && !r.Flag() {
		r.Skip(1) // seq_force_integer_mv
	}
	if order {
		r.Skip(3)
	}
}

// parseColor reads color_config (5.5.2) as far as the chroma position.
func (s *SequenceHeader) parseColor(r *bits.Reader) {
	s.BitDepth = 8
	if r.Flag() {
		s.BitDepth = 10
		if s.Profile == 2 && r.Flag() {
			s.BitDepth = 12
		}
	}
	s.Monochrome = s.Profile != 1 && r.Flag()
	identity := false
	if r.Flag() {
		const sRGB = 1<<16 | 13<<8 | 0 // BT.709 primaries, sRGB transfer, identity matrix
		identity = r.Uint(24) == sRGB
	}
	if s.Monochrome {
		s.SubsamplingX, s.SubsamplingY = true, true
		r.Skip(1)
		return
	}
	if identity {
		return
	}
	r.Skip(1) // color_range
	switch {
	case s.Profile == 0:
		s.SubsamplingX, s.SubsamplingY = true, true
	case s.Profile == 2 && s.BitDepth == 12:
		s.SubsamplingX = r.Flag()
		s.SubsamplingY = s.SubsamplingX && r.Flag()
	case s.Profile == 2:
		s.SubsamplingX = true
	}
	if s.SubsamplingX && s.SubsamplingY {
		s.ChromaPos = uint8(r.Uint(2))
	}
}
