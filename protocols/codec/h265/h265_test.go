package h265

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// spsCases are what x265 writes for the options named.
var spsCases = []struct {
	name, vps, sps, pps, codec string
	want                       SPS
}{
	{
		"main, 322x242 cropped, 29.97, B-frames",
		"40010c01ffff01600000030090000003000003003c959409",
		"42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601",
		"4401c172b46240", "hvc1.1.6.L60.90",
		SPS{
			Profile:   Profile{IDC: 1, Compatibility: 0x60000000, Constraints: 0x900000000000, Level: 60},
			SubLayers: 1, TemporalNested: true, ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8,
			Width: 322, Height: 242, MaxReorder: 2, FrameRateNum: 30000, FrameRateDen: 1001,
		},
	},
	{
		"main 10, high tier, default scaling lists",
		"40010c01ffff222000000300900000030000030099928090",
		"420101222000000300900000030000030099a003c08010e4d964a924e5780b4040000003004000000c82",
		"4401c172b46240", "hvc1.2.4.H153.90",
		SPS{
			Profile:   Profile{HighTier: true, IDC: 2, Compatibility: 0x20000000, Constraints: 0x900000000000, Level: 153},
			SubLayers: 1, TemporalNested: true, ChromaFormat: 1, BitDepthLuma: 10, BitDepthChroma: 10,
			Width: 1920, Height: 1080, FrameRateNum: 50, FrameRateDen: 1,
		},
	},
	{
		"4:4:4",
		"40010c01ffff0408000003009e0800000300003f959809",
		"4201010408000003009e0800000300003f9000a0402d2cb2b349272bc05a020000030002000003003210",
		"4401c176860c4624", "hvc1.4.10.L63.9E.8",
		SPS{
			Profile:   Profile{IDC: 4, Compatibility: 0x08000000, Constraints: 0x9e0800000000, Level: 63},
			SubLayers: 1, TemporalNested: true, ChromaFormat: 3, BitDepthLuma: 8, BitDepthChroma: 8,
			Width: 640, Height: 360, MaxReorder: 2, FrameRateNum: 25, FrameRateDen: 1,
		},
	},
}

func TestParseSPS(t *testing.T) {
	for _, c := range spsCases {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(c.sps)
			s, err := ParseSPS(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&c.want, s); d != "" {
				t.Error(d)
			}
			for n := range b {
				s, err := ParseSPS(b[:n])
				if err == nil && (n < 18 || s.Width != c.want.Width || s.Height != c.want.Height) {
					t.Errorf("cut at %d: %+v", n, s)
				}
			}
		})
	}
}

// TestSubLayers covers what x265 does not write: sub-layers with levels of
// their own, scaling lists, PCM, predicted reference sets.
func TestSubLayers(t *testing.T) {
	w := bits.NewWriter([]byte{0x42, 0x01})
	writeFormat(w)
	writeScalingLists(w)
	writeReferences(w)
	writeVUI(w)
	s, err := ParseSPS(w.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if s.SubLayers != 3 || s.MaxReorder != 2 || s.Width != 1280 || s.FrameRateNum != 0x02020202 || s.FrameRateDen != 0x01010101 {
		t.Errorf("%+v", s)
	}
}

func writeFormat(w *bits.Writer) {
	w.Uint(0, 4)
	w.Uint(2, 3) // three sub-layers
	w.Flag(true)
	w.Uint(1, 8)
	w.Uint(0xffffffff, 32) // all ones need no emulation prevention
	w.Uint(0xffff, 16)
	w.Uint(0xffffffff, 32)
	w.Uint(93, 8)
	w.Uint(0b11_01, 4) // the first has profile and level, the second a level
	w.Uint(0xfff, 12)
	for range 13 {
		w.Uint(0xff, 8)
	}
	for _, v := range []uint32{0, 1, 1280, 720} { // id, chroma format, size
		w.UE(v)
	}
	w.Flag(false)
	w.UE(0)
	w.UE(0)
	w.UE(4)
	w.Flag(true)
	for i := range uint32(3) {
		w.UE(4)
		w.UE(i)
		w.UE(0)
	}
	for range 6 {
		w.UE(1)
	}
}

func writeScalingLists(w *bits.Writer) {
	w.Uint(0b11, 2)
	for size := range 4 {
		for matrix := range 6 {
			if size == 3 && matrix%3 != 0 {
				continue
			}
			explicit := matrix == 0
			w.Flag(explicit)
			if !explicit {
				w.UE(0)
				continue
			}
			if size > 1 {
				w.UE(3)
			}
			for range min(64, 1<<(4+size<<1)) {
				w.UE(1)
			}
		}
	}
}

func writeReferences(w *bits.Writer) {
	w.Uint(0, 2)
	w.Flag(true) // PCM
	w.Uint(0xff, 8)
	w.UE(1)
	w.UE(1)
	w.Flag(true)
	w.UE(2) // reference sets: one of 2 + 1 pictures, one predicted from it
	w.UE(2)
	w.UE(1)
	for range 3 {
		w.UE(0)
		w.Flag(true)
	}
	w.Flag(true)
	w.Flag(true)
	w.UE(0)
	w.Uint(0b1_01_00_1, 6)
	w.Flag(true) // long-term pictures
	w.UE(2)
	w.Uint(0xffff, 16)
	w.Uint(0b11, 2)
	w.Uint(0b11, 2)
}

func writeVUI(w *bits.Writer) {
	w.Uint(0b11_11111111, 10) // extended aspect ratio
	w.Uint(0xffffffff, 32)
	w.Uint(0b11, 2)
	w.Uint(0b1_1111_1, 6)
	w.Uint(0xffffff, 24)
	w.Flag(true)
	w.UE(1)
	w.UE(1)
	w.Uint(0b111, 3)
	w.Flag(true)
	for range 4 {
		w.UE(1)
	}
	w.Flag(true)
	w.Uint(0x01010101, 32)
	w.Uint(0x02020202, 32)
}

func TestConfig(t *testing.T) {
	for _, c := range spsCases {
		t.Run(c.name, func(t *testing.T) {
			vps, sps, pps := unhex(c.vps), unhex(c.sps), unhex(c.pps)
			made, err := NewConfig([][]byte{vps}, [][]byte{sps}, [][]byte{pps})
			if err != nil {
				t.Fatal(err)
			}
			b := made.Append(nil)
			read, err := ParseConfig(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(made, read); d != "" {
				t.Error(d)
			}
			if got := read.Codec(); got != c.codec {
				t.Errorf("codec %s, want %s", got, c.codec)
			}
			if got := ConfigOf(nal.Join(vps, sps, pps, sps, []byte{0x26, 1, 2})); !bytes.Equal(got, b) {
				t.Errorf("ConfigOf = %x, want %x", got, b)
			}
			track, err := Track(b)
			want := &media.Track{Codec: media.H265, Config: b, Width: c.want.Width, Height: c.want.Height}
			if d := cmp.Diff(want, track); d != "" || err != nil {
				t.Error(d, err)
			}
			for n := range b {
				if _, err := ParseConfig(b[:n]); err == nil {
					t.Errorf("cut at %d is accepted", n)
				}
			}
		})
	}
}

func TestBadConfigs(t *testing.T) {
	if _, err := NewConfig(nil, nil, nil); err == nil {
		t.Error("no parameter sets are accepted")
	}
	good := (&Config{LengthSize: 4, BitDepthLuma: 8, BitDepthChroma: 8}).Append(nil)
	for i, v := range map[int]byte{0: 2, 22: 200} {
		bad := bytes.Clone(good)
		bad[i] = v
		if _, err := ParseConfig(bad); err == nil {
			t.Errorf("%x is accepted", bad)
		}
	}
	if ConfigOf(nal.Join([]byte{0x26, 1})) != nil {
		t.Error("a configuration out of nothing")
	}
}

var payloadCases = []struct {
	name                  string
	units                 [][]byte
	key, disposable, rasl bool
}{
	{"empty", nil, false, false, false},
	{"IDR with parameter sets", [][]byte{{0x40, 1, 1}, {0x42, 1}, {0x44, 1}, {0x26, 1, 9}}, true, false, false},
	{"CRA", [][]byte{{0x2a, 1, 9}}, true, false, false},
	{"TRAIL_R", [][]byte{{0x4e, 1, 5}, {0x02, 1, 9}}, false, false, false},
	{"TRAIL_N of the only sub-layer", [][]byte{{0x00, 1, 9}}, false, true, false},
	{"RASL_N", [][]byte{{0x10, 1, 9}}, false, true, true},
	{"cut header", [][]byte{{0x26}}, false, false, false},
}

func TestPayloads(t *testing.T) {
	for _, c := range payloadCases {
		p := nal.Join(c.units...)
		if IsKey(p) != c.key || Disposable(p, 1) != c.disposable || IsRASL(p) != c.rasl {
			t.Errorf("%s: key %v, disposable %v, RASL %v", c.name, IsKey(p), Disposable(p, 1), IsRASL(p))
		}
	}
	lower, upper := nal.Join([]byte{0x00, 1, 9}), nal.Join([]byte{0x00, 3, 9})
	if Disposable(lower, 3) || !Disposable(upper, 3) {
		t.Error("only the highest sub-layer is disposable")
	}
}

func FuzzSPS(f *testing.F) {
	for _, c := range spsCases {
		f.Add(unhex(c.sps))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSPS(b)
		if err == nil && (s.Width <= 0 || s.Height <= 0 || s.MaxReorder < 0 || s.MaxReorder > 15) {
			t.Fatalf("%+v", s)
		}
	})
}

func FuzzHEVCConfig(f *testing.F) {
	for _, c := range spsCases {
		made, _ := NewConfig([][]byte{unhex(c.vps)}, [][]byte{unhex(c.sps)}, [][]byte{unhex(c.pps)})
		f.Add(made.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		again, err := ParseConfig(c.Append(nil))
		if err != nil || !cmp.Equal(c, again) {
			t.Fatalf("does not round-trip: %v\n%+v\n%+v", err, c, again)
		}
		_ = c.Codec()
		if _, err := Track(b); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzPayload(f *testing.F) {
	for _, c := range payloadCases {
		f.Add(nal.Join(c.units...))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		IsKey(b)
		IsRASL(b)
		Disposable(b, 3)
		ConfigOf(b)
	})
}

func BenchmarkDisposable(b *testing.B) {
	p := nal.Join([]byte{0x4e, 1, 5}, append([]byte{0, 1, 9}, make([]byte, 5000)...))
	b.ReportAllocs()
	for b.Loop() {
		Disposable(p, 1)
	}
}
