package flv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/server/media"
)

// unhex reads hexadecimal digits; a quoted part stands for its characters.
func unhex(s string) []byte {
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			panic(err)
		}
		out = append(out, b...)
	}
	return out
}

const (
	avcC     = "01 64000d ff e1 0019 6764000dacd94150878888c04400000fa40003a9803c50a658 01 0006 68ebe3cb22c0 fdf8f800"
	avcCTwo  = "01 64000d fd e1 0019 6764000dacd94150878888c04400000fa40003a9803c50a658 01 0006 68ebe3cb22c0 fdf8f800"
	hvcC     = "01 01 60000000 900000000000 3c f000 fc fd f8 f8 0000 0f 03 a0 0001 0018 40010c01ffff01600000030090000003000003003c959409 a1 0001 0029 42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601 a2 0001 0007 4401c172b46240"
	av1C     = "81000c00 0a0b000000043d07c402f80040"
	vpcC     = "0014820202020000"
	streamIn = "1000100000000e000010 0ac442f0 00000000 00000000000000000000000000000000"
	vp9Key   = "824983420014100f1604"
	vp8Key   = "100200 9d012a 4201f200"
	opusHead = "'OpusHead' 01 02 3801 80bb0000 0000 00"
)

func describe(t media.Track, config string) *media.Track {
	if config != "" {
		t.Config = unhex(config)
	}
	return &t
}

var (
	h264Track = describe(media.Track{Codec: media.H264, Width: 322, Height: 242}, avcC)
	h265Track = describe(media.Track{Codec: media.H265, Width: 322, Height: 242}, hvcC)
	av1Track  = describe(media.Track{Codec: media.AV1, Width: 322, Height: 242}, av1C)
	vp9Track  = describe(media.Track{Codec: media.VP9, Width: 322, Height: 242}, vpcC)
	vp8Track  = describe(media.Track{Codec: media.VP8, Width: 322, Height: 242}, "")
	aacTrack  = describe(media.Track{Codec: media.AAC, SampleRate: 44100, Channels: 2}, "1210")
	opusTrack = describe(media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}, opusHead)
	bareOpus  = describe(media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}, "")
	flacTrack = describe(media.Track{Codec: media.FLAC, SampleRate: 44100, Channels: 2}, streamIn)
	mp3Track  = describe(media.Track{Codec: media.MP3, SampleRate: 44100, Channels: 2}, "")
	ac3Track  = describe(media.Track{Codec: media.AC3}, "")
	eac3Track = describe(media.Track{Codec: media.EAC3}, "")
	pcmaTrack = describe(media.Track{Codec: media.PCMA, SampleRate: 8000, Channels: 1}, "")
	pcmuTrack = describe(media.Track{Codec: media.PCMU, SampleRate: 8000, Channels: 2}, "")
)

// packet is the packet of a tag at one second.
func packet(t *media.Track, offset time.Duration, key bool, payload string) *media.Packet {
	return &media.Packet{Track: t, DTS: time.Second, PTS: time.Second + offset, Key: key, Payload: unhex(payload)}
}

type demuxCase struct {
	name   string
	tag    TagType
	bodies []string // the last one makes what is wanted
	track  *media.Track
	packet *media.Packet
	err    string
}

const ms = time.Millisecond

var demuxCases = []demuxCase{
	{"AVC header", TagVideo, []string{"17 00 000000" + avcC}, h264Track, nil, ""},
	{"AVC header again", TagVideo, []string{"17 00 000000" + avcC, "17 00 000000" + avcC}, nil, nil, ""},
	{"AVC key frame", TagVideo, []string{"17 00 000000" + avcC, "17 01 000028 00000002 6588"}, nil, packet(h264Track, 40*ms, true, "00000002 6588"), ""},
	{"AVC two-byte lengths", TagVideo, []string{"17 00 000000" + avcCTwo, "27 01 000000 0002 4188 0001 06"}, nil, packet(h264Track, 0, false, "00000002 4188 00000001 06"), ""},
	{"AVC end", TagVideo, []string{"17 00 000000" + avcC, "17 02 000000"}, nil, nil, ""},
	{"AVC end of two bytes", TagVideo, []string{"17 02"}, nil, nil, ""},
	{"AVC frame without header", TagVideo, []string{"27 01 000000 00000002 4188"}, nil, nil, ""},
	{
		"AVC frame with parameter sets", TagVideo,
		[]string{"17 01 000000 00000019 6764000dacd94150878888c04400000fa40003a9803c50a658 00000006 68ebe3cb22c0 00000002 6588"},
		h264Track, packet(h264Track, 0, true, "00000019 6764000dacd94150878888c04400000fa40003a9803c50a658 00000006 68ebe3cb22c0 00000002 6588"), "",
	},
	{"AVC empty frame", TagVideo, []string{"17 00 000000" + avcC, "27 01 000000"}, nil, nil, ""},
	{"AVC bad framing", TagVideo, []string{"17 00 000000" + avcC, "27 01 000000 00000009 41"}, nil, nil, "lengths"},
	{"AVC packet type", TagVideo, []string{"27 07 000000 00"}, nil, nil, "packet type 7"},
	{"AVC empty header", TagVideo, []string{"17 00 000000"}, nil, nil, "H264 sequence header"},
	{"one byte", TagVideo, []string{"17"}, nil, nil, "unexpected EOF"},
	{
		"composition time below zero", TagVideo,
		[]string{"17 00 000000" + avcC, "27 01 ffffd8 00000002 4188"},
		nil, &media.Packet{Track: h264Track, DTS: time.Second - 40*ms, PTS: time.Second - 40*ms, Payload: unhex("00000002 4188")}, "",
	},
	{"composition time out of reason", TagVideo, []string{"17 00 000000" + avcC, "27 01 800000 00000002 4188"}, nil, nil, "composition time"},
	{"HEVC by number", TagVideo, []string{"1c 00 000000" + hvcC, "1c 01 000021 00000003 260188"}, nil, packet(h265Track, 33*ms, true, "00000003 260188"), ""},
	{"seek command", TagVideo, []string{"57 00"}, nil, nil, ""},
	{"H.263", TagVideo, []string{"12 00"}, nil, nil, "Sorenson H.263"},
	{"video number", TagVideo, []string{"1e 00"}, nil, nil, "number 14"},

	{"avc1", TagVideo, []string{"90 'avc1'" + avcC, "91 'avc1' 000028 00000002 6588"}, nil, packet(h264Track, 40*ms, true, "00000002 6588"), ""},
	{"hvc1 header", TagVideo, []string{"90 'hvc1'" + hvcC}, h265Track, nil, ""},
	{"hvc1", TagVideo, []string{"90 'hvc1'" + hvcC, "a1 'hvc1' 000021 00000003 020188"}, nil, packet(h265Track, 33*ms, false, "00000003 020188"), ""},
	{"hvc1 without composition time", TagVideo, []string{"90 'hvc1'" + hvcC, "a3 'hvc1' 00000003 020188"}, nil, packet(h265Track, 0, false, "00000003 020188"), ""},
	{"hvc1 end", TagVideo, []string{"92 'hvc1'"}, nil, nil, ""},
	{"hvc1 cut composition time", TagVideo, []string{"91 'hvc1' 0000"}, nil, nil, "unexpected EOF"},
	{"av01", TagVideo, []string{"90 'av01'" + av1C, "91 'av01' 1200 32 03 100102"}, nil, packet(av1Track, 0, true, "32 03 100102"), ""},
	{"av01 in TS form", TagVideo, []string{"95 'av01' 8004 81000c00"}, describe(media.Track{Codec: media.AV1}, "81000c00"), nil, ""},
	{"av01 no descriptor", TagVideo, []string{"95 'av01' 81000c00"}, nil, nil, "descriptor"},
	{"hvc1 in TS form", TagVideo, []string{"95 'hvc1' 8004 81000c00"}, nil, nil, "MPEG-2 TS"},
	{"av01 broken", TagVideo, []string{"90 'av01'" + av1C, "91 'av01' 32 09 10"}, nil, nil, "OBU"},
	{"vp09", TagVideo, []string{"90 'vp09'" + vpcC, "91 'vp09'" + vp9Key}, vp9Track, packet(vp9Track, 0, true, vp9Key), ""},
	{"vp09 FullBox header", TagVideo, []string{"90 'vp09' 01000000" + vpcC}, describe(media.Track{Codec: media.VP9}, vpcC), nil, ""},
	{"vp09 header again", TagVideo, []string{"90 'vp09'" + vpcC, "91 'vp09'" + vp9Key, "90 'vp09'" + vpcC}, nil, nil, ""},
	{"vp08", TagVideo, []string{"91 'vp08'" + vp8Key}, vp8Track, packet(vp8Track, 0, true, vp8Key), ""},
	{"vp08 same size", TagVideo, []string{"91 'vp08'" + vp8Key, "91 'vp08'" + vp8Key}, nil, packet(vp8Track, 0, true, vp8Key), ""},
	{"unknown fourCC", TagVideo, []string{"90 'vvc1' 00"}, nil, nil, `video codec "vvc1"`},
	{"sound's fourCC", TagVideo, []string{"90 'Opus' 00"}, nil, nil, `video codec "Opus"`},
	{"cut fourCC", TagVideo, []string{"90 'av0'"}, nil, nil, "unexpected EOF"},
	{"metadata frame", TagVideo, []string{"94 'hvc1' 02"}, nil, nil, ""},
	{"reserved packet type", TagVideo, []string{"98 'hvc1' 02"}, nil, nil, "packet type 8"},
	{"enhanced seek command", TagVideo, []string{"d1 00"}, nil, nil, ""},

	{
		"ModEx nanoseconds", TagVideo,
		[]string{"90 'hvc1'" + hvcC, "a7 02 07a120 03 'hvc1' 00000003 020188"},
		nil, &media.Packet{Track: h265Track, DTS: time.Second + 500*time.Microsecond, PTS: time.Second + 500*time.Microsecond, Payload: unhex("00000003 020188")}, "",
	},
	{"ModEx of unknown type", TagVideo, []string{"90 'hvc1'" + hvcC, "a7 00 ff 53 'hvc1' 00000003 020188"}, nil, packet(h265Track, 0, false, "00000003 020188"), ""},
	{"ModEx with long size", TagVideo, []string{"90 'hvc1'" + hvcC, "a7 ff 0002 000000 03 'hvc1' 00000003 020188"}, nil, packet(h265Track, 0, false, "00000003 020188"), ""},
	{"ModEx cut", TagVideo, []string{"a7 ff ffff 00"}, nil, nil, "unexpected EOF"},
	{"ModEx for ever", TagVideo, []string{"a7" + strings.Repeat("00 00 07", 20)}, nil, nil, "over 8 ModEx"},

	{"multitrack, one", TagVideo, []string{"96 00 'hvc1' 00" + hvcC}, h265Track, nil, ""},
	{"multitrack, another", TagVideo, []string{"96 00 'hvc1' 03" + hvcC}, nil, nil, ""},
	{"multitrack, many", TagVideo, []string{"90 'hvc1'" + hvcC, "a6 13 'hvc1' 01 000002 ffff 00 000007 00000003 020188"}, nil, packet(h265Track, 0, false, "00000003 020188"), ""},
	{"multitrack, many codecs", TagVideo, []string{"90 'hvc1'" + hvcC, "a6 23 'hvc1' 00 000007 00000003 020188 'xxxx' 01 000001 00"}, nil, packet(h265Track, 0, false, "00000003 020188"), ""},
	{"multitrack in multitrack", TagVideo, []string{"96 06 'hvc1' 00"}, nil, nil, "multitrack"},
	{"multitrack of reserved type", TagVideo, []string{"96 30 'hvc1' 00"}, nil, nil, "multitrack"},
	{"multitrack cut", TagVideo, []string{"96 13 'hvc1' 00 0000ff 00"}, nil, nil, "unexpected EOF"},

	{"AAC header", TagAudio, []string{"af 00 1210"}, aacTrack, nil, ""},
	{"AAC header again", TagAudio, []string{"af 00 1210", "af 00 1210"}, nil, nil, ""},
	{"AAC empty header", TagAudio, []string{"af 00"}, nil, nil, ""},
	{"AAC bad header", TagAudio, []string{"af 00 16"}, nil, nil, "AAC sequence header"},
	{"AAC", TagAudio, []string{"af 00 1210", "af 01 2110"}, nil, packet(aacTrack, 0, false, "2110"), ""},
	{"AAC without header", TagAudio, []string{"af 01 2110"}, nil, nil, ""},
	{"AAC empty frame", TagAudio, []string{"af 00 1210", "af 01"}, nil, nil, ""},
	{"AAC packet type", TagAudio, []string{"af 02"}, nil, nil, "packet type 2"},
	{"AAC one byte", TagAudio, []string{"af"}, nil, nil, "unexpected EOF"},
	{"MP3", TagAudio, []string{"2f fffb9064"}, mp3Track, packet(mp3Track, 0, false, "fffb9064"), ""},
	{"MP3 again", TagAudio, []string{"2f fffb9064", "2f fffb9064"}, nil, packet(mp3Track, 0, false, "fffb9064"), ""},
	{"MP3 odd frame", TagAudio, []string{"2f fffb9064", "2f 0000"}, nil, packet(mp3Track, 0, false, "0000"), ""},
	{"MP3 of layer II", TagAudio, []string{"2f fffd9064"}, nil, nil, "another layer"},
	{"MP3 in free format", TagAudio, []string{"2f fffb0064"}, nil, nil, "free format"},
	{"A-law", TagAudio, []string{"72 d5d5"}, pcmaTrack, packet(pcmaTrack, 0, false, "d5d5"), ""},
	{"mu-law stereo", TagAudio, []string{"83 ffff", "83 ffff"}, nil, packet(pcmuTrack, 0, false, "ffff"), ""},
	{"Speex", TagAudio, []string{"b2 00"}, nil, nil, "Speex"},
	{"reserved sound format", TagAudio, []string{"d2 00"}, nil, nil, "number 13"},

	{"Opus header", TagAudio, []string{"90 'Opus'" + opusHead}, opusTrack, nil, ""},
	{"Opus comment header", TagAudio, []string{"90 'Opus'" + opusHead, "90 'Opus' 'OpusTags'"}, nil, nil, ""},
	{"Opus", TagAudio, []string{"90 'Opus'" + opusHead, "91 'Opus' fc01"}, nil, packet(opusTrack, 0, false, "fc01"), ""},
	{"Opus without header", TagAudio, []string{"91 'Opus' fc01"}, bareOpus, packet(bareOpus, 0, false, "fc01"), ""},
	{"Opus end", TagAudio, []string{"92 'Opus'"}, nil, nil, ""},
	{"Opus one byte", TagAudio, []string{"91"}, nil, nil, "unexpected EOF"},
	{"FLAC header", TagAudio, []string{"90 'fLaC'" + streamIn}, flacTrack, nil, ""},
	{"FLAC header with block header", TagAudio, []string{"90 'fLaC' 80000022" + streamIn}, flacTrack, nil, ""},
	{"FLAC header with marker", TagAudio, []string{"90 'fLaC' 'fLaC' 00000022" + streamIn}, flacTrack, nil, ""},
	{"FLAC", TagAudio, []string{"90 'fLaC'" + streamIn, "91 'fLaC' fff8"}, nil, packet(flacTrack, 0, false, "fff8"), ""},
	{"FLAC short header", TagAudio, []string{"90 'fLaC' 00"}, nil, nil, "STREAMINFO"},
	{"mp4a", TagAudio, []string{"90 'mp4a' 1210", "91 'mp4a' 2110"}, nil, packet(aacTrack, 0, false, "2110"), ""},
	{".mp3", TagAudio, []string{"91 '.mp3' fffb9064"}, mp3Track, packet(mp3Track, 0, false, "fffb9064"), ""},
	{"ac-3", TagAudio, []string{"91 'ac-3' 0b77"}, ac3Track, packet(ac3Track, 0, false, "0b77"), ""},
	{"ec-3", TagAudio, []string{"91 'ec-3' 0b77"}, eac3Track, packet(eac3Track, 0, false, "0b77"), ""},
	{"channels", TagAudio, []string{"91 'ac-3' 0b77", "94 'ac-3' 01 06 0000003f"}, describe(media.Track{Codec: media.AC3, Channels: 6}, ""), nil, ""},
	{"channels by map", TagAudio, []string{"91 'ac-3' 0b77", "94 'ac-3' 02 02 0001"}, describe(media.Track{Codec: media.AC3, Channels: 2}, ""), nil, ""},
	{"channels of self-describing codec", TagAudio, []string{"90 'Opus'" + opusHead, "94 'Opus' 00 06"}, nil, nil, ""},
	{"channels cut", TagAudio, []string{"94 'ac-3' 02 02 00"}, nil, nil, "unexpected EOF"},
	{"unknown sound", TagAudio, []string{"91 'xyz1' 00"}, nil, nil, `audio codec "xyz1"`},
	{"sound multitrack", TagAudio, []string{"95 11 'Opus' 00 000002 fc01 01 000001 00"}, bareOpus, packet(bareOpus, 0, false, "fc01"), ""},

	{"metadata", TagScript, []string{"02 000a 'onMetaData' 05"}, describe(media.Track{Codec: media.Script}, "02 000a 'onMetaData' 05"), nil, ""},
	{"metadata to be set", TagScript, []string{"02 000d '@setDataFrame' 02 000a 'onMetaData' 05"}, describe(media.Track{Codec: media.Script}, "02 000a 'onMetaData' 05"), nil, ""},
	{"metadata again", TagScript, []string{"02 000a 'onMetaData' 05", "02 000a 'onMetaData' 05"}, nil, nil, ""},
	{
		"other script data", TagScript,
		[]string{"02 0006 'onText' 05"},
		describe(media.Track{Codec: media.Script}, ""),
		packet(describe(media.Track{Codec: media.Script}, ""), 0, false, "02 0006 'onText' 05"), "",
	},
	{"set nothing", TagScript, []string{"02 000d '@setDataFrame'"}, nil, nil, ""},
	{"script data without a name", TagScript, []string{"00 00"}, nil, nil, "a name"},
	{"empty", TagAudio, []string{""}, nil, nil, ""},
	{"unknown type", 15, []string{"00"}, nil, nil, ""},
}

func TestDemux(t *testing.T) {
	for _, c := range demuxCases {
		t.Run(c.name, func(t *testing.T) {
			var d Demuxer
			var track *media.Track
			var p *media.Packet
			var err error
			for i, body := range c.bodies {
				if i > 0 && err != nil {
					t.Fatal(err)
				}
				track, p, err = d.Demux(Tag{Type: c.tag, Timestamp: time.Second, Body: unhex(body)})
			}
			if c.err == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff(c.track, track); diff != "" {
				t.Error("track", diff)
			}
			if diff := cmp.Diff(c.packet, p); diff != "" {
				t.Error("packet", diff)
			}
			if track != nil && d.Tracks().Get(track.Codec.Kind()) != track || p != nil && d.Tracks().Get(p.Kind()) != p.Track {
				t.Error("the tracks in force are others")
			}
		})
	}
}

// TestTruncated cuts every case's last body at every length: whatever comes,
// it is no panic, and a packet never has more payload than there was.
func TestTruncated(t *testing.T) {
	for _, c := range demuxCases {
		last := unhex(c.bodies[len(c.bodies)-1])
		for n := range last {
			var d Demuxer
			for _, body := range c.bodies[:len(c.bodies)-1] {
				if _, _, err := d.Demux(Tag{Type: c.tag, Body: unhex(body)}); err != nil {
					t.Fatal(err)
				}
			}
			if _, p, _ := d.Demux(Tag{Type: c.tag, Body: last[:n]}); p != nil && c.packet == nil {
				t.Errorf("%s cut at %d: a packet of %x", c.name, n, p.Payload)
			}
		}
	}
}

func TestUnsupportedIsTyped(t *testing.T) {
	var d Demuxer
	_, _, err := d.Demux(Tag{Type: TagVideo, Body: unhex("90 'vvc1'")})
	var refused *CodecError
	if !errors.As(err, &refused) || refused.Name != "vvc1" || refused.Kind != media.Video {
		t.Errorf("%v", err)
	}
}

func TestExtraTracksAreReportedOnce(t *testing.T) {
	var d Demuxer
	for range 3 {
		if _, _, err := d.Demux(Tag{Type: TagAudio, Body: unhex("95 11 'Opus' 02 000001 fc 01 000001 fc")}); err != nil {
			t.Fatal(err)
		}
	}
	want := []ExtraTrack{{media.Audio, 2, "Opus"}, {media.Audio, 1, "Opus"}}
	if diff := cmp.Diff(want, d.Extra()); diff != "" {
		t.Error(diff)
	}
}

func TestRepeatedHeaderKeepsTheTrack(t *testing.T) {
	var d Demuxer
	header := unhex("17 00 000000" + avcCTwo)
	first, _, err := d.Demux(Tag{Type: TagVideo, Body: header})
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if again, _, err := d.Demux(Tag{Type: TagVideo, Body: bytes.Clone(header)}); err != nil || again != nil || d.Tracks().Video != first {
		t.Errorf("the track changed: %v, %v", again, err)
	}
}

// TestNegativeCompositionTimes is a stream whose encoder starts its decoding
// times with the first presentation time.
func TestNegativeCompositionTimes(t *testing.T) {
	var d Demuxer
	if _, _, err := d.Demux(Tag{Type: TagVideo, Body: unhex("17 00 000000" + avcC)}); err != nil {
		t.Fatal(err)
	}
	var last time.Duration
	for i, offset := range []string{"000000", "000050", "ffffd8", "ffffd8", "000000"} {
		_, p, err := d.Demux(Tag{Type: TagVideo, Timestamp: time.Duration(i) * 40 * ms, Body: unhex("27 01 " + offset + "00000002 4188")})
		if err != nil {
			t.Fatal(err)
		}
		if p.PTS < p.DTS || p.DTS < last {
			t.Errorf("frame %d: DTS %v, PTS %v after %v", i, p.DTS, p.PTS, last)
		}
		last = p.DTS
	}
}

func FuzzDemuxer(f *testing.F) {
	for _, c := range demuxCases {
		before := []byte(nil)
		if len(c.bodies) > 1 {
			before = unhex(c.bodies[len(c.bodies)-2])
		}
		f.Add(byte(c.tag), before, unhex(c.bodies[len(c.bodies)-1]))
	}
	f.Fuzz(func(t *testing.T, tag byte, before, body []byte) {
		var d Demuxer
		_, _, _ = d.Demux(Tag{Type: TagType(tag), Body: before})
		_, p, err := d.Demux(Tag{Type: TagType(tag), Timestamp: time.Second, Body: body})
		if p == nil {
			return
		}
		if err != nil || p.Track == nil || p.PTS < p.DTS || len(p.Payload) == 0 {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := (Form{Enhanced: true}).Tag(p); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

func BenchmarkDemux(b *testing.B) {
	var d Demuxer
	if _, _, err := d.Demux(Tag{Type: TagVideo, Body: unhex("17 00 000000" + avcC)}); err != nil {
		b.Fatal(err)
	}
	body := append(unhex("27 01 000028 00001000"), make([]byte, 4096)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Demux(Tag{Type: TagVideo, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
}
