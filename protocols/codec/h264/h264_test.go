package h264

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// spsCases are what x264 writes for the options named.
var spsCases = []struct {
	name, sps, pps string
	want           SPS
}{
	{
		"high, 322x242 cropped, 29.97, B-frames", "6764000dacd94150878888c04400000fa40003a9803c50a658", "68ebe3cb22c0",
		SPS{
			Profile: 100, Level: 13, ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8, Width: 322, Height: 242,
			MaxRefFrames: 4, FrameRateNum: 60000, FrameRateDen: 2002, MaxReorder: 2,
		},
	},
	{
		"constrained baseline", "6742c01ed900a02ff97011000003000100000300320f162e48", "68cb83cb20",
		SPS{
			Profile: 66, Constraints: 0xc0, Level: 30, ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8, Width: 640, Height: 360,
			PicOrderCntType: 2, MaxRefFrames: 3, FrameRateNum: 50, FrameRateDen: 2, MaxReorder: 0,
		},
	},
	{
		"main, interlaced, HRD", "674d401eeca05a126c0440000003004000000c9810003d090007a13930c03e28532c", "68fbacb2",
		SPS{
			Profile: 77, Constraints: 0x40, Level: 30, ChromaFormat: 1, BitDepthLuma: 8, BitDepthChroma: 8, Width: 720, Height: 576,
			MaxRefFrames: 4, Interlaced: true, FrameRateNum: 50, FrameRateDen: 2, MaxReorder: 2,
		},
	},
	{
		"high 4:4:4 with scaling matrices", "67f4002a919b280f0044fc4e0220000003002000000f01e30632c0", "68ebe3c44c000440",
		SPS{
			Profile: 244, Level: 42, ChromaFormat: 3, BitDepthLuma: 8, BitDepthChroma: 8, Width: 1920, Height: 1080,
			MaxRefFrames: 4, FrameRateNum: 120, FrameRateDen: 2, MaxReorder: 2,
		},
	},
}

func TestParseSPS(t *testing.T) {
	for _, c := range spsCases {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseSPS(unhex(c.sps))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&c.want, s, cmpopts.IgnoreUnexported(SPS{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTruncatedSPS(t *testing.T) {
	for _, c := range spsCases {
		b := unhex(c.sps)
		for n := range b {
			s, err := ParseSPS(b[:n])
			if err == nil && (s.Width != c.want.Width || s.Height != c.want.Height) {
				t.Errorf("%s cut at %d: %+v", c.name, n, s)
			}
			if err == nil && n < 8 {
				t.Errorf("%s cut at %d is accepted", c.name, n)
			}
		}
	}
}

func TestInferredReorder(t *testing.T) {
	for _, c := range []struct {
		sps      SPS
		frameMBs int
		want     int
	}{
		{SPS{Profile: 100, Level: 40}, 8160, 4},
		{SPS{Profile: 100, Level: 31}, 3600, 5},
		{SPS{Profile: 100, Level: 51}, 99, 16},
		{SPS{Profile: 77, Level: 11, Constraints: 0x10}, 99, 4},
		{SPS{Profile: 110, Level: 40, Constraints: 0x10}, 8160, 0},
		{SPS{Profile: 100, Level: 40, PicOrderCntType: 2}, 8160, 0},
		{SPS{Profile: 66, Level: 40}, 8160, 0},
	} {
		if got := c.sps.inferReorder(c.frameMBs); got != c.want {
			t.Errorf("%+v: %d, want %d", c.sps, got, c.want)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range spsCases {
		t.Run(c.name, func(t *testing.T) {
			sps, pps := unhex(c.sps), unhex(c.pps)
			made, err := NewConfig([][]byte{sps}, [][]byte{pps})
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
			if got := ConfigOf(nal.Join(sps, pps, sps, []byte{0x65, 1})); !bytes.Equal(got, b) {
				t.Errorf("ConfigOf = %x, want %x", got, b)
			}
			track, err := Track(b)
			if err != nil {
				t.Fatal(err)
			}
			want := &media.Track{Codec: media.H264, Config: b, Width: c.want.Width, Height: c.want.Height}
			if d := cmp.Diff(want, track); d != "" {
				t.Error(d)
			}
			mandatory := 7 + 2 + len(sps) + 2 + len(pps)
			for n := range b {
				if _, err := ParseConfig(b[:n]); err == nil && n < mandatory {
					t.Errorf("cut at %d is accepted", n)
				}
			}
		})
	}
}

func TestCodecStrings(t *testing.T) {
	c := &Config{Profile: 0x42, Compat: 0xe0, Level: 0x1f}
	if c.Codec() != "avc1.42e01f" || c.ProfileLevelID() != "42e01f" {
		t.Errorf("%q, %q", c.Codec(), c.ProfileLevelID())
	}
}

func TestBadConfigs(t *testing.T) {
	if _, err := NewConfig(nil, [][]byte{{0x68}}); err == nil {
		t.Error("no SPS is accepted")
	}
	if _, err := ParseConfig([]byte{0, 0x64, 0, 31, 0xff, 0xe0, 0}); err == nil {
		t.Error("version 0 is accepted")
	}
	if ConfigOf(nal.Join([]byte{0x65, 1})) != nil {
		t.Error("a configuration out of nothing")
	}
	if track, err := Track([]byte{1, 0x4d, 0, 31, 0xff, 0xe0, 0}); err != nil || track.Width != 0 {
		t.Errorf("a record without parameter sets: %v, %v", track, err)
	}
}

var payloadCases = []struct {
	name            string
	units           [][]byte
	key, disposable bool
}{
	{"empty", nil, false, false},
	{"IDR with parameter sets", [][]byte{{0x67, 1}, {0x68}, {0x65, 0x88, 0x84}}, true, false},
	{"P", [][]byte{{0x06, 5}, {0x41, 0x9a, 0x24}}, false, false},
	{"B not referred to", [][]byte{{0x01, 0x9e, 0x41}, {0x01, 0x43, 0xcf}}, false, true},
	{"B referred to", [][]byte{{0x41, 0x9e, 0x41}}, false, false},
	{"only SEI", [][]byte{{0x06, 5}}, false, false},
}

func TestPayloads(t *testing.T) {
	for _, c := range payloadCases {
		p := nal.Join(c.units...)
		if IsKey(p) != c.key || Disposable(p) != c.disposable {
			t.Errorf("%s: key %v, disposable %v", c.name, IsKey(p), Disposable(p))
		}
	}
}

func TestParseSlice(t *testing.T) {
	s, err := ParseSlice([]byte{0x65, 0x88, 0x84, 0x00})
	if d := cmp.Diff(Slice{FirstMB: 0, Type: SliceI, PPS: 0, RefIDC: 3, IDR: true}, s); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, bad := range [][]byte{nil, {0x65}, {0x65, 0}, {0x67, 0x88}, {0x41, 0x80 | 0x01, 0, 0, 0, 0, 0, 0, 0}} {
		if s, err := ParseSlice(bad); err == nil {
			t.Errorf("%x: %+v", bad, s)
		}
	}
}

func FuzzSPS(f *testing.F) {
	for _, c := range spsCases {
		f.Add(unhex(c.sps))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSPS(b)
		if err == nil && (s.Width <= 0 || s.Height <= 0 || s.MaxReorder < 0 || s.MaxReorder > 16) {
			t.Fatalf("%+v", s)
		}
	})
}

func FuzzAVCConfig(f *testing.F) {
	for _, c := range spsCases {
		made, _ := NewConfig([][]byte{unhex(c.sps)}, [][]byte{unhex(c.pps)})
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
		Disposable(b)
		ConfigOf(b)
	})
}
