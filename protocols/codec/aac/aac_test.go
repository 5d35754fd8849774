package aac

import (
	"encoding/hex"
	"errors"
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

func ptr(v uint8) *uint8 { return &v }

var configCases = []struct {
	name           string
	bytes          string
	config         Config
	rate, channels int // of the track
}{
	{"LC 44100 stereo", "1210", Config{ObjectType: LC, SampleRate: 44100, ChannelConfig: 2, FrameLength: 1024}, 44100, 2},
	{"LC 48000 5.1", "11b0", Config{ObjectType: LC, SampleRate: 48000, ChannelConfig: 6, FrameLength: 1024}, 48000, 6},
	{"LC 48000 7.1", "11b8", Config{ObjectType: LC, SampleRate: 48000, ChannelConfig: 7, FrameLength: 1024}, 48000, 8},
	{"LC 960", "1194", Config{ObjectType: LC, SampleRate: 48000, ChannelConfig: 2, FrameLength: 960}, 48000, 2},
	{"explicit rate", "17800bb890", Config{ObjectType: LC, SampleRate: 6001, ChannelConfig: 2, FrameLength: 1024}, 6001, 2},
	{"depends on core", "1213fff8", Config{ObjectType: LC, SampleRate: 44100, ChannelConfig: 2, FrameLength: 1024, DependsOnCore: true, CoreCoderDelay: 16383}, 44100, 2},
	{"SBR hierarchical", "2b920800", Config{ObjectType: LC, SampleRate: 22050, ChannelConfig: 2, FrameLength: 1024, Signalling: Hierarchical, SBR: true, ExtensionRate: 44100}, 44100, 2},
	{"PS hierarchical", "eb8a0800", Config{ObjectType: LC, SampleRate: 22050, ChannelConfig: 1, FrameLength: 1024, Signalling: Hierarchical, SBR: true, PS: true, ExtensionRate: 44100}, 44100, 2},
	{"SBR compatible", "139056e5a0", Config{ObjectType: LC, SampleRate: 22050, ChannelConfig: 2, FrameLength: 1024, Signalling: Compatible, SBR: true, ExtensionRate: 44100}, 44100, 2},
	{"PS compatible", "138856e5a54880", Config{ObjectType: LC, SampleRate: 22050, ChannelConfig: 1, FrameLength: 1024, Signalling: Compatible, SBR: true, PS: true, ExtensionRate: 44100}, 44100, 2},
	{"SBR announced absent", "121056e500", Config{ObjectType: LC, SampleRate: 44100, ChannelConfig: 2, FrameLength: 1024, Signalling: Compatible}, 44100, 2},
	{"PCE", "", Config{
		ObjectType: LC, SampleRate: 48000, FrameLength: 1024,
		Program: &Program{
			InstanceTag: 1, ObjectType: 1, RateIndex: 3,
			Front: []Element{{false, 0}, {true, 0}}, Side: []Element{{true, 1}}, Back: []Element{{false, 1}},
			LFE: []uint8{0}, Data: []uint8{4}, Coupling: []Element{{true, 3}},
			MonoMixdown: ptr(1), StereoMixdown: ptr(2), MatrixMixdown: ptr(5), Comment: []byte("hi"),
		},
	}, 48000, 7},
}

func TestConfig(t *testing.T) {
	for _, c := range configCases {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.config.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(b); c.bytes != "" && got != c.bytes {
				t.Errorf("written as %s, want %s", got, c.bytes)
			}
			got, err := ParseConfig(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&c.config, got); d != "" {
				t.Error(d)
			}
			track, err := Track(b)
			if err != nil || track.SampleRate != c.rate || track.Channels != c.channels {
				t.Errorf("track %+v, %v", track, err)
			}
			for n := range b {
				// What backward compatible signalling adds may be missing.
				if got, err := ParseConfig(b[:n]); err == nil && c.config.Signalling != Compatible {
					t.Errorf("cut at %d: %+v", n, got)
				}
			}
		})
	}
}

func TestOtherConfigs(t *testing.T) {
	for _, c := range []struct {
		bytes string
		want  *Config
	}{
		{"f8e8500000", &Config{ObjectType: ERELD, SampleRate: 44100, ChannelConfig: 2}},
		{"8a1000", &Config{ObjectType: ERLC, SampleRate: 44100, ChannelConfig: 2, FrameLength: 1024}},
		{"1690", nil}, // reserved rate index 13
		{"0210", nil}, // object type 0
		{"2b921400", nil},
		{"", nil},
	} {
		got, err := ParseConfig(unhex(c.bytes))
		if (err != nil) != (c.want == nil) || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v", c.bytes, got, err)
		}
	}
	if _, err := (&Config{ObjectType: USAC, SampleRate: 48000}).Append(nil); err == nil {
		t.Error("a USAC config is written")
	}
	if _, err := (&Config{ObjectType: LC, SampleRate: 48000}).Append(nil); err == nil {
		t.Error("channel configuration 0 is written without a program")
	}
}

func TestNewConfig(t *testing.T) {
	for n := range 10 {
		c, err := NewConfig(48000, n)
		if ok := n >= 1 && n <= 6 || n == 8; ok != (err == nil) || ok && c.Channels() != n {
			t.Errorf("%d channels: %+v, %v", n, c, err)
		}
	}
}

func TestCodecString(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{ObjectType: LC}, "mp4a.40.2"},
		{Config{ObjectType: LC, Signalling: Hierarchical, SBR: true}, "mp4a.40.5"},
		{Config{ObjectType: LC, Signalling: Hierarchical, SBR: true, PS: true}, "mp4a.40.29"},
	} {
		if got := c.config.Codec(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestADTS(t *testing.T) {
	for _, rate := range rates {
		for channel := uint8(1); channel <= 7; channel++ {
			for _, size := range []int{0, 1, 371, MaxADTSFrame - ADTSHeaderSize} {
				c := &Config{ObjectType: LC, SampleRate: rate, ChannelConfig: channel, FrameLength: 1024}
				b, err := AppendADTS(nil, c, size)
				if err != nil || len(b) != ADTSHeaderSize {
					t.Fatal(b, err)
				}
				h, err := ParseADTS(b)
				want := ADTS{ObjectType: LC, SampleRate: rate, ChannelConfig: channel, HeaderSize: 7, FrameSize: size + 7, Blocks: 1}
				if err != nil || h != want {
					t.Fatalf("%+v, %v, want %+v", h, err, want)
				}
				if got, err := h.Config(); err != nil || !cmp.Equal(got, c) {
					t.Fatal(got, err)
				}
				for n := range b {
					if _, err := ParseADTS(b[:n]); err == nil {
						t.Fatalf("cut at %d is accepted", n)
					}
				}
			}
		}
	}
}

func TestBadADTS(t *testing.T) {
	if _, err := ParseADTS([]byte{0xff, 0x01, 0, 0, 0, 0, 0}); !errors.Is(err, ErrNoSync) {
		t.Error(err)
	}
	if h, err := ParseADTS(unhex("fff050802d1ffc")); err != nil || h.HeaderSize != 9 {
		t.Error("a checksum is not counted into the header:", h, err)
	}
	lc := Config{ObjectType: LC, SampleRate: 48000, ChannelConfig: 2, FrameLength: 1024}
	for _, bad := range []Config{{ObjectType: LC, SampleRate: 6001}, {ObjectType: ERLC, SampleRate: 48000}, {ObjectType: LC, SampleRate: 48000, FrameLength: 960}} {
		if _, err := AppendADTS(nil, &bad, 10); err == nil {
			t.Errorf("%+v is written", bad)
		}
	}
	if _, err := AppendADTS(nil, &lc, MaxADTSFrame); err == nil {
		t.Error("an oversize frame is written")
	}
}

func FuzzASC(f *testing.F) {
	for _, c := range configCases {
		b, _ := c.config.Append(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		out, err := c.Append(nil)
		if err != nil {
			return
		}
		again, err := ParseConfig(out)
		if err != nil || !cmp.Equal(c, again) {
			t.Fatalf("does not round-trip: %v\n%x\n%+v\n%+v", err, out, c, again)
		}
	})
}

func FuzzADTS(f *testing.F) {
	b, _ := AppendADTS(nil, &configCases[0].config, 100)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseADTS(b); err == nil && (h.FrameSize < h.HeaderSize || h.HeaderSize < ADTSHeaderSize) {
			t.Fatalf("%+v", h)
		}
	})
}

func BenchmarkAppendADTS(b *testing.B) {
	c := &configCases[0].config
	buf := make([]byte, 0, ADTSHeaderSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := AppendADTS(buf, c, 371); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSilence compares with frames that were put together by hand from the
// tables; that decoders take them is tested where there is one.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"mono", Config{ObjectType: LC, ChannelConfig: 1}, "00000007"},
		{"stereo", Config{ObjectType: LC, ChannelConfig: 2}, "21000000001c"},
		{"channels told elsewhere", Config{ObjectType: LC}, ""},
		{"more channels than the first table has", Config{ObjectType: LC, ChannelConfig: 11}, ""},
		{"error resilient", Config{ObjectType: ERLC, ChannelConfig: 2}, ""},
	} {
		if got := hex.EncodeToString(c.config.Silence()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
