package h264

import (
	"errors"
	"fmt"

	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/nal"
)

// maxSet bounds the bytes of a parameter set that are read; the largest that
// the syntax allows (twelve scaling lists, two HRDs) is below it.
const maxSet = 4096

// SPS is what a gateway needs of a sequence parameter set (7.3.2.1.1).
type SPS struct {
	Profile     uint8 // profile_idc
	Constraints uint8 // constraint_set0_flag (0x80) to constraint_set5_flag (0x04)
	Level       uint8 // level_idc, ten times the level
	ID          uint8 // seq_parameter_set_id, 0 to 31

	ChromaFormat   uint8 // chroma_format_idc: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4
	BitDepthLuma   uint8 // bits per sample
	BitDepthChroma uint8 // bits per sample

	Width, Height int // in pixels, after cropping

	PicOrderCntType uint8 // 0 to 2; with 2, decoding order is display order
	MaxRefFrames    uint8 // max_num_ref_frames
	Interlaced      bool  // pictures may be fields: frame_mbs_only_flag is 0

	// FrameRateNum / FrameRateDen is the frame rate in frames per second by the
	// VUI's timing info, both 0 without it. FixedRate is fixed_frame_rate_flag.
	FrameRateNum, FrameRateDen uint32
	FixedRate                  bool

	// MaxReorder is the number of frames that may come before a frame in
	// decoding order and after it in display order: as the VUI says, else as
	// E.2.1 infers it. It is the depth that a player buffers.
	MaxReorder int

	// What Order must know to read slice headers.
	frameNumBits, orderBits uint8
	separatePlanes          bool
}

// ParseSPS reads a sequence parameter set unit (type 7, with its header). Only
// the fields up to the VUI's frame rate are needed for it to be valid; a VUI
// that is cut short leaves the rest as if absent.
func ParseSPS(unit []byte) (*SPS, error) {
	if TypeOf(unit) != TypeSPS {
		return nil, fmt.Errorf("h264: unit type %d is not an SPS", TypeOf(unit))
	}
	r := bits.NewReader(nal.Unescape(make([]byte, 0, min(len(unit), maxSet)), unit[1:], maxSet))
	s := &SPS{
		Profile: uint8(r.Uint(8)), Constraints: uint8(r.Uint(8)), Level: uint8(r.Uint(8)),
		ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8,
	}
	id := r.UE()
	if id > 31 {
		return nil, fmt.Errorf("h264: SPS id %d is over 31", id)
	}
	s.ID = uint8(id)
	if err := s.parseFormat(r); err != nil {
		return nil, err
	}
	if err := s.parseOrder(r); err != nil {
		return nil, err
	}
	frameMBs, err := s.parseSize(r)
	if err != nil {
		return nil, err
	}
	vui := r.Flag()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("h264: SPS: %w", err)
	}
	s.MaxReorder = s.inferReorder(frameMBs)
	if vui {
		s.parseVUI(r)
	}
	return s, nil
}

// hasChromaFormat lists the profiles whose SPS has chroma_format_idc.
func hasChromaFormat(profile uint8) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// parseFormat reads the High profiles' sample format and scaling lists.
func (s *SPS) parseFormat(r *bits.Reader) error {
	if !hasChromaFormat(s.Profile) {
		return nil
	}
	chroma := r.UE()
	lists := 8
	if chroma == 3 {
		s.separatePlanes = r.Flag()
		lists = 12
	}
	luma, chromaDepth := r.UE(), r.UE()
	if chroma > 3 || luma > 6 || chromaDepth > 6 {
		return errors.New("h264: SPS: chroma format or bit depth out of range")
	}
	s.ChromaFormat, s.BitDepthLuma, s.BitDepthChroma = uint8(chroma), uint8(luma+8), uint8(chromaDepth+8)
	r.Skip(1) // qpprime_y_zero_transform_bypass_flag
	if r.Flag() {
		for i := range lists {
			if r.Flag() {
				skipScalingList(r, i)
			}
		}
	}
	return nil
}

// skipScalingList reads scaling list i (7.3.2.1.1.1): the first six have 16
// entries, the others 64.
func skipScalingList(r *bits.Reader, i int) {
	size := 64
	if i < 6 {
		size = 16
	}
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.SE() + 256) % 256
		}
		if next != 0 {
			last = next
		}
	}
}

// parseOrder reads how pictures are numbered and ordered.
func (s *SPS) parseOrder(r *bits.Reader) error {
	frameNum, order := r.UE(), uint32(0)
	switch t := r.UE(); t {
	case 0:
		order = r.UE()
	case 1:
		s.PicOrderCntType = 1
		r.Skip(1) // delta_pic_order_always_zero_flag
		r.SE()
		r.SE()
		n := r.UE()
		if n > 255 {
			return errors.New("h264: SPS: over 255 frames in the picture order cycle")
		}
		for range n {
			r.SE()
		}
	case 2:
		s.PicOrderCntType = 2
	default:
		return fmt.Errorf("h264: SPS: pic_order_cnt_type %d", t)
	}
	const most = 12
	if frameNum > most || order > most {
		return errors.New("h264: SPS: frame numbers or picture order counts of over 16 bits")
	}
	s.frameNumBits, s.orderBits = uint8(frameNum+4), uint8(order+4)
	refs := r.UE()
	if refs > 16 {
		return fmt.Errorf("h264: SPS: %d reference frames", refs)
	}
	s.MaxRefFrames = uint8(refs)
	r.Skip(1) // gaps_in_frame_num_value_allowed_flag
	return nil
}

// parseSize reads the picture's size and cropping, and returns the macroblocks
// of a frame.
func (s *SPS) parseSize(r *bits.Reader) (frameMBs int, err error) {
	wide, high := r.UE(), r.UE()
	// The widest level has 139264 macroblocks, and a side of at most
	// sqrt(8*139264) of them (A.3.1).
	if wide >= 2048 || high >= 2048 {
		return 0, errors.New("h264: SPS: picture over 32768 pixels wide or high")
	}
	fields := 1
	s.Interlaced = !r.Flag()
	if s.Interlaced {
		fields = 2
		r.Skip(1) // mb_adaptive_frame_field_flag
	}
	r.Skip(1) // direct_8x8_inference_flag
	mbw, mbh := int(wide)+1, (int(high)+1)*fields
	s.Width, s.Height = mbw*16, mbh*16
	if r.Flag() {
		unitX, unitY := 1, fields // 7.4.2.1.1, CropUnitX and CropUnitY
		if s.ChromaFormat == 1 || s.ChromaFormat == 2 {
			unitX = 2
		}
		if s.ChromaFormat == 1 {
			unitY *= 2
		}
		left, right, top, bottom := r.UE(), r.UE(), r.UE(), r.UE()
		w := int64(s.Width) - int64(unitX)*(int64(left)+int64(right))
		h := int64(s.Height) - int64(unitY)*(int64(top)+int64(bottom))
		if w <= 0 || h <= 0 {
			return 0, errors.New("h264: SPS: cropping leaves no picture")
		}
		s.Width, s.Height = int(w), int(h)
	}
	return mbw * mbh, nil
}
