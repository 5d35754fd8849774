package prototest

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// The pace of the kit's media: 25 pictures a second in closed groups of nine,
// and sound in the frames that its codec has.
const (
	frameTime  = 40 * time.Millisecond
	groupSize  = 9
	sampleRate = 48000
)

// samples returns how many a frame of a sound track has.
func samples(t *media.Track) int64 {
	if t.Codec == media.Opus {
		return 960
	}
	return 1024
}

// avc returns the picture track of an encoder that reorders by one picture
// (x264, Main profile, one B picture).
func avc(sps, pps string) *media.Track {
	c, err := h264.NewConfig([][]byte{unhex(sps)}, [][]byte{unhex(pps)})
	if err != nil {
		panic(err) // the sets are constants
	}
	t, err := h264.Track(c.Append(nil))
	if err != nil {
		panic(err)
	}
	return t
}

// H264 returns the kit's picture track, 320 by 240.
func H264() *media.Track {
	return avc("674d400df60a0fd808800000030080000019078a149c", "68eae3cb20")
}

// H264Larger returns the track of the same encoder after a change to 352 by 288.
func H264Larger() *media.Track {
	return avc("674d400df60b04b60220000003002000000641e28527", "68eae3cb20")
}

// AAC returns the kit's sound track.
func AAC() *media.Track {
	return &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: sampleRate, Channels: 2}
}

// Opus returns the sound track that some streams change to.
func Opus() *media.Track {
	return &media.Track{Codec: media.Opus, SampleRate: sampleRate, Channels: 2}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// picture returns picture n in decoding order of a stream whose groups are
// I P B P B P B P B; size is how many bytes its slice has at least.
func picture(t *media.Track, n, size int) *media.Packet {
	at, i := time.Duration(n)*frameTime, n%groupSize
	slice, shown := []byte{0x41, 0x9a, 0x24}, 2*frameTime // P
	switch {
	case i == 0:
		slice, shown = []byte{0x65, 0x88, 0x84}, frameTime
	case i%2 == 0:
		slice, shown = []byte{0x01, 0x9e, 0x26}, 0
	}
	return &media.Packet{Track: t, DTS: at, PTS: at + shown, Key: i == 0, Payload: nal.Join(numbered(slice, n, size))}
}

// sound returns frame n of a sound track.
func sound(t *media.Track, n int, at time.Duration) *media.Packet {
	start := []byte{0x21, 0x10, 0x05}
	if t.Codec == media.Opus {
		start = []byte{0xfc, 0x7f, 0x33} // CELT, 20 ms, one frame
	}
	return &media.Packet{Track: t, DTS: at, PTS: at, Payload: numbered(start, n, 200)}
}

// numbered returns start, filled up to size, and the number in bytes that no
// framing takes for its own.
func numbered(start []byte, n, size int) []byte {
	b := slices.Concat(start, bytes.Repeat([]byte{0x55 ^ byte(n&0x2a)}, size))
	for shift := 21; shift >= 0; shift -= 7 {
		b = append(b, 0x80|byte(n>>shift&0x7f))
	}
	return b
}

// numberOf returns the number in a packet, or -1.
func numberOf(b []byte) (n int) {
	if len(b) < 4 {
		return -1
	}
	for _, c := range b[len(b)-4:] {
		if c < 0x80 {
			return -1
		}
		n = n<<7 | int(c&0x7f)
	}
	return n
}

// withoutSets returns an H.264 payload without what some wires put before key
// frames: parameter sets and access unit delimiters.
func withoutSets(payload []byte) []byte {
	var out []byte
	for unit := range nal.Units(payload) {
		switch h264.TypeOf(unit) {
		case h264.TypeSPS, h264.TypePPS, h264.TypeAUD:
		default:
			out = nal.Append(out, unit)
		}
	}
	return out
}
