package mpegts

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// The parameter sets of an encoder whose pictures may be fields, 30 frames a second:
// frame_num has 4 bits, pic_order_cnt_lsb 6.
const (
	fieldSPS = "674d4015eca0a19f9301100000030010000003 03c1f1429960"
	fieldPPS = "68de3c80"
)

// field returns the slice of a field, or of a frame where parity is -1, as
// hexadecimal digits.
func field(frameNum, parity, order int, idr bool) string {
	bits := "1" + "1" + "1" + fmt.Sprintf("%04b", frameNum) // first_mb 0, slice_type 0, pps 0
	if parity < 0 {
		bits += "0"
	} else {
		bits += "1" + fmt.Sprint(parity)
	}
	head := "41"
	if idr {
		head, bits = "65", bits+"1" // idr_pic_id 0
	}
	bits += fmt.Sprintf("%06b", order) + "1111111"
	for ; len(bits) >= 8; bits = bits[8:] {
		var b byte
		fmt.Sscanf(bits[:8], "%b", &b)
		head += fmt.Sprintf("%02x", b)
	}
	return head
}

// TestFields: two fields of a frame are one packet at the first one's time, however
// delimiters and PES packets stand between them.
func TestFields(t *testing.T) {
	const top, bottom, frame = 0, 1, -1
	sets := es(aud, fieldSPS, fieldPPS)
	first, second := field(0, top, 0, true), field(0, bottom, 1, false)
	next, other := field(1, top, 2, false), field(1, bottom, 3, false)
	whole, after := field(2, frame, 4, false), field(3, frame, 6, false)
	const start = "track H264 320x180 0/0\nH264 9000+0 %d key\nH264 12000+0 %d\nH264 15000+0 %d\nH264 18000+0 %d"
	size := func(slices ...string) (n int) {
		for _, s := range slices {
			n += nal.LengthSize + len(unhex(s))
		}
		return n
	}
	want := fmt.Sprintf(start, size(fieldSPS, fieldPPS, first, second), size(next, other), size(whole), size(after))
	for _, sized := range []bool{true, false} {
		for _, c := range []struct {
			name  string
			write func(s *script)
		}{
			{"a delimiter between", func(s *script) {
				s.pes(0x100, idVideo, 9000, 0, sized, sets, es(first, aud, second))
				s.pes(0x100, idVideo, 12000, 0, sized, es(aud, next, aud, other))
			}},
			{"no delimiter between", func(s *script) {
				s.pes(0x100, idVideo, 9000, 0, sized, sets, es(first, second))
				s.pes(0x100, idVideo, 12000, 0, sized, es(aud, next, other))
			}},
			{"each in a PES packet", func(s *script) {
				s.pes(0x100, idVideo, 9000, 0, sized, sets, es(first))
				s.pes(0x100, idVideo, 10500, 0, sized, es(aud, second))
				s.pes(0x100, idVideo, 12000, 0, sized, es(aud, next))
				s.pes(0x100, idVideo, 13500, 0, sized, es(aud, other))
			}},
			{"all in a PES packet", func(s *script) {
				s.pes(0x100, idVideo, 9000, 0, sized, sets, es(first, aud, second, aud, next, aud, other))
			}},
		} {
			t.Run(fmt.Sprintf("%s, %v", c.name, sized), func(t *testing.T) {
				s := newScript(stream{kind: typeH264, pid: 0x100})
				c.write(s)
				s.pes(0x100, idVideo, 15000, 0, sized, es(aud, whole))
				s.pes(0x100, idVideo, 18000, 0, sized, es(aud, after))
				if got := s.found(); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// TestLoneField: a field whose other one never comes is a picture of its own.
func TestLoneField(t *testing.T) {
	s := newScript(stream{kind: typeH264, pid: 0x100})
	s.pes(0x100, idVideo, 9000, 0, true, es(aud, fieldSPS, fieldPPS, field(0, 0, 0, true)))
	s.pes(0x100, idVideo, 12000, 0, true, es(aud, field(1, 1, 3, false)))
	s.pes(0x100, idVideo, 15000, 0, true, es(aud, field(2, -1, 4, false)))
	const want = "track H264 320x180 0/0\nH264 9000+0 44 key\nH264 12000+0 7\nH264 15000+0 7"
	if got := s.found(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPicturesInAPES puts several pictures of a real encoder into each PES packet,
// which tells the times of the first: those of the others are found.
func TestPicturesInAPES(t *testing.T) {
	for _, options := range [][]string{
		{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-g", "20", "-an"},
		{"-c:v", "libx264", "-preset", "medium", "-bf", "3", "-g", "20", "-x264-params", "b-pyramid=normal:force-cfr=0", "-an"},
		{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "20", "-an"},
	} {
		want := readTS(t, source{options: options, format: "mpegts"}.make(t))
		for _, n := range []int{2, 3, 7} {
			s := newScript(stream{kind: typeH264, pid: 0x100})
			for group := range slices.Chunk(want, n) {
				at := media.ToClock(group[0].PTS, ClockRate)
				var b []byte
				for _, p := range group {
					b = append(b, es(aud)...)
					for u := range nal.Units(p.Payload) {
						b = append(append(b, 0, 0, 1), u...)
					}
				}
				s.pes(0x100, idVideo, at, at-media.ToClock(group[0].DTS, ClockRate), false, b)
			}
			got, errs := demux(s.stream, 1000)
			if len(errs) > 0 || len(got) != len(want) {
				t.Fatalf("%d in each: %d pictures of %d, %v", n, len(got), len(want), errs)
			}
			for i, p := range got {
				if near(p.DTS, want[i].DTS) && near(p.PTS, want[i].PTS) {
					continue
				}
				t.Errorf("%v, %d in each: picture %d is decoded at %v and shown at %v, want %v and %v", options, n, i, p.DTS, p.PTS, want[i].DTS, want[i].PTS)
				break
			}
		}
	}
}

// near allows for a tick of rounding.
func near(a, b time.Duration) bool { return max(a-b, b-a) < 15*time.Microsecond }
