package av1

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/codec/bits"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// configCases are what SVT-AV1 and libaom write.
var configCases = []struct {
	name, config, codec string
	want                SequenceHeader
}{
	{
		"main, 8 bits", "81000c000a0b000000043d07c402f80040", "av01.0.00M.08",
		SequenceHeader{BitDepth: 8, SubsamplingX: true, SubsamplingY: true, Width: 322, Height: 242},
	},
	{
		"high, 4:4:4, 10 bits", "812040000a0a200000043d07c4daf942", "av01.1.00M.10",
		SequenceHeader{Profile: 1, BitDepth: 10, Width: 322, Height: 242},
	},
}

func TestConfig(t *testing.T) {
	for _, c := range configCases {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(c.config)
			config, err := ParseConfig(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := config.Append(nil); !bytes.Equal(got, b) {
				t.Errorf("written as %x", got)
			}
			if got := config.Codec(); got != c.codec {
				t.Errorf("codec %s, want %s", got, c.codec)
			}
			for o := range Units(config.OBUs) {
				s, err := ParseSequenceHeader(o.Data)
				if d := cmp.Diff(&c.want, s); d != "" || err != nil {
					t.Error(d, err)
				}
				for n := range o.Data {
					if s, err := ParseSequenceHeader(o.Data[:n]); err == nil && n < len(o.Data)-2 {
						t.Errorf("sequence header cut at %d: %+v", n, s)
					}
				}
			}
			if got := ConfigOf(config.OBUs); !bytes.Equal(got, b) {
				t.Errorf("ConfigOf = %x", got)
			}
			track, err := Track(b)
			if err != nil || track.Width != c.want.Width || track.Height != c.want.Height {
				t.Errorf("%+v, %v", track, err)
			}
			for n := range b {
				if _, err := ParseConfig(b[:n]); err == nil && n != configSize {
					t.Errorf("cut at %d is accepted", n)
				}
			}
		})
	}
}

func TestConfigFields(t *testing.T) {
	delay := uint8(9)
	c := &Config{Profile: 2, Level: 31, HighTier: true, HighBitDepth: true, TwelveBit: true, Monochrome: true, SubsamplingX: true, ChromaPos: 2, PresentationDelay: &delay}
	got, err := ParseConfig(c.Append(nil))
	if d := cmp.Diff(c, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if got.Codec() != "av01.2.31H.12" {
		t.Error(got.Codec())
	}
	if _, err := ParseConfig([]byte{0x01, 0, 0, 0}); err == nil {
		t.Error("no marker is accepted")
	}
}

// TestFullSequenceHeader covers the branches that the encoders here do not
// take: timing, decoder model, tiers, identity matrix.
func TestFullSequenceHeader(t *testing.T) {
	w := bits.NewWriter(nil)
	w.Uint(1, 3)
	w.Uint(0b00_1, 3) // timing info
	w.Uint(1001, 32)
	w.Uint(30000, 32)
	w.Flag(true)
	w.UE(0)
	w.Flag(true) // decoder model
	w.Uint(9, 5)
	w.Uint(1, 32)
	w.Uint(0, 10)
	w.Flag(true)
	w.Uint(1, 5) // two operating points
	for range 2 {
		w.Uint(0, 12)
		w.Uint(13, 5)
		w.Flag(true)
		w.Flag(true)
		w.Uint(0, 21)
		w.Flag(true)
		w.Uint(3, 4)
	}
	w.Uint(11, 4)
	w.Uint(10, 4)
	w.Uint(3839, 12)
	w.Uint(2047, 11)
	w.Flag(true)
	w.Uint(0, 7)
	w.Uint(0, 3)
	w.Uint(0b1111_1_11, 7)
	w.Uint(0b0_1_0_0, 4) // forced screen content tools, forced integer vectors
	w.Uint(6, 3)
	w.Uint(0, 3)
	w.Uint(0b0_1, 2)
	w.Uint(1<<16|13<<8, 24)
	w.Uint(0, 2)
	s, err := ParseSequenceHeader(w.Bytes())
	want := &SequenceHeader{Profile: 1, Level: 13, HighTier: true, BitDepth: 8, Width: 3840, Height: 2048, FrameRateNum: 30000, FrameRateDen: 1001}
	if d := cmp.Diff(want, s); d != "" || err != nil {
		t.Error(d, err)
	}
}

var (
	delimiter = OBU{Type: TypeTemporalDelimiter, Data: []byte{}}
	sequence  = OBU{Type: TypeSequenceHeader, Data: unhex("000000043d07c402f80040")}
	keyFrame  = OBU{Type: TypeFrame, Data: []byte{0x10, 1, 2}}
	frame     = OBU{Type: TypeFrame, Extension: true, Temporal: 3, Spatial: 1, Data: bytes.Repeat([]byte{0x30}, 200)}
)

var unitCases = []struct {
	name string
	obus []OBU
	key  bool
}{
	{"nothing", nil, false},
	{"key", []OBU{delimiter, sequence, keyFrame}, true},
	{"key without sequence header", []OBU{keyFrame}, false},
	{"inter with layer ids", []OBU{delimiter, frame}, false},
	{"reduced still picture", []OBU{{Type: TypeSequenceHeader, Data: []byte{0x18}}, {Type: TypeFrame, Data: []byte{0xff}}}, true},
	{"empty frame", []OBU{sequence, {Type: TypeFrame, Data: []byte{}}}, false},
}

func TestUnits(t *testing.T) {
	for _, c := range unitCases {
		t.Run(c.name, func(t *testing.T) {
			var sized, want []byte
			for i, o := range c.obus {
				if o.Type != TypeTemporalDelimiter {
					want = o.Append(want)
				}
				if i == len(c.obus)-1 {
					sized = o.AppendBare(sized) // the last may go without its size
				} else {
					sized = o.Append(sized)
				}
			}
			if got := slices.Collect(Units(sized)); !cmp.Equal(got, c.obus) {
				t.Errorf("Units = %+v", got)
			}
			got, err := Normalize(sized)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("Normalize = %x, %v, want %x", got, err, want)
			}
			if again, err := Normalize(got); err != nil || len(got) > 0 && &again[0] != &got[0] {
				t.Errorf("Normalize copies what is normal: %v", err)
			}
			if IsKey(sized) != c.key {
				t.Errorf("key %v", IsKey(sized))
			}
			if full, err := Normalize(append(OBU{Type: TypeTemporalDelimiter}.Append(nil), got...)); err != nil || !bytes.Equal(full, got) {
				t.Errorf("with a delimiter: %x, %v", full, err)
			}
		})
	}
}

func TestBadUnits(t *testing.T) {
	whole := frame.Append(nil)
	for n := 1; n < len(whole); n++ {
		if err := Check(whole[:n]); !errors.Is(err, ErrOBU) {
			t.Errorf("cut at %d: %v", n, err)
		}
		if _, err := Normalize(whole[:n]); !errors.Is(err, ErrOBU) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for _, bad := range []string{"80", "0aff", "0affffffffffffffff01", "0affffffff1f"} {
		if err := Check(unhex(bad)); !errors.Is(err, ErrOBU) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestLeb128(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 300, 1<<32 - 1} {
		b := AppendLeb128(nil, v)
		if got, n := ReadLeb128(b); got != v || n != len(b) {
			t.Errorf("%d: %d, %d bytes of %d", v, got, n, len(b))
		}
	}
}

func FuzzAV1Config(f *testing.F) {
	for _, c := range configCases {
		f.Add(unhex(c.config))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		if again, err := ParseConfig(c.Append(nil)); err != nil || !cmp.Equal(c, again) {
			t.Fatalf("does not round-trip: %v\n%+v\n%+v", err, c, again)
		}
		if _, err := Track(b); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, c := range unitCases {
		var b []byte
		for _, o := range c.obus {
			b = o.Append(b)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		IsKey(b)
		ConfigOf(b)
		out, err := Normalize(b)
		if (err == nil) != (Check(b) == nil) {
			t.Fatal("Check and Normalize disagree")
		}
		if err == nil && Check(out) != nil {
			t.Fatalf("Normalize made %x", out)
		}
	})
}

func BenchmarkIsKey(b *testing.B) {
	p := frame.Append(sequence.Append(nil))
	b.ReportAllocs()
	for b.Loop() {
		IsKey(p)
	}
}
