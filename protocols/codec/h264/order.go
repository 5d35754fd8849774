package h264

import (
	"fmt"

	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/nal"
)

// Order is what a slice header says of its picture's place among others.
type Order struct {
	FrameNum uint32 // frame_num
	Field    bool   // the picture is one field of a frame
	Bottom   bool   // and that the bottom one
	IDR      bool
	Ref      bool   // others may refer to it
	LSB      uint32 // pic_order_cnt_lsb; 0 unless the SPS has PicOrderCntType 0
}

// SecondOf reports whether a picture that follows another in decoding order is the
// other field of its frame (3.30, 7.4.3): both share one frame_num.
func (o Order) SecondOf(first Order) bool {
	return first.Field && o.Field && o.Bottom != first.Bottom && o.FrameNum == first.FrameNum && !o.IDR
}

// Order reads a coded slice's header (7.3.3) up to where its picture stands, with
// the SPS in force.
func (s *SPS) Order(slice []byte) (Order, error) {
	start, err := ParseSlice(slice)
	if err != nil {
		return Order{}, err
	}
	var head [40]byte // codes of at most 63 bits four times, and 16 bits twice
	r := bits.NewReader(nal.Unescape(head[:0], slice[1:], len(head)))
	r.UE()
	r.UE()
	r.UE()
	if s.separatePlanes {
		r.Skip(2) // colour_plane_id
	}
	o := Order{FrameNum: r.Uint(int(s.frameNumBits)), IDR: start.IDR, Ref: start.RefIDC > 0}
	if s.Interlaced {
		if o.Field = r.Flag(); o.Field {
			o.Bottom = r.Flag()
		}
	}
	if o.IDR {
		r.UE() // idr_pic_id
	}
	if s.PicOrderCntType == 0 {
		o.LSB = r.Uint(int(s.orderBits))
	}
	if err := r.Err(); err != nil {
		return Order{}, fmt.Errorf("h264: slice header: %w", err)
	}
	return o, nil
}

// Counter follows the pictures of a stream in decoding order (8.2.1.1). The zero
// value is ready. It takes no account of memory_management_control_operation 5.
type Counter struct{ msb, lsb int64 }

// Next returns a picture's order count, which rises in display order from one IDR
// picture to the next, by 2 a frame as a rule.
func (c *Counter) Next(s *SPS, o Order) int64 {
	if o.IDR {
		*c = Counter{}
	}
	size, lsb, msb := int64(1)<<s.orderBits, int64(o.LSB), c.msb
	switch {
	case lsb < c.lsb && c.lsb-lsb >= size/2:
		msb += size
	case lsb > c.lsb && lsb-c.lsb > size/2:
		msb -= size
	}
	if o.Ref {
		c.msb, c.lsb = msb, lsb
	}
	return msb + lsb
}
