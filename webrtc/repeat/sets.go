package repeat

// sps is what slice headers depend on in a sequence parameter set (7.3.2.1.1).
type sps struct {
	frameNumBits int
	pocType      uint32
	pocBits      int  // of pic_order_cnt_lsb, type 0
	pocDelta     bool // delta_pic_order_cnt is there, type 1
	monochrome   bool
	macroblocks  uint32
}

// pps is what slice headers depend on in a picture parameter set (7.3.2.2).
type pps struct {
	id, sps      uint32
	bottomPOC    bool // bottom_field_pic_order_in_frame_present_flag
	refs         [2]uint32
	weightedP    bool
	weightedB    bool // explicit tables
	redundantPic bool
}

// parseSPS returns the set, or false for one that is broken or not supported.
func parseSPS(unit []byte) (s sps, ok bool) {
	r := newReader(unit)
	profile := r.u(8)
	r.u(16)
	r.ue() // id
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if !s.parseFormat(r) {
			return s, false
		}
	}
	s.frameNumBits = int(r.ue()) + 4
	switch s.pocType = r.ue(); s.pocType {
	case 0:
		s.pocBits = int(r.ue()) + 4
	case 1:
		s.pocDelta = !r.flag()
		r.skip(2)
		cycle := r.ue()
		if cycle > 255 {
			return s, false
		}
		r.skip(int(cycle))
	}
	r.ue() // max_num_ref_frames
	r.u(1)
	width, height := r.ue()+1, r.ue()+1
	progressive := r.flag()
	s.macroblocks = width * height
	return s, !r.spent && progressive && s.frameNumBits <= 16 && s.pocBits <= 16 && s.pocType <= 2 &&
		width <= 1<<12 && height <= 1<<12
}

// parseFormat reads what the high profiles add.
func (s *sps) parseFormat(r *reader) bool {
	chroma := r.ue()
	if chroma >= 3 {
		return false // with 4:4:4 colour planes may be separate
	}
	s.monochrome = chroma == 0
	r.skip(2)
	r.u(1)
	if !r.flag() {
		return true
	}
	for i := range 8 {
		if r.flag() {
			skipScalingList(r, 16+48*(i/6))
		}
	}
	return true
}

func skipScalingList(r *reader, size int) {
	last, next := 8, 8
	for range size {
		if next != 0 {
			next = (last + r.se() + 256) % 256
		}
		if next != 0 {
			last = next
		}
	}
}

// se reads a signed Exp-Golomb code.
func (r *reader) se() int {
	v := int(r.ue())
	if v%2 == 1 {
		return (v + 1) / 2
	}
	return -v / 2
}

func parsePPS(unit []byte) (p pps, ok bool) {
	r := newReader(unit)
	p.id, p.sps = r.ue(), r.ue()
	r.u(1) // entropy_coding_mode_flag
	p.bottomPOC = r.flag()
	groups := r.ue()
	p.refs = [2]uint32{r.ue() + 1, r.ue() + 1}
	p.weightedP = r.flag()
	p.weightedB = r.u(2) == 1
	r.skip(3)
	r.u(2)
	p.redundantPic = r.flag()
	return p, !r.spent && groups == 0 && p.id < 255 && p.refs[0] <= 32 && p.refs[1] <= 32
}

// plainPPS writes the set that repeats use: variable-length coding, one reference,
// deblocking to be switched off.
func plainPPS(id, spsID uint32) []byte {
	w := &writer{}
	w.ue(id)
	w.ue(spsID)
	w.u(2, 0) // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
	w.ue(0)   // num_slice_groups_minus1
	w.ue(0)   // num_ref_idx_l0_default_active_minus1
	w.ue(0)   // num_ref_idx_l1_default_active_minus1
	w.u(3, 0) // weighted_pred_flag, weighted_bipred_idc
	w.ue(0)   // pic_init_qp_minus26
	w.ue(0)   // pic_init_qs_minus26
	w.ue(0)   // chroma_qp_index_offset
	w.u(1, 1) // deblocking_filter_control_present_flag
	w.u(2, 0) // constrained_intra_pred_flag, redundant_pic_cnt_present_flag
	return w.unit(0x68)
}
