package repeat

// marking is a memory_management_control_operation with its operands (7.3.3.3).
type marking struct {
	op   uint32
	args []uint32
}

// slice is what a repeat takes over from a slice header (7.3.3).
type slice struct {
	kind     uint32 // slice_type modulo 5
	pps      uint32
	frameNum uint32
	poc      uint32 // pic_order_cnt_lsb
	marks    []marking
	adaptive bool // adaptive_ref_pic_marking_mode_flag
}

// The slice types that have lists.
const (
	sliceP  = 0
	sliceB  = 1
	sliceSP = 3
)

// Bounds of loops in slice headers: there are at most 32 references.
const (
	maxModifications = 66
	maxMarkings      = 66
)

// parseSlice reads a slice header up to the marking of references. find returns the
// sets that it names.
func parseSlice(unit []byte, find func(pps uint32) (*sps, *pps)) (h slice, ok bool) {
	if len(unit) == 0 || unit[0]&0x1f != 1 && unit[0]&0x1f != 5 {
		return h, false
	}
	idr, ref := unit[0]&0x1f == 5, unit[0]&0x60 != 0
	r := newReader(unit)
	r.ue() // first_mb_in_slice
	h.kind = r.ue() % 5
	h.pps = r.ue()
	s, p := find(h.pps)
	if r.spent || s == nil {
		return h, false
	}
	h.frameNum = r.u(s.frameNumBits)
	if idr {
		r.ue()
	}
	if s.pocType == 0 {
		h.poc = r.u(s.pocBits)
		if p.bottomPOC {
			r.ue()
		}
	}
	if s.pocType == 1 && s.pocDelta {
		r.ue()
		if p.bottomPOC {
			r.ue()
		}
	}
	if p.redundantPic {
		r.ue()
	}
	if !idr && ref {
		h.parseLists(r, s, p)
		h.parseMarking(r)
	}
	return h, !r.spent
}

// parseLists passes over what stands between the picture order count and the
// marking.
func (h *slice) parseLists(r *reader, s *sps, p *pps) {
	if h.kind == sliceB {
		r.u(1) // direct_spatial_mv_pred_flag
	}
	if h.kind != sliceP && h.kind != sliceB && h.kind != sliceSP {
		return
	}
	lists := 1
	if h.kind == sliceB {
		lists = 2
	}
	refs := p.refs
	if r.flag() {
		for i := range lists {
			refs[i] = min(r.ue()+1, 32)
		}
	}
	for range lists {
		if !r.flag() {
			continue
		}
		for range maxModifications {
			if r.ue() == 3 {
				break
			}
			r.ue()
		}
	}
	if h.kind == sliceB && p.weightedB || h.kind != sliceB && p.weightedP {
		skipWeights(r, s, refs[:lists])
	}
}

// skipWeights passes over a pred_weight_table (7.3.3.2).
func skipWeights(r *reader, s *sps, refs []uint32) {
	r.ue()
	if !s.monochrome {
		r.ue()
	}
	for _, n := range refs {
		for range n {
			if r.flag() {
				r.skip(2)
			}
			if !s.monochrome && r.flag() {
				r.skip(4)
			}
		}
	}
}

func (h *slice) parseMarking(r *reader) {
	if h.adaptive = r.flag(); !h.adaptive {
		return
	}
	for range maxMarkings {
		m := marking{op: r.ue()}
		switch m.op {
		case 0:
			return
		case 1, 2, 4, 6:
			m.args = []uint32{r.ue()}
		case 3:
			m.args = []uint32{r.ue(), r.ue()}
		}
		h.marks = append(h.marks, m)
	}
	r.spent = true
}

// append writes the header and the data of a picture of skipped macroblocks in h's
// place (7.3.3, 7.3.4).
func (h *slice) picture(refIDC byte, s *sps, pps, poc uint32) []byte {
	w := &writer{}
	w.ue(0)
	w.ue(5) // P, as all slices of the picture
	w.ue(pps)
	w.u(s.frameNumBits, h.frameNum)
	switch {
	case s.pocType == 0:
		w.u(s.pocBits, poc)
	case s.pocType == 1 && s.pocDelta:
		w.ue(0)
	}
	w.u(2, 0) // num_ref_idx_active_override_flag, ref_pic_list_modification_flag_l0
	if !h.adaptive {
		w.u(1, 0)
	} else {
		w.u(1, 1)
		for _, m := range h.marks {
			w.ue(m.op)
			for _, a := range m.args {
				w.ue(a)
			}
		}
		w.ue(0)
	}
	w.ue(0) // slice_qp_delta
	w.ue(1) // disable_deblocking_filter_idc
	w.ue(s.macroblocks)
	return w.unit(refIDC<<5 | 1)
}
