package rtp

import (
	"math/rand/v2"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// Parameter sets as x264 and x265 write them, a sequence header of SVT-AV1, a
// key frame header of libvpx.
var (
	h264SPS  = unhex("6764000dacd94150878888c04400000fa40003a9803c50a658")
	h264SPS2 = unhex("6742c01ed900a02ff97011000003000100000300320f162e48")
	h264PPS  = unhex("68ebe3cb22c0")
	h264PPS2 = unhex("68cb83cb20")
	h265VPS  = unhex("40010c01ffff01600000030090000003000003003c959409")
	h265SPS  = unhex("42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601")
	h265PPS  = unhex("4401c172b46240")
	av1C     = unhex("81000c000a0b000000043d07c402f80040")
	vp9Key   = unhex("824983420014100f1604")
	vp8Key   = unhex("30a2009d012a4001f000")
	mp3Frame = unhex("fffb9064")         // 128 kbit/s, 44100 Hz: 417 bytes
	ac3Frame = unhex("0b7700001e40e1b0") // 448 kbit/s, 48000 Hz, 3/2.1: 1792 bytes
)

// stream makes the media packets of one codec for the tests.
type stream struct {
	name   string
	format Format
	track  *media.Track
	config PacketizerConfig

	// frame returns a payload that looks as one of the codec's to who does not
	// decode it.
	frame func(rnd *rand.Rand, key bool) []byte
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// streams are those of all codecs.
func streams() []stream {
	avc := must(h264.Track(must(h264.NewConfig([][]byte{h264SPS}, [][]byte{h264PPS})).Append(nil)))
	hevc := must(h265.Track(must(h265.NewConfig([][]byte{h265VPS}, [][]byte{h265SPS}, [][]byte{h265PPS})).Append(nil)))
	asc := must(must(aac.NewConfig(44100, 2)).Append(nil))
	list := []stream{
		{name: "H264", track: avc, frame: h264Frame},
		{name: "H264 single NAL", track: avc, frame: h264Frame, config: PacketizerConfig{SingleNAL: true, MaxPayload: 1 << 16}},
		{name: "H265", track: hevc, frame: h265Frame},
		{name: "AV1", track: must(av1.Track(av1C)), frame: av1Frame},
		{name: "VP8", track: &media.Track{Codec: media.VP8, Width: 320, Height: 240}, frame: vp8Frame},
		{name: "VP9", track: &media.Track{Codec: media.VP9, Config: unhex("0014820202020000"), Width: 322, Height: 242}, frame: vp9Frame},
		{name: "VP9 without layer indices", track: &media.Track{Codec: media.VP9, Config: unhex("0014820202020000"), Width: 322, Height: 242}, frame: vp9Frame, config: PacketizerConfig{NoLayerIndices: true}},
		{name: "AAC", track: must(aac.Track(asc)), frame: randomFrame(1, 3000)},
		{name: "Opus", track: &media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}, frame: opusFrame},
		{name: "PCMA", track: &media.Track{Codec: media.PCMA, SampleRate: 8000, Channels: 1}, frame: randomFrame(1, 500)},
		{name: "PCMU", track: &media.Track{Codec: media.PCMU, SampleRate: 8000, Channels: 2}, frame: randomFrame(2, 250)},
		{name: "G722", track: &media.Track{Codec: media.G722, SampleRate: 16000, Channels: 1}, frame: randomFrame(1, 500)},
		{name: "L16", track: &media.Track{Codec: media.L16, SampleRate: 44100, Channels: 2}, frame: randomFrame(4, 250)},
		{name: "MP3", track: &media.Track{Codec: media.MP3, SampleRate: 44100, Channels: 2}, frame: mp3TestFrame},
		{name: "AC-3", track: &media.Track{Codec: media.AC3, SampleRate: 48000, Channels: 6}, frame: ac3TestFrame},
	}
	for i := range list {
		list[i].format = must(FormatOf(list[i].track))
	}
	return list
}

func streamOf(c media.Codec) stream {
	for _, s := range streams() {
		if s.track.Codec == c {
			return s
		}
	}
	panic("no stream of " + c.String())
}

// fill returns n random bytes, none of which makes a start code.
func fill(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.IntN(255) + 1)
	}
	return b
}

// size is small as a rule, and now and then that of a big picture.
func size(rnd *rand.Rand) int {
	if rnd.IntN(8) == 0 {
		return rnd.IntN(20000) + 1
	}
	return rnd.IntN(1500) + 1
}

// randomFrame returns frames of 1 to limit units of the given bytes.
func randomFrame(unit, limit int) func(*rand.Rand, bool) []byte {
	return func(rnd *rand.Rand, _ bool) []byte { return fill(rnd, unit*(rnd.IntN(limit)+1)) }
}

func opusFrame(rnd *rand.Rand, _ bool) []byte {
	return append([]byte{0xfc}, fill(rnd, rnd.IntN(400))...) // CELT, 20 ms, stereo, one frame
}

func mp3TestFrame(rnd *rand.Rand, _ bool) []byte {
	return append(append([]byte{}, mp3Frame...), fill(rnd, 417-len(mp3Frame))...)
}

func ac3TestFrame(rnd *rand.Rand, _ bool) []byte {
	return append(append([]byte{}, ac3Frame...), fill(rnd, 1792-len(ac3Frame))...)
}

// h264Frame has one to four slices, on key pictures with parameter sets.
func h264Frame(rnd *rand.Rand, key bool) []byte {
	var units [][]byte
	kind := byte(0x41)
	if key {
		units = append(units, h264SPS, h264PPS, append([]byte{0x06}, fill(rnd, 20)...))
		kind = 0x65
	}
	for i := range rnd.IntN(4) + 1 {
		head := []byte{kind, 0x88, 0x80} // first_mb_in_slice 0, I, PPS 0
		if i > 0 {
			head[1] = 0x58 // first_mb_in_slice 1, P, PPS 0
		}
		units = append(units, append(head, fill(rnd, size(rnd))...))
	}
	return nal.Join(units...)
}

func h265Frame(rnd *rand.Rand, key bool) []byte {
	var units [][]byte
	kind := h265.TypeTrailR
	if key {
		units = append(units, h265VPS, h265SPS, h265PPS)
		kind = h265.TypeIDRWRADL
	}
	for i := range rnd.IntN(4) + 1 {
		head := []byte{byte(kind) << 1, 1, 0x80}
		if i > 0 {
			head[2] = 0x40
		}
		units = append(units, append(head, fill(rnd, size(rnd))...))
	}
	return nal.Join(units...)
}

// av1Frame has a frame OBU, or a frame header with tile groups, with or without
// layer ids.
func av1Frame(rnd *rand.Rand, key bool) []byte {
	var out []byte
	head := byte(0x30) // shown inter frame
	if key {
		out = append(out, must(av1.ParseConfig(av1C)).OBUs...)
		head = 0x10 // shown key frame
	}
	if rnd.IntN(3) == 0 {
		out = av1.OBU{Type: av1.TypeMetadata, Data: fill(rnd, 30)}.Append(out)
	}
	layers := rnd.IntN(2) == 0
	unit := func(t av1.Type, data []byte) {
		out = av1.OBU{Type: t, Extension: layers, Temporal: 1, Data: data}.Append(out)
	}
	if rnd.IntN(2) == 0 {
		unit(av1.TypeFrame, append([]byte{head}, fill(rnd, size(rnd))...))
		return out
	}
	unit(av1.TypeFrameHeader, append([]byte{head}, fill(rnd, 40)...))
	for range rnd.IntN(6) + 1 {
		unit(av1.TypeTileGroup, fill(rnd, size(rnd)))
	}
	return out
}

func vp8Frame(rnd *rand.Rand, key bool) []byte {
	if key {
		return append(append([]byte{}, vp8Key...), fill(rnd, size(rnd))...)
	}
	return append([]byte{0x31, 0, 0}, fill(rnd, size(rnd))...)
}

func vp9Frame(rnd *rand.Rand, key bool) []byte {
	if key {
		return append(append([]byte{}, vp9Key...), fill(rnd, size(rnd))...)
	}
	return append([]byte{0x86, 0}, fill(rnd, size(rnd))...)
}

// sender turns media packets into RTP packets.
type sender struct {
	z    Packetizer
	seq  uint16
	list []Payload
}

func newSender(s stream) *sender {
	return &sender{z: must(NewPacketizer(s.track.Codec, s.config)), seq: 65500}
}

func (s *sender) send(p *media.Packet, timestamp uint32) ([]Packet, error) {
	var err error
	if s.list, err = s.z.Append(s.list[:0], p); err != nil {
		return nil, err
	}
	var packets []Packet
	for _, l := range s.list {
		packets = append(packets, Packet{Payload: l.Data, Marker: l.Marker, Timestamp: timestamp + l.Ticks, Sequence: s.seq, SSRC: 7, PayloadType: 96})
		s.seq++
	}
	return packets, nil
}
