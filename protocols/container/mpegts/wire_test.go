package mpegts

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/server/media"
)

// ffmpegPAT and ffmpegPMT are sections that ffmpeg wrote.
const (
	ffmpegPAT = "00b00d0001c100000001f0002ab104b2"
	ffmpegPMT = "02b0260001c10000e100f00024e100f006050448455643" +
		"06e101f00a05044f7075737f028002" + "00000000"
)

var patCases = []struct {
	name  string
	bytes string
	want  []program
}{
	{"nothing", "", nil},
	{"one", "0001 f000", []program{{1, 0x1000}}},
	{"with the network", "0000 e010 0003 e100", []program{{0, 0x10}, {3, 0x100}}},
}

func TestPAT(t *testing.T) {
	for _, c := range patCases {
		b := unhex(c.bytes)
		got, err := parsePAT(b)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if out := appendPAT(nil, c.want...); !bytes.Equal(out, b) {
			t.Errorf("%s: written as %x", c.name, out)
		}
		for n := range b {
			if _, err := parsePAT(b[:n]); (err == nil) != (n%4 == 0) {
				t.Errorf("%s cut at %d: %v", c.name, n, err)
			}
		}
	}
}

var pmtCases = []struct {
	name  string
	bytes string
	want  programMap
}{
	{"nothing", "ffff f000", programMap{pcrPID: pidNull, descriptors: []byte{}}},
	{
		"H265 and Opus", "e100 f000 24 e100 f006 0504'HEVC' 06 e101 f00a 0504'Opus' 7f028002",
		programMap{pcrPID: 0x100, descriptors: []byte{}, streams: []stream{
			{typeH265, 0x100, unhex("0504'HEVC'")}, {typePrivate, 0x101, unhex("0504'Opus' 7f028002")},
		}},
	},
	{
		"with descriptors of its own", "e100 f003 0e0180 1b e100 f000",
		programMap{pcrPID: 0x100, descriptors: unhex("0e0180"), streams: []stream{{typeH264, 0x100, []byte{}}}},
	},
}

func TestPMT(t *testing.T) {
	for _, c := range pmtCases {
		b := unhex(c.bytes)
		got, err := parsePMT(b)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(programMap{}, stream{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if out := c.want.append(nil); !bytes.Equal(out, b) {
			t.Errorf("%s: written as %x", c.name, out)
		}
		for n := range b {
			if m, err := parsePMT(b[:n]); err == nil && !bytes.Equal(m.append(nil), b[:n]) {
				t.Errorf("%s cut at %d: %+v", c.name, n, m)
			}
		}
	}
}

func TestSection(t *testing.T) {
	b := unhex(ffmpegPAT)
	s, err := parseSection(b)
	if err != nil {
		t.Fatal(err)
	}
	if s.table != tablePAT || s.id != 1 || !s.current || s.version != 0 {
		t.Errorf("%+v", s)
	}
	if out := s.append(nil); !bytes.Equal(out, b) {
		t.Errorf("written as %x", out)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 0x10
		if _, err := parseSection(bad); !errors.Is(err, errSection) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := parseSection(b[:i]); !errors.Is(err, errSection) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// TestSectionsOverPackets puts sections into packets in every way.
func TestSectionsOverPackets(t *testing.T) {
	long := section{table: tablePMT, id: 1, current: true, body: make([]byte, 900)}.append(nil)
	short := unhex(ffmpegPAT)
	all := slices.Concat(short, long, short)
	for _, size := range []int{1, 2, 3, 7, 50, 183, 184} {
		var s sections
		var got [][]byte
		for n, rest := 0, all; len(rest) > 0; n++ {
			p := packet{start: n == 0, hasPayload: true, counter: uint8(n & 0xf)}
			part := rest[:min(size, len(rest))]
			rest = rest[len(part):]
			if p.start {
				part = append([]byte{0}, part...)
			}
			s.push(p, part, func(b []byte) { got = append(got, bytes.Clone(b)) })
		}
		if want := [][]byte{short, long, short}; !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("in parts of %d: %x", size, got)
		}
	}
}

// TestSectionPointer: the end of one section, and the start of the next.
func TestSectionPointer(t *testing.T) {
	var s sections
	b := unhex(ffmpegPAT)
	count := 0
	push := func(p packet, parts ...[]byte) {
		p.hasPayload = true
		s.push(p, slices.Concat(parts...), func(section []byte) {
			if count++; !bytes.Equal(section, b) {
				t.Errorf("got %x", section)
			}
		})
	}
	push(packet{counter: 4}, b[7:]) // never began
	push(packet{counter: 5, start: true}, []byte{3, 1, 2, 3}, b[:7])
	push(packet{counter: 6, start: true}, []byte{9}, b[7:], b, []byte{0xff, 0xff})
	push(packet{counter: 7, start: true}, []byte{0}, b[:7])
	push(packet{counter: 9}, b[7:]) // one is missing
	push(packet{counter: 10, start: true}, []byte{200}, b)
	if count != 2 {
		t.Errorf("%d sections", count)
	}
}

var pesCases = []struct {
	name  string
	bytes string
	want  pesHeader
}{
	{"PTS", "000001 c0 0108 84 80 05 2100058f41", pesHeader{id: 0xc0, length: 264, aligned: true, hasPTS: true, pts: 83872, dts: 83872, size: 14}},
	{"both, unbounded", "000001 e0 0000 80 c0 0a 3100077481 11000763d1", pesHeader{id: 0xe0, hasPTS: true, pts: 113216, dts: 111080, size: 19}},
	{"the last tick", "000001 e0 0000 84 80 05 2fffffffff", pesHeader{id: 0xe0, aligned: true, hasPTS: true, pts: clockMask, dts: clockMask, size: 14}},
	{"no time, stuffing", "000001 bd 0010 84 00 03 ffffff", pesHeader{id: 0xbd, length: 16, aligned: true, size: 12}},
	{"padding stream", "000001 be 0010", pesHeader{id: 0xbe, length: 16, size: 6}},
}

func TestPES(t *testing.T) {
	for _, c := range pesCases {
		b := unhex(c.bytes)
		got, err := parsePES(b)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		for n := range b {
			if _, err := parsePES(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut at %d: %v", c.name, n, err)
			}
		}
		if !c.want.hasPTS {
			continue
		}
		out := c.want.appendPES(nil, 1000)
		again, err := parsePES(out)
		want := c.want
		want.aligned, want.length, want.size = true, again.size-pesCounted+1000, again.size
		if err != nil || again != want {
			t.Errorf("%s: written as %x: %+v, %v", c.name, out, again, err)
		}
	}
	for _, s := range []string{
		"000002 c0 0108 84 80 05 2100058f41", // start code
		"000001 c0 0108 44 80 05 2100058f41", // marker bits
		"000001 c0 0108 94 80 05 2100058f41", // scrambled
		"000001 c0 0108 84 80 04 2100058f",   // no room for the PTS
		"000001 c0 0108 84 c0 05 2100058f41", // none for the DTS
		"000001 c0 0004 84 80 05 2100058f41", // longer than the packet
	} {
		if h, err := parsePES(unhex(s)); !errors.Is(err, errPES) {
			t.Errorf("%s: %+v, %v", s, h, err)
		}
	}
	if out := (pesHeader{id: idVideo}).appendPES(nil, 65528); out[4]|out[5] != 0 {
		t.Errorf("65528 bytes are announced as %x", out[4:6])
	}
	if out := (pesHeader{id: idVideo}).appendPES(nil, 65527); out[4]&out[5] != 0xff {
		t.Errorf("65527 bytes are announced as %x", out[4:6])
	}
}

func TestPacket(t *testing.T) {
	fill := func(s string) []byte {
		b := unhex(s)
		return append(b, make([]byte, PacketSize-len(b))...)
	}
	for _, c := range []struct {
		name    string
		bytes   []byte
		want    packet
		payload int
	}{
		{"payload", fill("47 4100 1a"), packet{start: true, pid: 0x100, counter: 10, hasPayload: true}, 184},
		{"clock", fill("47 0100 20 b7 d0 00000001fe05"), packet{pid: 0x100, discontinuity: true, randomAccess: true, hasPCR: true, pcr: 3*300 + 5}, 0},
		{"both", fill("47 8100 f5 07 10 ffffffffff2b"), packet{failed: true, scrambled: true, pid: 0x100, counter: 5, hasPayload: true, hasPCR: true, pcr: clockMask*300 + 0x12b}, 176},
		{"one byte of stuffing", fill("47 1fff 30 00"), packet{pid: pidNull, hasPayload: true}, 183},
	} {
		got, payload, err := parsePacket(c.bytes)
		if err != nil || got != c.want || len(payload) != c.payload {
			t.Errorf("%s: %+v, %d bytes, %v", c.name, got, len(payload), err)
		}
		for n := range c.bytes {
			if _, _, err := parsePacket(c.bytes[:n]); !errors.Is(err, errPacket) {
				t.Errorf("%s cut at %d: %v", c.name, n, err)
			}
		}
	}
	for _, s := range []string{"46 4100 1a", "47 0100 30 b8", "47 0100 30 06 10"} {
		if p, _, err := parsePacket(fill(s)); !errors.Is(err, errPacket) {
			t.Errorf("%s: %+v, %v", s, p, err)
		}
	}
}

var descriptorCases = []struct {
	name  string
	bytes string
	want  media.Codec
}{
	{"none", "", media.CodecUnknown},
	{"Opus", "0504'Opus' 7f028002", media.Opus},
	{"AC-3 by DVB", "0a04656e6700 6a0100", media.AC3},
	{"E-AC-3 by DVB", "7a0180", media.EAC3},
	{"AC-3 by ATSC", "0504'AC-3'", media.AC3},
	{"E-AC-3 by ATSC", "0504'EAC3'", media.EAC3},
	{"H265", "0504'HEVC'", media.H265},
	{"another registration", "0504'VC-1'", media.CodecUnknown},
	{"short registration", "0503'Opu'", media.CodecUnknown},
	{"leads out of the loop", "0505'Opus'", media.CodecUnknown},
}

func TestDescriptors(t *testing.T) {
	for _, c := range descriptorCases {
		if got := codecOf(stream{kind: typePrivate, descriptors: unhex(c.bytes)}); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for _, c := range Codecs() {
		track := &media.Track{Codec: c, Channels: 2}
		want := c
		if c == media.MP2 {
			want = media.MP3 // until its frames tell
		}
		if got := codecOf(stream{kind: streamType(track), descriptors: appendDescriptors(nil, track)}); got != want {
			t.Errorf("%v is written so that it reads as %v", c, got)
		}
	}
}

// TestOpusChannels: each code makes a header that gives the code.
func TestOpusChannels(t *testing.T) {
	for _, code := range []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88} {
		track := &media.Track{Codec: media.Opus, Config: opusHead(code).Append(nil)}
		if got := opusChannels(track); got != code {
			t.Errorf("code %#02x comes back as %#02x", code, got)
		}
		if p := newOpusParser(appendDescriptors(nil, track)); p.err != nil || !bytes.Equal(p.made.Config, track.Config) {
			t.Errorf("code %#02x: %x, %v", code, p.made.Config, p.err)
		}
	}
	if p := newOpusParser([]byte{tagExtension, 2, extensionOpus, 9}); p.err == nil {
		t.Error("code 9 is taken")
	}
	if got := opusChannels(&media.Track{Codec: media.Opus, Channels: 1}); got != 1 {
		t.Errorf("mono without a header is %#02x", got)
	}
}

func TestOpusControl(t *testing.T) {
	for _, size := range []int{1, 254, 255, 256, 510, 1275, 7000} {
		b := appendOpusControl(nil, size)
		header, got, err := parseOpusControl(b)
		if err != nil || header != len(b) || got != size {
			t.Errorf("%d: %x reads as %d, %d, %v", size, b, header, got, err)
		}
		for n := range b {
			if _, _, err := parseOpusControl(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d cut at %d: %v", size, n, err)
			}
		}
	}
	// Trims at both ends and an extension.
	if header, size, err := parseOpusControl(unhex("7ffc 0a 0138 0010 02aabb")); err != nil || header != 10 || size != 10 {
		t.Errorf("%d, %d, %v", header, size, err)
	}
	for _, s := range []string{"7fc0 0a", "0fe0 0a", "7ffc 0a 0138 0010 02aa"} {
		if header, size, err := parseOpusControl(unhex(s)); err == nil {
			t.Errorf("%s: %d, %d", s, header, size)
		}
	}
}

// TestVersions: different maps have different versions.
func TestVersions(t *testing.T) {
	seen := map[uint8]string{}
	audio := []*media.Track{
		nil, aacTrack, mp3Track, mp2Track, opusTrack, ac3Track, eac3Track,
		{Codec: media.MP3, SampleRate: 22050, Channels: 1},
		{Codec: media.MP2, SampleRate: 24000, Channels: 1},
		{Codec: media.Opus, Channels: 1},
	}
	for _, v := range []*media.Track{nil, h264Track, h265Track} {
		for _, a := range audio {
			ts := media.Tracks{Video: v, Audio: a}
			m := NewMuxer(MuxerConfig{})
			if err := m.SetTracks(ts); err != nil {
				t.Fatal(err)
			}
			version := versionOf(ts)
			if other, ok := seen[version]; ok && other != string(m.mapped) || version >= otherVersion {
				t.Errorf("version %d stands for %x and %x", version, other, m.mapped)
			}
			seen[version] = string(m.mapped)
		}
	}
}
