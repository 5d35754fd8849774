package dec

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sluice/protocols/codec/aac"
)

var stereo = []Speaker{FrontLeft, FrontRight}

// configCases are AudioSpecificConfigs in hexadecimal.
var configCases = []struct {
	name, asc string
	want      Info
	err       error
}{
	{"LC 44100 stereo", "1210", Info{SampleRate: 44100, Layout: stereo}, nil},
	{"LC 48000 mono", "1188", Info{SampleRate: 48000, Layout: []Speaker{FrontCenter}}, nil},
	{"LC 48000 5.1", "11b0", Info{SampleRate: 48000, Layout: []Speaker{FrontLeft, FrontRight, FrontCenter, LowFrequency, BackLeft, BackRight}}, nil},
	{"HE-AAC 24000/48000", "2b118800", Info{SampleRate: 24000, Layout: stereo, SBR: true, ExtensionRate: 48000}, nil},
	{"HE-AAC v2 24000/48000", "eb098800", Info{SampleRate: 24000, Layout: []Speaker{FrontCenter}, SBR: true, PS: true, ExtensionRate: 48000}, nil},
	{"HE-AAC, backward compatible", "131056e598", Info{SampleRate: 24000, Layout: stereo, SBR: true, ExtensionRate: 48000}, nil},
	{"SBR announced absent", "121056e500", Info{SampleRate: 44100, Layout: stereo}, nil},
	{"empty", "", Info{}, ErrInvalid},
	{"one byte", "12", Info{}, ErrInvalid},
	{"reserved rate", "1690", Info{}, ErrInvalid},
	{"AAC Main", "0a10", Info{}, ErrUnsupported},
	{"AAC LD", "ba1000", Info{}, ErrUnsupported},
	{"960 samples", "1214", Info{}, ErrUnsupported},
	{"channel configuration 8", "1240", Info{}, ErrUnsupported},
	{"channel configuration 15", "1278", Info{}, ErrUnsupported},
	{"channel configuration 0 without program", "1200", Info{}, ErrInvalid},
}

func TestConfigs(t *testing.T) {
	for _, c := range configCases {
		t.Run(c.name, func(t *testing.T) {
			asc, err := hex.DecodeString(c.asc)
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(asc)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err == nil {
				if diff := cmp.Diff(c.want, d.Info()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestPrograms gives programs that ffmpeg's encoder does not make.
func TestPrograms(t *testing.T) {
	single := func(tag uint8) aac.Element { return aac.Element{Tag: tag} }
	pair := func(tag uint8) aac.Element { return aac.Element{Tag: tag, Pair: true} }
	for _, c := range []struct {
		name    string
		program aac.Program
		want    []Speaker
	}{
		{"two singles as a pair", aac.Program{Front: []aac.Element{single(0), single(1)}}, stereo},
		{
			"two pairs in front",
			aac.Program{Front: []aac.Element{single(0), pair(0), pair(1)}},
			[]Speaker{FrontLeft, FrontRight, FrontCenter, FrontLeftOfCenter, FrontRightOfCenter},
		},
		{
			"two pairs at the back",
			aac.Program{Back: []aac.Element{pair(0), pair(1), single(2)}},
			[]Speaker{BackLeft, BackRight, BackCenter, SideLeft, SideRight},
		},
		{
			"directions without sense",
			aac.Program{Side: []aac.Element{single(0), pair(0)}, LFE: []uint8{0}},
			[]Speaker{FrontLeft, FrontRight, FrontCenter, LowFrequency},
		},
		{
			"pair across the centre",
			aac.Program{Front: []aac.Element{single(0), pair(0), single(1)}},
			[]Speaker{FrontLeft, FrontRight, FrontCenter, LowFrequency},
		},
		{"two LFE", aac.Program{Front: []aac.Element{pair(0)}, LFE: []uint8{0, 1}}, nil},
		{"too many pairs", aac.Program{Front: []aac.Element{pair(0), pair(1), pair(2), pair(3)}}, nil},
		{"nothing", aac.Program{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := aac.Config{ObjectType: aac.LC, SampleRate: 48000, FrameLength: 1024, Program: &c.program}
			asc, err := config.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(asc)
			if c.want == nil {
				if !errors.Is(err, ErrUnsupported) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, d.Info().Layout); diff != "" {
				t.Error(diff)
			}
		})
	}
}
