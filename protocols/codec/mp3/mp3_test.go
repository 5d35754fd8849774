package mp3

import "testing"

var cases = []struct {
	bytes [4]byte
	want  Header // zero: refused
}{
	{[4]byte{0xff, 0xfb, 0x90, 0x64}, Header{44100, 2, 128000, 1152, 417}},
	{[4]byte{0xff, 0xfb, 0x92, 0xc4}, Header{44100, 1, 128000, 1152, 418}},
	{[4]byte{0xff, 0xfb, 0xe4, 0x00}, Header{48000, 2, 320000, 1152, 960}},
	{[4]byte{0xff, 0xf3, 0x80, 0xc4}, Header{22050, 1, 64000, 576, 208}},
	{[4]byte{0xff, 0xe3, 0x18, 0xc4}, Header{8000, 1, 8000, 576, 72}},
	{[4]byte{0xff, 0xfb, 0x00, 0x64}, Header{}},
	{[4]byte{0xff, 0xfb, 0xf0, 0x64}, Header{}},
	{[4]byte{0xff, 0xfb, 0x9c, 0x64}, Header{}},
	{[4]byte{0xff, 0xfd, 0x90, 0x64}, Header{}},
	{[4]byte{0xff, 0xeb, 0x90, 0x64}, Header{}},
	{[4]byte{0x00, 0xfb, 0x90, 0x64}, Header{}},
}

func TestParseHeader(t *testing.T) {
	for _, c := range cases {
		h, err := ParseHeader(c.bytes[:])
		if h != c.want || (err != nil) != (c.want == Header{}) {
			t.Errorf("%x: %+v, %v, want %+v", c.bytes, h, err, c.want)
		}
		track, err := Track(c.bytes[:])
		if err == nil && (track.SampleRate != h.SampleRate || track.Channels != h.Channels) {
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
