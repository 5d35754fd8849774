package mpa

import (
	"testing"

	"sluice/server/media"
)

var cases = []struct {
	bytes [4]byte
	want  Header // zero: refused
	codec media.Codec
}{
	{[4]byte{0xff, 0xfb, 0x90, 0x64}, Header{3, false, false, 44100, JointStereo, 2, 2, 128000, 1152, 417}, media.MP3},
	{[4]byte{0xff, 0xfa, 0x92, 0xc4}, Header{3, false, true, 44100, Mono, 0, 1, 128000, 1152, 418}, media.MP3},
	{[4]byte{0xff, 0xfb, 0xe4, 0x00}, Header{3, false, false, 48000, Stereo, 0, 2, 320000, 1152, 960}, media.MP3},
	{[4]byte{0xff, 0xf3, 0x80, 0xc4}, Header{3, true, false, 22050, Mono, 0, 1, 64000, 576, 208}, media.MP3},
	{[4]byte{0xff, 0xe3, 0x18, 0xc4}, Header{3, true, false, 8000, Mono, 0, 1, 8000, 576, 72}, media.MP3},
	{[4]byte{0xff, 0xfd, 0x90, 0x64}, Header{2, false, false, 44100, JointStereo, 2, 2, 160000, 1152, 522}, media.MP2},
	{[4]byte{0xff, 0xfc, 0xa4, 0x80}, Header{2, false, true, 48000, DualChannel, 0, 2, 192000, 1152, 576}, media.MP2},
	{[4]byte{0xff, 0xf5, 0x84, 0x00}, Header{2, true, false, 24000, Stereo, 0, 2, 64000, 1152, 384}, media.MP2},
	{[4]byte{0xff, 0xfb, 0x00, 0x64}, Header{}, 0},
	{[4]byte{0xff, 0xfb, 0xf0, 0x64}, Header{}, 0},
	{[4]byte{0xff, 0xfb, 0x9c, 0x64}, Header{}, 0},
	{[4]byte{0xff, 0xff, 0x90, 0x64}, Header{}, 0},
	{[4]byte{0xff, 0xf9, 0x90, 0x64}, Header{}, 0},
	{[4]byte{0xff, 0xeb, 0x90, 0x64}, Header{}, 0},
	{[4]byte{0x00, 0xfb, 0x90, 0x64}, Header{}, 0},
}

func TestParseHeader(t *testing.T) {
	for _, c := range cases {
		h, err := ParseHeader(c.bytes[:])
		if h != c.want || (err != nil) != (c.want == Header{}) {
			t.Errorf("%x: %+v, %v, want %+v", c.bytes, h, err, c.want)
		}
		if track := h.Track(); err == nil && (track.Codec != c.codec || !h.Of(track) || h.Of(nil)) {
			t.Errorf("%x: track %+v", c.bytes, track)
		}
		for n := range c.bytes {
			if _, err := ParseHeader(c.bytes[:n]); err == nil {
				t.Errorf("%x cut at %d is accepted", c.bytes, n)
			}
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, c := range cases {
		f.Add(c.bytes[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHeader(b); err == nil && h.Size < HeaderSize {
			t.Fatalf("%+v", h)
		}
	})
}
