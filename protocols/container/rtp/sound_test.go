package rtp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/server/media"
)

var aacFormat = Format{Name: "mpeg4-generic", Clock: 44100, Channels: 2, Params: Params{"config": "1210", "mode": "AAC-hbr"}}

var aacCases = []rxCase{
	{
		"several access units, fragments", false,
		[]rx{
			{payload: "0020" + "0018" + "0010" + "aabbcc" + "ddee", ts: 1000, marker: true},
			{payload: "0010" + "0030" + "aabb", ts: 3000},
			{payload: "0010" + "0030" + "ccdd", ts: 3000},
			{payload: "0010" + "0030" + "eeff", ts: 3000, marker: true},
			{payload: "0000", ts: 4000}, // no access unit
			{payload: "", ts: 4000},
			{payload: "0010" + "0008" + "77", ts: 5000, marker: true},
		},
		[]got{{payload: "aabbcc", ts: 1000}, {payload: "ddee", ts: 2024}, {payload: "aabbccddeeff", ts: 3000}, {payload: "77", ts: 5000}},
		nil,
	},
	{
		"a gap", false,
		[]rx{
			{payload: "0010" + "0008" + "77", ts: 1000, marker: true},
			{payload: "0010" + "0008" + "88", ts: 3000, marker: true, lost: true},
			{payload: "0010" + "0008" + "99", ts: 4000, marker: true},
		},
		[]got{{payload: "77", ts: 1000}, {payload: "88", ts: 3000, lost: true}, {payload: "99", ts: 4000}},
		nil,
	},
	{
		"a gap in fragments", false,
		[]rx{
			{payload: "0010" + "0030" + "aabb", ts: 1000},
			{payload: "0010" + "0030" + "eeff", ts: 1000, marker: true, lost: true},
			{payload: "0010" + "0020" + "0102", ts: 2000},
			{payload: "0010" + "0020" + "0304", ts: 2000, marker: true},
		},
		[]got{{payload: "01020304", ts: 2000, lost: true}},
		nil,
	},
	{
		"a gap after which no marker tells", false,
		[]rx{
			{payload: "0010" + "0030" + "ccdd", ts: 1000, lost: true},
			{payload: "0010" + "0030" + "eeff", ts: 1000},
			{payload: "0010" + "0020" + "0102", ts: 2000},
			{payload: "0010" + "0020" + "0304", ts: 2000},
		},
		[]got{{payload: "01020304", ts: 2000, lost: true}},
		nil,
	},
	{
		"what is refused", false,
		[]rx{
			{payload: "00", ts: 1000},
			{payload: "0020" + "0018", ts: 2000},                   // headers cut short
			{payload: "0014" + "0008" + "00" + "77", ts: 3000},     // 20 bits of headers
			{payload: "0020" + "0008" + "0009" + "7788", ts: 4000}, // interleaved
			{payload: "0020" + "0008" + "0010" + "77", ts: 5000},   // data cut short
			{payload: "0010" + "0008" + "66", ts: 5500},
			{payload: "0010" + "0030" + "aabb", ts: 6000},               //
			{payload: "0010" + "0020" + "aabb", ts: 6000, marker: true}, // fragments of different size
			{payload: "0010" + "0030" + "aabb", ts: 7000},               //
			{payload: "0010" + "0008" + "77", ts: 8000, marker: true},   // fragments without an end
		},
		[]got{{payload: "77", ts: 5000, lost: true}, {payload: "66", ts: 5500, lost: true}, {payload: "77", ts: 8000, lost: true}},
		[]error{ErrMalformed, ErrMalformed, ErrMalformed, ErrUnsupported, ErrMalformed, ErrMalformed, ErrMalformed},
	},
}

func TestAACCases(t *testing.T) {
	for _, c := range aacCases {
		t.Run(c.name, func(t *testing.T) { c.run(t, must(NewDepacketizer(aacFormat, DepacketizerConfig{}))) })
	}
}

// TestAACHeader has AU headers of other shapes than AAC-hbr's.
func TestAACHeader(t *testing.T) {
	for _, c := range []struct {
		name, params, payload string
		want                  []got
	}{
		{
			"AAC-lbr", "mode=AAC-lbr;config=1210", "0010" + "0c08" + "aabbcc" + "ddee",
			[]got{{payload: "aabbcc"}, {payload: "ddee", ts: 1024}},
		},
		{
			"all fields", "sizelength=8;indexlength=2;indexdeltalength=2;ctsdeltalength=4;dtsdeltalength=3;randomaccessindication=1;streamstateindication=2;config=1210",
			// 3, 00, CTS 1 0101, DTS 0, RAP 1, state 01; 2, 00, no CTS, DTS 1 011, RAP 0, state 00
			bitsOf("00000000 00100101", "00000011 00 1 0101 0 1 01", "00000010 00 0 1 011 0 00") + "aabbcc" + "ddee",
			[]got{{payload: "aabbcc"}, {payload: "ddee", ts: 1024}},
		},
		{
			"auxiliary section", "sizelength=13;indexlength=3;indexdeltalength=3;auxiliarydatasizelength=4;constantduration=960;config=1210",
			"0020" + "0018" + "0010" + "3e" + "aabbcc" + "ddee",
			[]got{{payload: "aabbcc"}, {payload: "ddee", ts: 960}},
		},
		{
			"constant size", "mode=generic;constantsize=2;config=1210", "aabbccdd",
			[]got{{payload: "aabb"}, {payload: "ccdd", ts: 1024}},
		},
		{"no headers", "mode=generic;config=1210", "aabbccdd", []got{{payload: "aabbccdd"}}},
		{"no config", "mode=AAC-hbr", "0010" + "0010" + "aabb", []got{{payload: "aabb"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := aacFormat
			f.Params = ParseParams(c.params)
			d := must(NewDepacketizer(f, DepacketizerConfig{}))
			rxCase{packets: []rx{{payload: c.payload, marker: true}}, want: c.want}.run(t, d)
			if tr := d.Track(); tr.SampleRate != 44100 || tr.Channels != 2 || hexOf(tr.Config) != "1210" {
				t.Errorf("track %+v", tr)
			}
		})
	}
}

// TestAACHeaderWithoutEnd has an SDP say that all AU headers but the first take no
// bits: nothing tells how many there are.
func TestAACHeaderWithoutEnd(t *testing.T) {
	f := aacFormat
	f.Params = ParseParams("mode=generic;constantsize=2;indexlength=3;config=1210")
	d := must(NewDepacketizer(f, DepacketizerConfig{}))
	if units, err := d.Append(nil, Packet{Payload: unhex("000800aabb")}, false); !errors.Is(err, ErrMalformed) {
		t.Errorf("8 bits of headers: %d units, %v", len(units), err)
	}
	if units, err := d.Append(nil, Packet{Payload: unhex("000300aabb")}, false); err != nil || len(units) != 1 {
		t.Errorf("one header: %d units, %v", len(units), err)
	}
}

// bitsOf returns the bits, filled up to whole bytes, in hexadecimal.
func bitsOf(parts ...string) string {
	var out []byte
	n := 0
	for _, bit := range strings.ReplaceAll(strings.Join(parts, ""), " ", "") {
		if n%8 == 0 {
			out = append(out, 0)
		}
		out[n/8] |= byte(bit-'0') << (7 - n%8)
		n++
	}
	return hexOf(out)
}

// Parts of a StreamMuxConfig, for AAC-LC at 44100 Hz and two channels.
const (
	latmStart  = "0 1 000000 0000 000"            // audioMuxVersion 0, one access unit, program and layer
	latmASC    = "00010 0100 0010 0 0 0"          // AudioSpecificConfig 1210
	latmEnd    = "000 11111111 0 0"               // frameLengthType 0, buffer fullness, nothing else
	latmASC48  = "00010 0011 0010 0 0 0"          // 48000 Hz
	latmASCSBR = "00101 0110 0001 0011 00010 000" // 24000 Hz mono with SBR to 48000
)

var (
	latmFormat  = Format{Name: "MP4A-LATM", Clock: 44100, Params: Params{"cpresent": "1"}}
	latmOutside = Format{Name: "mp4a-latm", Clock: 44100, Params: Params{"cpresent": "0", "config": bitsOf(latmStart, latmASC, latmEnd)}}
)

var latmCases = []rxCase{
	{
		"config in band", false,
		[]rx{
			{payload: bitsOf("0", latmStart, latmASC, latmEnd, "00000010", "10101010 10111011"), ts: 1, marker: true},
			{payload: bitsOf("1", "00000010", "11001100 11011101"), ts: 2, marker: true},
			{payload: bitsOf("0", latmStart, latmASC, latmEnd), ts: 3},
			{payload: bitsOf("0000"), ts: 3}, // a packet boundary anywhere
		},
		[]got{{payload: "aabb", ts: 1}, {payload: "ccdd", ts: 2}},
		nil,
	},
	{
		"a gap", false,
		[]rx{
			{payload: bitsOf("0", latmStart, latmASC, latmEnd, "00000001", "10101010"), ts: 1, marker: true},
			{payload: bitsOf("1", "00000001", "10111011"), ts: 2, marker: true, lost: true}, // may be the end of another
			{payload: bitsOf("1", "00000001", "11001100"), ts: 3, marker: true},
		},
		[]got{{payload: "aa", ts: 1}, {payload: "cc", ts: 3, lost: true}},
		nil,
	},
	{
		"what is refused", false,
		[]rx{
			{payload: bitsOf("1", "00000001", "10101010"), ts: 1, marker: true},                              // before its config
			{payload: bitsOf("0", "1 1"), ts: 2, marker: true},                                               // audioMuxVersionA
			{payload: bitsOf("0", "0 1 000000 0001 000", latmASC, latmEnd), ts: 3, marker: true},             // two programs
			{payload: bitsOf("0", latmStart, "00001 0100 0000 000"), ts: 4, marker: true},                    // a program config element
			{payload: bitsOf("0", latmStart, latmASC, "001 000000000 0 0"), ts: 5, marker: true},             // fixed size
			{payload: bitsOf("0", latmStart, latmASC), ts: 6, marker: true},                                  // cut short
			{payload: bitsOf("0", latmStart, latmASC, latmEnd, "00000010", "10101010"), ts: 7, marker: true}, // cut short
			{payload: bitsOf("1", "00000001"), ts: 8},                                                        // never ends
			{payload: bitsOf("1", "00000001", "11001100"), ts: 9, marker: true},
		},
		[]got{{payload: "cc", ts: 9, lost: true}},
		[]error{ErrNoConfig, ErrUnsupported, ErrUnsupported, ErrUnsupported, ErrUnsupported, ErrMalformed, ErrMalformed},
	},
}

func TestLATMCases(t *testing.T) {
	for _, c := range latmCases {
		t.Run(c.name, func(t *testing.T) { c.run(t, must(NewDepacketizer(latmFormat, DepacketizerConfig{}))) })
	}
}

func TestLATMConfig(t *testing.T) {
	asc := func(s string) string { return bitsOf(s) }
	for _, c := range []struct {
		name, config string
		want         media.Track
		subFrames    int
	}{
		{"plain", bitsOf(latmStart, latmASC, latmEnd), media.Track{Config: unhex("1210"), SampleRate: 44100, Channels: 2}, 1},
		{"three access units", bitsOf("0 1 000010 0000 000", latmASC, latmEnd), media.Track{Config: unhex("1210"), SampleRate: 44100, Channels: 2}, 3},
		{
			"SBR that is not there, behind the configuration, and nothing more, as GStreamer sends it",
			"40002320adca00",
			media.Track{Config: unhex("119056e500"), SampleRate: 48000, Channels: 2},
			1,
		},
		{"SBR", bitsOf(latmStart, latmASCSBR, latmEnd), media.Track{Config: unhex(asc(latmASCSBR)), SampleRate: 48000, Channels: 1}, 1},
		{"other data", bitsOf(latmStart, latmASC, "000 11111111 1 1 00000001 0 00000000 1 10101010"), media.Track{Config: unhex("1210"), SampleRate: 44100, Channels: 2}, 1},
		{
			"version 1", bitsOf("1 0 00 11111111 1 000000 0000 000", "00 00010000", latmASC48, "000 11111111 1 01 00000000 00000000 0"),
			media.Track{Config: unhex(asc(latmASC48)), SampleRate: 48000, Channels: 2},
			1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Format{Name: "MP4A-LATM", Clock: 90000, Params: Params{"cpresent": "0", "config": c.config}}
			d := must(NewDepacketizer(f, DepacketizerConfig{}))
			c.want.Codec = media.AAC
			if diff := cmp.Diff(&c.want, d.Track()); diff != "" {
				t.Errorf("track (-want +got):\n%s", diff)
			}
			element, want, ticks := "", []got(nil), aacTicks(c.want.Config, 90000)
			for i := range c.subFrames {
				element += "01aa"
				want = append(want, got{payload: "aa", ts: uint32(i) * ticks})
			}
			rxCase{packets: []rx{{payload: element, marker: true}}, want: want}.run(t, d)
			for n := 0; n < len(c.config); n += 2 {
				f.Params["config"] = c.config[:n]
				if _, err := NewDepacketizer(f, DepacketizerConfig{}); err == nil && n > 0 && n < len(c.config)-2 {
					t.Errorf("config cut at %d is taken", n/2)
				}
			}
		})
	}
}

func TestLATMLongUnits(t *testing.T) {
	d := must(NewDepacketizer(latmOutside, DepacketizerConfig{}))
	payload := strings.Repeat("ab", 600)
	whole := "ffff5a" + payload
	rxCase{
		packets: []rx{{payload: whole[:100], ts: 5}, {payload: whole[100:], ts: 5, marker: true}},
		want:    []got{{payload: payload, ts: 5}},
	}.run(t, d)
}

func TestMP3(t *testing.T) {
	frame := hexOf(mp3Frame) + strings.Repeat("aa", 413)
	header := func(offset string) string { return "0000" + offset }
	d := must(NewDepacketizer(Format{Name: "MPA", Clock: 90000}, DepacketizerConfig{}))
	rxCase{
		packets: []rx{
			{payload: header("0000") + frame + frame, ts: 1},              // 1152 samples at 44100 Hz are 2351 ticks
			{payload: header("0000") + frame[:200], ts: 5000},             //
			{payload: header("0064") + frame[200:], ts: 5000},             //
			{payload: header("0000") + frame[:200], ts: 8000},             //
			{payload: header("0064") + frame[200:], ts: 8000, lost: true}, // its start is not known to be this one's
			{payload: header("0000") + frame, ts: 9000},
			{payload: header("0000") + frame[:200], ts: 10000},
			{payload: header("0063") + frame[200:], ts: 10000}, // out of place
			{payload: header("0000") + "1234", ts: 11000},      // no frame
			{payload: "000000", ts: 12000},                     // no header
		},
		want: []got{
			{payload: frame, ts: 1}, {payload: frame, ts: 2352}, {payload: frame, ts: 5000}, {payload: frame, ts: 9000, lost: true},
		},
		errs: []error{ErrMalformed, ErrMalformed, ErrMalformed},
	}.run(t, d)
}

var (
	ac3Format = Format{Name: "AC3", Clock: 48000, Channels: 6}
	ac3Whole1 = hexOf(ac3Frame) + strings.Repeat("aa", 1784)
)

var ac3Cases = []rxCase{
	{
		name:    "two frames in a packet",
		packets: []rx{{payload: "0002" + ac3Whole1 + ac3Whole1, ts: 1, marker: true}},
		want:    []got{{payload: ac3Whole1, ts: 1}, {payload: ac3Whole1, ts: 1537}},
	},
	{
		name: "fragments",
		packets: []rx{
			{payload: "0103" + ac3Whole1[:2400], ts: 5},
			{payload: "0303" + ac3Whole1[2400:3000], ts: 5},
			{payload: "0303" + ac3Whole1[3000:], ts: 5, marker: true},
			{payload: "0202" + ac3Whole1[:200], ts: 1541},
			{payload: "0302" + ac3Whole1[200:], ts: 1541, marker: true},
		},
		want: []got{{payload: ac3Whole1, ts: 5}, {payload: ac3Whole1, ts: 1541}},
	},
	{
		name: "losses",
		packets: []rx{
			{payload: "0102" + ac3Whole1[:2400], ts: 5},
			{payload: "0302" + ac3Whole1[2400:], ts: 1541, marker: true, lost: true}, // of a frame whose start is lost
			{payload: "0102" + ac3Whole1[:2400], ts: 3077},                           // its end is lost
			{payload: "0001" + ac3Whole1, ts: 4613, marker: true, lost: true},
			{payload: "0102" + ac3Whole1[:2400], ts: 6149}, // its end was never sent
			{payload: "0001" + ac3Whole1, ts: 7685, marker: true},
		},
		want: []got{{payload: ac3Whole1, ts: 4613, lost: true}, {payload: ac3Whole1, ts: 7685, lost: true}},
	},
	{
		name: "malformed",
		packets: []rx{
			{payload: "0001", ts: 1, marker: true},
			{payload: "0001" + ac3Whole1[:3000], ts: 2, marker: true},
			{payload: "0102" + ac3Whole1, ts: 3},
			{payload: "0102" + "00112233445566778899", ts: 4},
			{payload: "0102" + ac3Whole1[:2400], ts: 5},
			{payload: "0302" + ac3Whole1[2400:] + "aa", ts: 5, marker: true},
			{payload: "0102" + ac3Whole1[:2400], ts: 6},
			{payload: "0302" + ac3Whole1[2400:3000], ts: 6, marker: true},                           // the last, and too short
			{payload: "0001" + "0b77017f34870000" + strings.Repeat("aa", 760), ts: 7, marker: true}, // E-AC-3
			{payload: "0001" + ac3Whole1, ts: 8, marker: true},
		},
		want: []got{{payload: ac3Whole1, ts: 8, lost: true}},
		errs: []error{ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed, ErrMalformed},
	},
}

func TestAC3(t *testing.T) {
	for _, c := range ac3Cases {
		t.Run(c.name, func(t *testing.T) {
			d := must(NewDepacketizer(ac3Format, DepacketizerConfig{}))
			c.run(t, d)
			if diff := cmp.Diff(&media.Track{Codec: media.AC3, SampleRate: 48000, Channels: 6}, d.Track()); diff != "" {
				t.Errorf("track (-want +got):\n%s", diff)
			}
		})
	}
	// The frame type tells whether a first fragment is one that can be decoded.
	for size, want := range map[int]string{1800: "0001", 1400: "0102", 1122: "0102", 1121: "0202", 500: "0204"} {
		z := must(NewPacketizer(media.AC3, PacketizerConfig{MaxPayload: size}))
		list := must(z.Append(nil, &media.Packet{Payload: unhex(ac3Whole1)}))
		if got := hexOf(list[0].Data[:2]); got != want || !list[len(list)-1].Marker {
			t.Errorf("payloads of %d bytes begin with %s, want %s", size, got, want)
		}
	}
	z := must(NewPacketizer(media.AC3, PacketizerConfig{}))
	if _, err := z.Append(nil, &media.Packet{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("an empty frame: %v", err)
	}
}

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		format Format
		want   media.Track
		bad    string
	}{
		{Format{Name: "PCMU", Clock: 8000}, media.Track{Codec: media.PCMU, SampleRate: 8000, Channels: 1}, ""},
		{Format{Name: "pcma", Clock: 16000, Channels: 2}, media.Track{Codec: media.PCMA, SampleRate: 16000, Channels: 2}, "aabbcc"},
		{Format{Name: "G722", Clock: 8000}, media.Track{Codec: media.G722, SampleRate: 16000, Channels: 1}, ""},
		{Format{Name: "L16", Clock: 44100, Channels: 2}, media.Track{Codec: media.L16, SampleRate: 44100, Channels: 2}, "aabbccddeeff"},
		{Format{Name: "opus", Clock: 48000, Channels: 2}, media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}, "ff"},
	} {
		d := must(NewDepacketizer(c.format, DepacketizerConfig{}))
		if diff := cmp.Diff(&c.want, d.Track()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.format.Name, diff)
		}
		k := rxCase{packets: []rx{{payload: "11223344", ts: 1}, {payload: "", ts: 2}, {payload: "55667788", ts: 3, lost: true}}}
		k.want = []got{{payload: "11223344", ts: 1}, {payload: "55667788", ts: 3, lost: true}}
		if c.bad != "" {
			k.packets = append(k.packets, rx{payload: c.bad, ts: 4}, rx{payload: "99aabbcc", ts: 5})
			k.want = append(k.want, got{payload: "99aabbcc", ts: 5, lost: true})
			k.errs = []error{ErrMalformed}
		}
		k.run(t, d)
	}
}

func TestFormats(t *testing.T) {
	for _, s := range streams() {
		again := Format{Name: s.format.Name, Clock: s.format.Clock, Channels: s.format.Channels, Params: ParseParams(s.format.Params.String())}
		if again.Codec() != s.track.Codec {
			t.Errorf("%s is %v", s.name, again.Codec())
		}
		d := must(NewDepacketizer(again, DepacketizerConfig{}))
		switch s.track.Codec {
		case media.VP8, media.VP9, media.AV1, media.MP3, media.AC3:
			if d.Track() != nil {
				t.Errorf("%s: a track from the SDP alone", s.name)
			}
		default:
			if diff := cmp.Diff(s.track, d.Track()); diff != "" {
				t.Errorf("%s by SDP (-want +got):\n%s", s.name, diff)
			}
		}
	}
	if got, want := streamOf(media.H264).format.Params.String(),
		"packetization-mode=1;profile-level-id=64000d;sprop-parameter-sets=Z2QADazZQVCHiIjARAAAD6QAA6mAPFCmWA==,aOvjyyLA"; got != want {
		t.Errorf("H264: %s", got)
	}
	for name, f := range map[string]Format{
		"no such codec":     {Name: "H263", Clock: 90000},
		"no clock":          {Name: "PCMA"},
		"bad AAC config":    {Name: "mpeg4-generic", Clock: 44100, Params: Params{"config": "12x"}},
		"short AAC config":  {Name: "mpeg4-generic", Clock: 44100, Params: Params{"config": "12"}},
		"bad AAC field":     {Name: "mpeg4-generic", Clock: 44100, Params: Params{"config": "1210", "sizelength": "33"}},
		"AAC without sizes": {Name: "mpeg4-generic", Clock: 44100, Params: Params{"config": "1210", "sizelength": "0", "indexlength": "3"}},
		"AAC at 12345 Hz":   {Name: "mpeg4-generic", Clock: 44100, Channels: 9},
		"bad LATM config":   {Name: "MP4A-LATM", Clock: 44100, Params: Params{"config": "40"}},
		"interleaved H264":  {Name: "H264", Clock: 90000, Params: Params{"packetization-mode": "2"}},
		"interleaved H265":  {Name: "H265", Clock: 90000, Params: Params{"sprop-max-don-diff": "3"}},
	} {
		if d, err := NewDepacketizer(f, DepacketizerConfig{}); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for pt := range uint8(128) {
		if f, ok := StaticFormat(pt); ok {
			if _, err := NewDepacketizer(f, DepacketizerConfig{}); err != nil {
				t.Errorf("static payload type %d: %v", pt, err)
			}
		}
	}
	if _, err := FormatOf(&media.Track{Codec: media.FLAC}); !errors.Is(err, ErrCodec) {
		t.Errorf("FLAC: %v", err)
	}
	if _, err := FormatOf(&media.Track{Codec: media.AAC, SampleRate: 48000}); !errors.Is(err, ErrNoConfig) {
		t.Errorf("AAC without config: %v", err)
	}
	bad := Format{Name: "H264", Clock: 90000, Params: Params{"sprop-parameter-sets": "Z2QA,***,aOvj,"}}
	if d, err := NewDepacketizer(bad, DepacketizerConfig{}); err != nil || d.Track() != nil {
		t.Errorf("bad parameter sets in the SDP: %v", err)
	}
}
