package opus

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var packetCases = []struct {
	packet   []byte
	frames   int // 0: refused
	duration time.Duration
}{
	{nil, 0, 0},
	{[]byte{0xfc, 1, 2}, 1, 20 * time.Millisecond},
	{[]byte{0x78, 1}, 1, 20 * time.Millisecond},
	{[]byte{0x18}, 1, 60 * time.Millisecond},
	{[]byte{0x80}, 1, 2500 * time.Microsecond},
	{[]byte{0xe9, 0}, 2, 10 * time.Millisecond},
	{[]byte{0xfe, 0, 0}, 2, 40 * time.Millisecond},
	{[]byte{0xff, 3}, 3, 60 * time.Millisecond},
	{[]byte{0x83, 48}, 48, 120 * time.Millisecond},
	{[]byte{0x83, 49}, 0, 0},
	{[]byte{0x1b, 3}, 0, 0},
	{[]byte{0xff, 0}, 0, 0},
	{[]byte{0xff}, 0, 0},
}

func TestPackets(t *testing.T) {
	for _, c := range packetCases {
		frames, err := Frames(c.packet)
		if frames != c.frames || (err != nil) != (c.frames == 0) {
			t.Errorf("%x: %d frames, %v", c.packet, frames, err)
		}
		if d, _ := Duration(c.packet); d != c.duration {
			t.Errorf("%x: %v", c.packet, d)
		}
	}
}

var headCases = []struct {
	bytes string
	head  Head
}{
	{"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00", Head{Channels: 2, PreSkip: 312, InputRate: 48000}},
	{"OpusHead\x01\x01\x00\x00\x44\xac\x00\x00\x00\xff\x00", Head{Channels: 1, InputRate: 44100, OutputGain: -256}},
	{
		"OpusHead\x01\x06\x00\x00\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\xff",
		Head{Channels: 6, InputRate: 48000, Family: 1, Streams: 4, Coupled: 2, Mapping: []uint8{0, 4, 1, 2, 3, 255}},
	},
}

func TestHead(t *testing.T) {
	for _, c := range headCases {
		h, err := ParseHead([]byte(c.bytes))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&c.head, h); d != "" {
			t.Error(d)
		}
		if got := string(c.head.Append(nil)); got != c.bytes {
			t.Errorf("%x, want %x", got, c.bytes)
		}
		if track, err := Track([]byte(c.bytes)); err != nil || track.Channels != int(c.head.Channels) || track.SampleRate != ClockRate {
			t.Errorf("%+v, %v", track, err)
		}
		for n := range c.bytes {
			if h, err := ParseHead([]byte(c.bytes)[:n]); err == nil {
				t.Errorf("cut at %d: %+v", n, h)
			}
		}
	}
}

func TestBadHeads(t *testing.T) {
	for _, bad := range []string{
		"OpusTags\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00",
		"OpusHead\x10\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00",
		"OpusHead\x01\x00\x38\x01\x80\xbb\x00\x00\x00\x00\x00",
		"OpusHead\x01\x03\x38\x01\x80\xbb\x00\x00\x00\x00\x00",
		"OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x01\x00\x00\x00",
		"OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x01\x01\x00\x01",
	} {
		if h, err := ParseHead([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, h)
		}
	}
	if track, err := Track(nil); err != nil || track.Channels != 2 {
		t.Error("no header must mean two channels")
	}
	if got := NewHead(1); got.Channels != 1 {
		t.Error("NewHead forgets the channels")
	}
}

func FuzzHead(f *testing.F) {
	for _, c := range headCases {
		f.Add([]byte(c.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHead(b)
		if err != nil {
			return
		}
		if again, err := ParseHead(h.Append(nil)); err != nil || !cmp.Equal(h, again) {
			t.Fatalf("does not round-trip: %v\n%+v\n%+v", err, h, again)
		}
	})
}

func FuzzPacket(f *testing.F) {
	for _, c := range packetCases {
		f.Add(c.packet)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Samples(b)
		if err == nil && (n <= 0 || n > MaxSamples) {
			t.Fatalf("%d samples", n)
		}
	})
}
