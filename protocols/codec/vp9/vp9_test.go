package vp9

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// frameCases are what libvpx writes, but for the last ones.
var frameCases = []struct {
	name, frame, config, codec string
	want                       Header
}{
	{
		"profile 0", "824983420014100f1604", "0014820202020000", "vp09.00.20.08",
		Header{Key: true, Show: true, BitDepth: 8, SubsamplingX: true, SubsamplingY: true, Width: 322, Height: 242},
	},
	{
		"profile 3, 4:2:2, 10 bits", "b124c1a10200a08078b0", "0314a40202020000", "vp09.03.20.10",
		Header{Profile: 3, Key: true, Show: true, BitDepth: 10, SubsamplingX: true, Width: 322, Height: 242},
	},
	{
		"profile 1, RGB", "a2498342e014100f10", "0114870202020000", "vp09.01.20.08",
		Header{Profile: 1, Key: true, Show: true, BitDepth: 8, ColorSpace: 7, FullRange: true, Width: 322, Height: 242},
	},
	{"inter", "8600", "", "", Header{Show: true}},
	{"show existing", "88", "", "", Header{ShowExisting: true}},
}

func TestFrames(t *testing.T) {
	for _, c := range frameCases {
		t.Run(c.name, func(t *testing.T) {
			frame := unhex(c.frame)
			h, err := ParseHeader(frame)
			if d := cmp.Diff(c.want, h); d != "" || err != nil {
				t.Error(d, err)
			}
			for n := range frame {
				if h, err := ParseHeader(frame[:n]); err == nil && (n == 0 || h != c.want) {
					t.Errorf("cut at %d: %+v", n, h)
				}
			}
			track, err := Track(frame)
			if (err == nil) != c.want.Key {
				t.Fatalf("%+v, %v", track, err)
			}
		})
	}
}

func TestBadFrames(t *testing.T) {
	for _, bad := range []string{"", "42", "b8", "82498343001410", "8249834270"} {
		if h, err := ParseHeader(unhex(bad)); err == nil {
			t.Errorf("%s: %+v", bad, h)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, c := range frameCases {
		if !c.want.Key {
			continue
		}
		made, err := NewConfig(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(made.Append(nil)); got != c.config || made.Codec() != c.codec {
			t.Errorf("%s: %s, %s", c.name, got, made.Codec())
		}
		b := made.Append(nil)
		for _, form := range [][]byte{b, append([]byte{1, 0, 0, 0}, b...)} {
			read, err := ParseConfig(form)
			if d := cmp.Diff(made, read); d != "" || err != nil {
				t.Error(d, err)
			}
			for n := range form {
				if _, err := ParseConfig(form[:n]); err == nil {
					t.Errorf("%x cut at %d is accepted", form, n)
				}
			}
		}
	}
	for _, bad := range []string{"040a820202020000", "000a020202020000", "000a820202020001"} {
		if c, err := ParseConfig(unhex(bad)); err == nil {
			t.Errorf("%s: %+v", bad, c)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		w, h int
		want uint8
	}{{256, 144, 10}, {1280, 720, 31}, {1920, 1080, 40}, {3840, 2160, 50}, {16384, 8704, 62}} {
		if got := level(c.w, c.h); got != c.want {
			t.Errorf("%dx%d: %d", c.w, c.h, got)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, c := range frameCases {
		f.Add(unhex(c.frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err == nil && h.Key && (h.Width < 1 || h.Height < 1) {
			t.Fatalf("%+v", h)
		}
	})
}

func FuzzConfig(f *testing.F) {
	for _, c := range frameCases {
		f.Add(unhex(c.config))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		out := c.Append(nil)
		if again, err := ParseConfig(out); err != nil || !bytes.Equal(again.Append(nil), out) {
			t.Fatalf("%x: %v", out, err)
		}
	})
}
