package h265

import (
	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/internal/vui"
)

// parseTiming reads the rest of the SPS (7.3.2.2.1) for the VUI's timing info;
// it leaves the frame rate unknown when it meets something impossible.
func (s *SPS) parseTiming(r *bits.Reader, pocBits int) {
	for range 6 { // coding and transform block sizes and depths
		r.UE()
	}
	if r.Flag() && r.Flag() { // scaling_list_enabled_flag, sps_scaling_list_data_present_flag
		skipScalingLists(r)
	}
	r.Skip(2)     // amp_enabled_flag, sample_adaptive_offset_enabled_flag
	if r.Flag() { // pcm_enabled_flag
		r.Skip(8)
		r.UE()
		r.UE()
		r.Skip(1)
	}
	if !skipReferenceSets(r) {
		return
	}
	if r.Flag() { // long_term_ref_pics_present_flag
		n := r.UE()
		if n > 32 {
			return
		}
		r.Skip(int(n) * (pocBits + 1))
	}
	r.Skip(2)      // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
	if !r.Flag() { // vui_parameters_present_flag
		return
	}
	skipVUIStart(r)
	if !r.Flag() { // vui_timing_info_present_flag
		return
	}
	tick, scale := r.Uint(32), r.Uint(32)
	if tick > 0 && scale > 0 && r.Err() == nil {
		s.FrameRateNum, s.FrameRateDen = scale, tick
	}
}

// skipScalingLists passes over scaling_list_data (7.3.4).
func skipScalingLists(r *bits.Reader) {
	for size := range 4 {
		step := 1
		if size == 3 {
			step = 3
		}
		for matrix := 0; matrix < 6; matrix += step {
			if !r.Flag() { // scaling_list_pred_mode_flag
				r.UE()
				continue
			}
			if size > 1 {
				r.SE()
			}
			for range min(64, 1<<(4+size<<1)) {
				r.SE()
			}
		}
	}
}

// skipReferenceSets passes over the short-term reference picture sets
// (7.3.7), and reports false when they are impossible.
func skipReferenceSets(r *bits.Reader) bool {
	sets := r.UE()
	if sets > 64 {
		return false
	}
	deltas := 0 // NumDeltaPocs of the set before
	for i := range sets {
		if i > 0 && r.Flag() { // inter_ref_pic_set_prediction_flag
			r.Skip(1)
			r.UE()
			used := 0
			for range deltas + 1 {
				// used_by_curr_pic_flag, use_delta_flag
				if r.Flag() || r.Flag() {
					used++
				}
			}
			deltas = used
			continue
		}
		before, after := r.UE(), r.UE()
		if before > 16 || after > 16 {
			return false
		}
		deltas = int(before + after)
		for range deltas {
			r.UE()
			r.Skip(1)
		}
	}
	return r.Err() == nil
}

// skipVUIStart passes over the VUI up to its timing info (E.2.1).
func skipVUIStart(r *bits.Reader) {
	vui.SkipStart(r)
	r.Skip(3)     // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
	if r.Flag() { // default_display_window_flag
		for range 4 {
			r.UE()
		}
	}
}
