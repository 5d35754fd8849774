package h264

import (
	"testing"
)

// orderSPS has frame numbers of 4 bits and order counts of 6, and pictures that may
// be fields.
const orderSPS = "674d4015eca0a19f930110000003001000000303c1f1429960"

// orderCases are slice headers after their first three codes, 111.
var orderCases = []struct {
	name, slice string
	want        Order
}{
	{"an IDR frame", "65e081ff", Order{IDR: true, Ref: true}},                              // 0000 0 1 000000
	{"a frame", "41e637ff", Order{FrameNum: 3, Ref: true, LSB: 13}},                        // 0011 0 001101
	{"a top field", "41e71bff", Order{FrameNum: 3, Field: true, Ref: true, LSB: 13}},       // 0011 10 001101
	{"a bottom field", "01e79bff", Order{FrameNum: 3, Field: true, Bottom: true, LSB: 13}}, // 0011 11 001101
}

func TestOrder(t *testing.T) {
	sps, err := ParseSPS(unhex(orderSPS))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range orderCases {
		b := unhex(c.slice)
		if got, err := sps.Order(b); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
		for n := range 3 {
			if _, err := sps.Order(b[:n]); err == nil {
				t.Errorf("%s: %d bytes are enough", c.name, n)
			}
		}
	}
	top, bottom, next := orderCases[2].want, orderCases[3].want, orderCases[3].want
	next.FrameNum++
	if !bottom.SecondOf(top) || top.SecondOf(top) || next.SecondOf(top) || top.SecondOf(orderCases[1].want) {
		t.Error("which fields are of one frame")
	}
}

// TestCounter follows counts of 6 bits over their wraps, with B pictures.
func TestCounter(t *testing.T) {
	sps, err := ParseSPS(unhex(orderSPS))
	if err != nil {
		t.Fatal(err)
	}
	var c Counter
	for i, want := range []int64{0, 8, 4, 2, 6, 16, 12, 24, 32, 40, 48, 56, 64, 60, 72, 80, 68, 128 - 32, 0, 8} {
		o := Order{LSB: uint32(want % 64), Ref: want%8 == 0, IDR: i > 0 && want == 0}
		if got := c.Next(sps, o); got != want {
			t.Errorf("picture %d: %d, want %d", i, got, want)
		}
	}
}

func FuzzOrder(f *testing.F) {
	for _, c := range orderCases {
		f.Add(unhex(orderSPS), unhex(c.slice))
	}
	f.Fuzz(func(t *testing.T, set, slice []byte) {
		sps, err := ParseSPS(set)
		if err != nil {
			return
		}
		o, err := sps.Order(slice)
		if err != nil {
			return
		}
		if o.Bottom && !o.Field || o.Field && !sps.Interlaced || o.FrameNum > 0xffff || o.LSB > 0xffff {
			t.Errorf("%+v", o)
		}
		var c Counter
		c.Next(sps, o)
	})
}
