package demo

// colour is a flat macroblock in Y'CbCr.
type colour struct{ y, cb, cr uint8 }

// encoder codes pictures whose macroblocks are flat, in the constrained
// baseline profile with CAVLC. At its quantiser every residual is exact, so
// what was sent last is what the decoder has.
type encoder struct {
	width, height int // in macroblocks
	last          []colour
	frame         uint32 // frame_num
	idr           uint32 // idr_pic_id
}

const (
	qp = 24
	// chromaOffset puts chroma at a quantiser whose step for the DC is that
	// of luma, which makes it exact too.
	chromaOffset = -6
	frameNumBits = 4

	nalSlice = 0x41 // nal_ref_idc 2, type 1
	nalIDR   = 0x65 // nal_ref_idc 3, type 5
	nalSPS   = 0x67
	nalPPS   = 0x68
)

func newEncoder(width, height int) *encoder {
	return &encoder{width: width, height: height, last: make([]colour, width*height)}
}

// sps returns the sequence parameter set (7.3.2.1.1). cropBottom is in pairs
// of lines.
func (e *encoder) sps(cropBottom uint32, fps uint32) []byte {
	var w bitWriter
	w.u(8, 66)   // profile_idc: baseline
	w.u(8, 0xc0) // constraint_set0_flag, constraint_set1_flag
	w.u(8, 31)   // level 3.1
	w.ue(0)      // seq_parameter_set_id
	w.ue(frameNumBits - 4)
	w.ue(2) // pic_order_cnt_type: output order is decoding order
	w.ue(1) // max_num_ref_frames
	w.u(1, 0)
	w.ue(uint32(e.width - 1))
	w.ue(uint32(e.height - 1))
	w.u(1, 1) // frame_mbs_only_flag
	w.u(1, 1) // direct_8x8_inference_flag
	w.u(1, 1) // frame_cropping_flag
	w.ue(0)
	w.ue(0)
	w.ue(0)
	w.ue(cropBottom)
	w.u(1, 1) // vui_parameters_present_flag (E.1.1)
	w.u(4, 0) // no aspect ratio, overscan, video signal type, chroma location
	w.u(1, 1) // timing_info_present_flag
	w.u(16, 0)
	w.u(16, 1) // num_units_in_tick
	w.u(16, 0)
	w.u(16, 2*fps) // time_scale
	w.u(1, 1)      // fixed_frame_rate_flag
	w.u(3, 0)      // no HRD, no pic_struct
	w.u(1, 1)      // bitstream_restriction_flag
	w.u(1, 1)
	w.ue(0)
	w.ue(0)
	w.ue(10)
	w.ue(10)
	w.ue(0) // max_num_reorder_frames
	w.ue(1) // max_dec_frame_buffering
	return w.unit(nalSPS)
}

// pps returns the picture parameter set (7.3.2.2).
func (e *encoder) pps() []byte {
	var w bitWriter
	w.ue(0)
	w.ue(0)
	w.u(2, 0) // CAVLC, no bottom field order
	w.ue(0)   // one slice group
	w.ue(0)
	w.ue(0)
	w.u(3, 0) // no weighted prediction
	w.se(qp - 26)
	w.se(0)
	w.se(chromaOffset)
	w.u(1, 1) // deblocking_filter_control_present_flag
	w.u(2, 0)
	return w.unit(nalPPS)
}

// encode returns the picture's slice. Macroblocks that have not changed since
// the last picture are skipped, but for key pictures.
func (e *encoder) encode(picture []colour, key bool) []byte {
	var w bitWriter
	header := e.sliceHeader(&w, key)
	skipped := uint32(0)
	for i, c := range picture {
		if !key {
			if c == e.last[i] {
				skipped++
				continue
			}
			w.ue(skipped) // mb_skip_run
			skipped = 0
		}
		e.macroblock(&w, i, c, key)
		e.last[i] = c
	}
	if skipped > 0 {
		w.ue(skipped)
	}
	e.frame++
	return w.unit(header)
}

// sliceHeader writes 7.3.3 and returns the NAL unit's header.
func (e *encoder) sliceHeader(w *bitWriter, key bool) byte {
	w.ue(0) // first_mb_in_slice
	if key {
		e.frame = 0
		w.ue(7) // slice_type: I, all of the picture
	} else {
		w.ue(5) // P
	}
	w.ue(0)
	w.u(frameNumBits, e.frame)
	if key {
		w.ue(e.idr)
		e.idr = (e.idr + 1) & 0xffff
		w.u(2, 0) // dec_ref_pic_marking: no long-term references
	} else {
		w.u(1, 0) // num_ref_idx_active_override_flag
		w.u(1, 0) // ref_pic_list_modification_flag_l0
		w.u(1, 0) // adaptive_ref_pic_marking_mode_flag
	}
	w.se(0) // slice_qp_delta
	w.ue(1) // disable_deblocking_filter_idc: flat blocks need none
	if key {
		return nalIDR
	}
	return nalSlice
}

// macroblock codes one as Intra_16x16, predicted from the left or from above,
// where all is flat; what is left is one coefficient a plane.
func (e *encoder) macroblock(w *bitWriter, at int, c colour, intraSlice bool) {
	pred, luma, chroma := colour{128, 128, 128}, uint32(2), uint32(0) // DC without neighbours
	switch {
	case at%e.width > 0:
		pred, luma, chroma = e.last[at-1], 1, 1
	case at >= e.width:
		pred, luma, chroma = e.last[at-e.width], 0, 2
	}
	cbp := uint32(0)
	if c.cb != pred.cb || c.cr != pred.cr {
		cbp = 1 // chroma DC only
	}
	mbType := 1 + luma + 4*cbp // table 7-11
	if !intraSlice {
		mbType += 5
	}
	w.ue(mbType)
	w.ue(chroma)
	w.se(0) // mb_qp_delta
	level(w, int(c.y)-int(pred.y), false)
	if cbp != 0 {
		level(w, int(c.cb)-int(pred.cb), true)
		level(w, int(c.cr)-int(pred.cr), true)
	}
}

// level writes the block of one plane's DC coefficients that adds diff to
// every sample (9.2, for at most one coefficient). At this quantiser a level
// is worth 5/8 of a sample step.
func level(w *bitWriter, diff int, chroma bool) {
	v := (diff*16 + sign(diff)*5) / 10
	token := [3]struct{ n, code uint32 }{{1, 1}, {2, 1}, {6, 5}} // none, one of +-1, one greater (table 9-5, nC 0)
	if chroma {
		token = [3]struct{ n, code uint32 }{{2, 1}, {1, 1}, {6, 7}} // nC -1
	}
	switch v {
	case 0:
		w.u(int(token[0].n), token[0].code)
		return
	case 1, -1:
		w.u(int(token[1].n), token[1].code)
		w.u(1, uint32(1-v)/2)
	default:
		w.u(int(token[2].n), token[2].code)
		code := 2*v - 4 // levelCode, one less step for want of trailing ones
		if v < 0 {
			code = -2*v - 3
		}
		switch { // level_prefix and level_suffix at suffixLength 0 (9.2.2.1)
		case code < 14:
			w.u(code+1, 1)
		case code < 30:
			w.u(15, 1)
			w.u(4, uint32(code-14))
		default:
			w.u(16, 1)
			w.u(12, uint32(code-30))
		}
	}
	w.u(1, 1) // total_zeros: none
}

func sign(v int) int {
	if v < 0 {
		return -1
	}
	return 1
}
