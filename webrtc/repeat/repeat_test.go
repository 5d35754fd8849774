package repeat

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// encode makes two seconds of a test picture with x264 and returns its access
// units, in coding order.
func encode(t testing.TB, params string, args ...string) [][][]byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "a.h264")
	args = append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-t", "2", "-pix_fmt", "yuv420p"}, args...)
	args = append(args, "-c:v", "libx264", "-x264-params", "aud=1:keyint=30:scenecut=0:b-adapt=0:"+params, "-f", "h264", out)
	if b, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("these tests need ffmpeg (apt-get install ffmpeg): %v %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var list [][][]byte
	for _, u := range bytes.Split(bytes.ReplaceAll(b, []byte{0, 0, 0, 1}, []byte{0, 0, 1}), []byte{0, 0, 1}) {
		switch {
		case len(u) == 0:
		case u[0]&0x1f == 9:
			list = append(list, nil)
		default:
			list[len(list)-1] = append(list[len(list)-1], u)
		}
	}
	return list
}

func payload(units [][]byte) (b []byte) {
	for _, u := range units {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(u))), u...)
	}
	return b
}

// isB reports whether the access unit is a B picture.
func isB(units [][]byte) bool {
	for _, u := range units {
		if u[0]&0x1f == 1 {
			r := newReader(u)
			r.ue()
			return r.ue()%5 == sliceB
		}
	}
	return false
}

func sets(units [][]byte) (s, p [][]byte) {
	for _, u := range units {
		switch u[0] & 0x1f {
		case 7:
			s = append(s, u)
		case 8:
			p = append(p, u)
		}
	}
	return s, p
}

// TestDecodersStayInStep takes the B pictures out of what x264 makes and lets
// ffmpeg, which reports every missing reference and frame number, decode the rest.
func TestDecodersStayInStep(t *testing.T) {
	for _, c := range []struct{ name, params, args string }{
		{"pyramid", "bframes=3:ref=3", ""},
		{"strict pyramid", "bframes=3:ref=3:b-pyramid=strict", ""},
		{"long pyramid", "bframes=8:ref=5", ""},
		{"baseline-like tools", "bframes=3:ref=2:cabac=0:8x8dct=0:weightp=0:weightb=0", ""},
		{"open groups", "bframes=3:ref=3:open-gop=1", ""},
		{"slices", "bframes=3:ref=3:slices=4", ""},
		{"4:2:2, 10 bit", "bframes=3:ref=3", "yuv422p10le"},
		{"own matrices", "bframes=3:ref=3:cqm=jvt", ""},
		{"no pyramid", "bframes=2:ref=3:b-pyramid=none", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var args []string
			if c.args != "" {
				args = []string{"-pix_fmt", c.args}
			}
			units := encode(t, c.params, args...)
			spsUnits, ppsUnits := sets(units[0])
			r, ok := NewRepeater(spsUnits, ppsUnits)
			if !ok {
				t.Fatal("the parameter sets are not understood")
			}
			var out []byte
			pictures, repeats := 0, 0
			for _, au := range units {
				p := payload(au)
				if isB(au) {
					if firstSlice(p)[0]&0x60 == 0 {
						continue
					}
					if p, ok = r.Picture(p); !ok {
						t.Fatal("no repeat for a B picture")
					}
					repeats++
				} else {
					r.Sent(p)
				}
				pictures++
				out = append(out, annexB(p)...)
			}
			if want := !strings.Contains(c.name, "no pyramid"); (repeats > 0) != want {
				t.Errorf("%d repeats", repeats)
			}
			decode(t, out, pictures)
		})
	}
}

func annexB(payload []byte) (b []byte) {
	for len(payload) > 4 {
		n := binary.BigEndian.Uint32(payload)
		b = append(append(b, 0, 0, 0, 1), payload[4:4+n]...)
		payload = payload[4+n:]
	}
	return b
}

// decode fails the test if ffmpeg has anything to say, or finds another number of
// pictures.
func decode(t *testing.T, stream []byte, pictures int) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "out.h264")
	if err := os.WriteFile(in, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := exec.Command("ffmpeg", "-v", "warning", "-i", in, "-fps_mode", "passthrough", "-f", "null", "-").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(b)) > 0 {
		t.Errorf("ffmpeg: %v\n%s", err, b)
	}
	b, err = exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", in).CombinedOutput()
	if n, _ := strconv.Atoi(strings.TrimSpace(string(b))); err != nil || n != pictures {
		t.Errorf("ffprobe counts %q pictures, want %d (%v)", b, pictures, err)
	}
}

// Parameter sets and a B picture of x264's pyramid, for the tests that need no
// encoder.
var (
	testSPS = []byte{0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x42, 0x99, 0x60}
	testPPS = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
	testP   = []byte{0x41, 0x9a, 0x24, 0x6c, 0x41, 0x0f, 0xfe}
	testB   = []byte{0x41, 0x9e, 0x42, 0x78, 0x85, 0xff, 0xc1}
)

func TestBroken(t *testing.T) {
	for n := range testSPS {
		_, _ = NewRepeater([][]byte{testSPS[:n]}, [][]byte{testPPS})
	}
	for n := range testPPS {
		_, _ = NewRepeater([][]byte{testSPS}, [][]byte{testPPS[:n]})
	}
	r, ok := NewRepeater([][]byte{testSPS}, [][]byte{testPPS})
	if !ok {
		t.Fatal("good parameter sets are refused")
	}
	if _, ok := r.Picture(payload([][]byte{testB})); ok {
		t.Error("a repeat of nothing")
	}
	for n := range testP {
		r.Sent(payload([][]byte{testP[:n]}))
	}
	r.Sent(payload([][]byte{testP}))
	for n := range testB {
		_, _ = r.Picture(payload([][]byte{testB[:n]}))
	}
	if _, ok := r.Picture(payload([][]byte{testB})); !ok {
		t.Error("no repeat for a B picture")
	}
	for _, b := range [][]byte{nil, {0}, {0, 0, 0, 9, 0x41}, {0xff, 0xff, 0xff, 0xff, 0x41}} {
		r.Sent(b)
		if _, ok := r.Picture(b); ok {
			t.Errorf("a repeat for % x", b)
		}
	}
	if _, ok := NewRepeater(nil, nil); ok {
		t.Error("no parameter sets are enough")
	}
}

func FuzzRepeat(f *testing.F) {
	f.Add(testSPS, testPPS, testP, testB)
	f.Fuzz(func(t *testing.T, sps, pps, p, b []byte) {
		r, ok := NewRepeater([][]byte{sps}, [][]byte{pps})
		if !ok {
			return
		}
		r.Sent(payload([][]byte{p}))
		out, ok := r.Picture(payload([][]byte{b}))
		if !ok {
			return
		}
		// What is made can be read again, by the set that it names.
		set := binary.BigEndian.Uint32(out)
		q, ok := parsePPS(out[4 : 4+set])
		if !ok {
			t.Fatalf("own parameter set % x", out)
		}
		h, ok := parseSlice(firstSlice(out), func(id uint32) (*spsType, *ppsType) {
			return r.sps[q.sps], &q
		})
		if !ok || h.pps != q.id {
			t.Fatalf("own picture % x", out)
		}
	})
}

type (
	spsType = sps
	ppsType = pps
)

func BenchmarkRepeat(b *testing.B) {
	r, _ := NewRepeater([][]byte{testSPS}, [][]byte{testPPS})
	p, in := payload([][]byte{testP}), payload([][]byte{testB})
	b.ReportAllocs()
	for b.Loop() {
		r.Sent(p)
		if _, ok := r.Picture(in); !ok {
			b.Fatal("no repeat")
		}
	}
}
