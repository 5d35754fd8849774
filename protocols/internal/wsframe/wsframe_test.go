package wsframe

import (
	"bytes"
	"testing"
)

func TestHeader(t *testing.T) {
	for _, c := range []struct {
		size int
		want []byte
	}{
		{0, []byte{0x82, 0}},
		{125, []byte{0x82, 125}},
		{126, []byte{0x82, 126, 0, 126}},
		{65535, []byte{0x82, 126, 0xff, 0xff}},
		{65536, []byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
	} {
		if got := AppendHeader(nil, Binary, c.size); !bytes.Equal(got, c.want) {
			t.Errorf("size %d: % x", c.size, got)
		}
		if n := HeaderSize(c.want); n != len(c.want) {
			t.Errorf("size %d: a header of %d bytes, want %d", c.size, n, len(c.want))
		}
	}
}

func TestFrame(t *testing.T) {
	if got := Frame(Pong, []byte("hi")); string(got) != "\x8a\x02hi" {
		t.Errorf("% x", got)
	}
}
