package h264

import (
	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/internal/vui"
)

// parseVUI reads the video usability information (E.1.1) as far as frame rate
// and reordering; it keeps neither when it meets the end first.
func (s *SPS) parseVUI(r *bits.Reader) {
	vui.SkipStart(r)
	if r.Flag() { // timing_info_present_flag
		tick, scale, fixed := r.Uint(32), r.Uint(32), r.Flag()
		// A tick is the time of a field: two make a frame (E.2.1).
		if tick > 0 && scale > 0 && tick < 1<<31 && r.Err() == nil {
			s.FrameRateNum, s.FrameRateDen, s.FixedRate = scale, 2*tick, fixed
		}
	}
	nalHRD := r.Flag()
	if nalHRD {
		skipHRD(r)
	}
	vclHRD := r.Flag()
	if vclHRD {
		skipHRD(r)
	}
	if nalHRD || vclHRD {
		r.Skip(1) // low_delay_hrd_flag
	}
	r.Skip(1)     // pic_struct_present_flag
	if r.Flag() { // bitstream_restriction_flag
		r.Skip(1)
		for range 4 {
			r.UE()
		}
		if reorder := r.UE(); r.Err() == nil && reorder <= 16 {
			s.MaxReorder = int(reorder)
		}
	}
}

// skipHRD passes over hrd_parameters (E.1.2).
func skipHRD(r *bits.Reader) {
	count := min(r.UE(), 31) + 1
	r.Skip(8)
	for range count {
		r.UE()
		r.UE()
		r.Skip(1)
	}
	r.Skip(20)
}

// inferReorder returns max_num_reorder_frames for a stream that does not say
// it (E.2.1), with two cases that are certain: picture order type 2 has none,
// and neither has the Baseline profile, which knows no B slices.
func (s *SPS) inferReorder(frameMBs int) int {
	if s.PicOrderCntType == 2 || s.Profile == 66 {
		return 0
	}
	const intraOnly = 0x10 // constraint_set3_flag
	switch s.Profile {
	case 44, 86, 100, 110, 122, 244:
		if s.Constraints&intraOnly != 0 {
			return 0
		}
	}
	return min(maxDpbMBs(s.Level, s.Constraints)/frameMBs, 16)
}

// maxDpbMBs returns MaxDpbMbs of the level (table A-1), that of the highest
// level for one that the table does not have.
func maxDpbMBs(level, constraints uint8) int {
	if level == 11 && constraints&0x10 != 0 { // level 1b
		return 396
	}
	for _, l := range levels {
		if level <= l.idc {
			return l.dpb
		}
	}
	return levels[len(levels)-1].dpb
}

var levels = [...]struct {
	idc uint8
	dpb int
}{
	{10, 396},
	{11, 900},
	{12, 2376},
	{13, 2376},
	{20, 2376},
	{21, 4752},
	{22, 8100},
	{30, 8100},
	{31, 18000},
	{32, 20480},
	{40, 32768},
	{41, 32768},
	{42, 34816},
	{50, 110400},
	{51, 184320},
	{52, 184320},
	{62, 696320},
}
