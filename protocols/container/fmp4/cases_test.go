package fmp4

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/server/media"
)

// unhex reads bytes in hexadecimal, with blanks.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// trackCase is a track and what its initialisation segment says of it.
type trackCase struct {
	name   string
	track  media.Track
	codec  string // of RFC 6381
	entry  string // the sample entry's four characters
	config string // the boxes in the sample entry, in hexadecimal; empty: Config in a box of its own
}

const (
	avcHex  = "0164000c ffe1001a 6764000cacd941419f9f0110000003001000000303c0f1429960 01000668ebe3cb22c0 fdf8f800"
	hevcHex = "0101600000009000000000003cf000fcfdf8f800000f03" +
		"a00001001840010c01ffff01600000030090000003000003003c959809" +
		"a10001002b42010101600000030090000003000003003ca00a080b9f796566924caf016808000003000800000300f040" +
		"a2000100074401c172b46240"
	av1Hex  = "81000c00 0a0b000000043cfecc02f80040"
	flacHex = "120012000000000024150ac440f00000000000000000000000000000000000000000"
)

var trackCases = []trackCase{
	{"H264", media.Track{Codec: media.H264, Config: unhex(avcHex), Width: 320, Height: 180}, "avc1.64000c", "avc1", ""},
	{"H265", media.Track{Codec: media.H265, Config: unhex(hevcHex), Width: 320, Height: 180}, "hvc1.1.6.L60.90", "hvc1", ""},
	{"AV1", media.Track{Codec: media.AV1, Config: unhex(av1Hex), Width: 320, Height: 180}, "av01.0.00M.08", "av01", ""},
	{
		"VP9",
		media.Track{Codec: media.VP9, Config: unhex("000b820202020000"), Width: 320, Height: 180},
		"vp09.00.11.08", "vp09",
		"00000014 76706343 01000000 000b820202020000",
	},
	{
		"AAC",
		media.Track{Codec: media.AAC, Config: unhex("121056e500"), SampleRate: 44100, Channels: 2},
		"mp4a.40.2", "mp4a",
		"0000002a 65736473 00000000 031c 0000 00 0414 4015 000000 00000000 00000000 0505 121056e500 060102",
	},
	{
		"AAC at 96 kHz",
		media.Track{Codec: media.AAC, Config: unhex("1008"), SampleRate: 96000, Channels: 1},
		"mp4a.40.2", "mp4a",
		"00000027 65736473 00000000 0319 0000 00 0411 4015 000000 00000000 00000000 0502 1008 060102",
	},
	{
		"MP3",
		media.Track{Codec: media.MP3, SampleRate: 44100, Channels: 2},
		"mp4a.40.34", "mp4a",
		"00000023 65736473 00000000 0315 0000 00 040d 6b15 000000 00000000 00000000 060102",
	},
	{
		"MP3 at a low rate",
		media.Track{Codec: media.MP3, SampleRate: 22050, Channels: 1},
		"mp4a.40.34", "mp4a",
		"00000023 65736473 00000000 0315 0000 00 040d 6915 000000 00000000 00000000 060102",
	},
	{
		"Opus",
		media.Track{Codec: media.Opus, Config: unhex("4f70757348656164 01 01 3801 80bb0000 0000 00"), SampleRate: 48000, Channels: 1},
		"opus", "Opus",
		"00000013 644f7073 00 01 0138 0000bb80 0000 00",
	},
	{
		"Opus 5.1",
		media.Track{Codec: media.Opus, Config: unhex("4f70757348656164 01 06 3801 80bb0000 0000 01 0402 000401020305"), SampleRate: 48000, Channels: 6},
		"opus", "Opus",
		"0000001b 644f7073 00 06 0138 0000bb80 0000 01 0402 000401020305",
	},
	{
		"FLAC",
		media.Track{Codec: media.FLAC, Config: unhex(flacHex), SampleRate: 44100, Channels: 1},
		"fLaC", "fLaC",
		"00000032 64664c61 00000000 80000022 " + flacHex,
	},
	{"AC-3", media.Track{Codec: media.AC3, SampleRate: 44100, Channels: 2}, "ac-3", "ac-3", "0000000b 64616333 5011c0"},
	{"E-AC-3", media.Track{Codec: media.EAC3, SampleRate: 48000, Channels: 6}, "ec-3", "ec-3", "0000000d 64656333 0c00 200f00"},
}

func TestInit(t *testing.T) {
	for _, c := range trackCases {
		t.Run(c.name, func(t *testing.T) {
			track := c.track
			b, err := Init(media.Tracks{}.With(&track))
			if err != nil {
				t.Fatal(err)
			}
			stsd, err := descend(b, "moov", "trak", "mdia", "minf", "stbl", "stsd")
			if err != nil {
				t.Fatal(err)
			}
			entry, _, err := NextBox(stsd[8:])
			if err != nil || entry.Type != c.entry {
				t.Fatalf("sample entry %s, %v; want %s", entry.Type, err, c.entry)
			}
			size := soundSize
			if track.Codec.Kind() == media.Video {
				size = visualSize
			}
			boxes, want := entry.Body[size:], unhex(c.config)
			if c.config == "" {
				boxes, want = boxes[headerSize:], track.Config
			}
			if got := hex.EncodeToString(boxes); got != hex.EncodeToString(want) {
				t.Errorf("sample entry has\n%s, want\n%x", got, want)
			}
			m, err := ParseInit(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Tracks().Get(track.Codec.Kind()); !got.Same(&track) {
				t.Errorf("read back as %+v, want %+v", got, track)
			}
			if got, err := CodecString(&track); got != c.codec || err != nil {
				t.Errorf("codec string %s, %v; want %s", got, err, c.codec)
			}
			for n := range b {
				if _, err := ParseInit(b[:n]); err == nil {
					t.Errorf("%d bytes of %d are read", n, len(b))
				}
			}
		})
	}
}

// TestDefaults sees what stands for configurations that a stream may lack.
func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		given, want media.Track
	}{
		{media.Track{Codec: media.Opus}, media.Track{Codec: media.Opus, Config: unhex("4f70757348656164 01 01 0000 80bb0000 0000 00"), SampleRate: 48000, Channels: 1}},
		{media.Track{Codec: media.Opus, Channels: 2}, media.Track{Codec: media.Opus, Config: unhex("4f70757348656164 01 02 0000 80bb0000 0000 00"), SampleRate: 48000, Channels: 2}},
		{media.Track{Codec: media.VP9, Width: 640, Height: 360}, media.Track{Codec: media.VP9, Config: unhex("0015820202020000"), Width: 640, Height: 360}},
		{media.Track{Codec: media.AC3}, media.Track{Codec: media.AC3, SampleRate: 48000, Channels: 2}},
	} {
		b, err := Init(media.Tracks{}.With(&c.given))
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseInit(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Tracks().Get(c.given.Codec.Kind()); !got.Same(&c.want) {
			t.Errorf("%s is read back as %+v, want %+v", c.given.Codec, got, c.want)
		}
	}
}

func TestInitRefuses(t *testing.T) {
	for _, c := range []struct {
		tracks media.Tracks
		want   string
	}{
		{media.Tracks{}, "no track"},
		{media.Tracks{Data: &media.Track{Codec: media.Script}}, "no track"},
		{media.Tracks{Audio: &media.Track{Codec: media.PCMA}}, "PCMA"},
		{media.Tracks{Video: &media.Track{Codec: media.VP8}}, "VP8"},
		{media.Tracks{Video: &media.Track{Codec: media.H264}}, "without a decoder configuration"},
		{media.Tracks{Audio: &media.Track{Codec: media.AAC}}, "without a decoder configuration"},
		{media.Tracks{Audio: &media.Track{Codec: media.AAC, Config: make([]byte, 65)}}, "65 bytes"},
		{media.Tracks{Audio: &media.Track{Codec: media.FLAC, Config: make([]byte, 33)}}, "33 bytes"},
		{media.Tracks{Audio: &media.Track{Codec: media.Opus, Config: make([]byte, 18)}}, "opus"},
		{media.Tracks{Video: &media.Track{Codec: media.VP9, Config: make([]byte, 3)}}, "vp9"},
	} {
		if _, err := Init(c.tracks); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.tracks.Media(), err, c.want)
		}
	}
}

func TestContentType(t *testing.T) {
	h264, aac := trackCases[0].track, trackCases[4].track
	for _, c := range []struct {
		tracks media.Tracks
		want   string
	}{
		{media.Tracks{Video: &h264, Audio: &aac}, `video/mp4; codecs="avc1.64000c,mp4a.40.2"`},
		{media.Tracks{Video: &h264}, `video/mp4; codecs="avc1.64000c"`},
		{media.Tracks{Audio: &aac}, `audio/mp4; codecs="mp4a.40.2"`},
	} {
		if got, err := ContentType(c.tracks); got != c.want || err != nil {
			t.Errorf("%s, %v, want %s", got, err, c.want)
		}
	}
	for _, track := range []media.Track{{Codec: media.PCMA}, {Codec: media.H264}, {Codec: media.H265}, {Codec: media.AV1}, {Codec: media.AAC}} {
		if got, err := ContentType(media.Tracks{}.With(&track)); err == nil {
			t.Errorf("%s: %s, want an error", track.Codec, got)
		}
	}
}

func TestSetDuration(t *testing.T) {
	h264, aac := trackCases[0].track, trackCases[4].track
	ts := media.Tracks{Video: &h264, Audio: &aac}
	b, err := FileInit(ts, 0)
	if err != nil {
		t.Fatal(err)
	}
	const d = 90*time.Hour + 1234*time.Millisecond
	if err := SetDuration(b, d); err != nil {
		t.Fatal(err)
	}
	m, err := ParseInit(b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Duration != d {
		t.Errorf("duration %v, want %v", m.Duration, d)
	}
	live, err := Init(ts)
	if err != nil {
		t.Fatal(err)
	}
	if err := SetDuration(live, d); err == nil {
		t.Error("a live stream took a duration")
	}
	if m, err := ParseInit(live); err != nil || m.Duration != 0 {
		t.Errorf("a live stream lasts %v, %v", m.Duration, err)
	}
}

// hex64 and hex32 are numbers as unhex takes them.
func hex64(v int64) string { return fmt.Sprintf("%016x", v) }
func hex32(v int) string   { return fmt.Sprintf("%08x", v) }
