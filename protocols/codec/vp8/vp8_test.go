package vp8

import (
	"testing"

	"sluice/server/media"
)

var cases = []struct {
	name  string
	frame string
	want  Header
	ok    bool
}{
	{"key", "\x10\x02\x00\x9d\x01\x2a\x42\x41\xf2\x80", Header{Key: true, Show: true, Width: 322, Height: 242}, true},
	{"inter", "\x11\x02\x00", Header{Show: true}, true},
	{"hidden, version 3", "\x07\x02\x00", Header{Version: 3}, true},
	{"no start code", "\x10\x02\x00\x9d\x01\x2b\x42\x01\xf2\x00", Header{}, false},
	{"version 4", "\x18\x02\x00", Header{}, false},
}

func TestParseHeader(t *testing.T) {
	for _, c := range cases {
		h, err := ParseHeader([]byte(c.frame))
		if h != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %+v, %v", c.name, h, err)
		}
		for n := range c.frame {
			if _, err := ParseHeader([]byte(c.frame)[:n]); err == nil {
				t.Errorf("%s cut at %d is accepted", c.name, n)
			}
		}
		track, err := Track([]byte(c.frame))
		if (err == nil) != c.want.Key || err == nil && (track.Codec != media.VP8 || track.Width != c.want.Width) {
			t.Errorf("%s: %+v, %v", c.name, track, err)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHeader(b); err == nil && (h.Width > 1<<14 || h.Height > 1<<14) {
			t.Fatalf("%+v", h)
		}
	})
}
