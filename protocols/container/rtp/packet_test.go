package rtp

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// packetCases are packets as this package writes them; bare is false for those
// that have parts it never writes.
var packetCases = []struct {
	name, wire string
	want       Packet
	bare       bool
}{
	{
		"plain", "80e012345678abcdcafebabe010203",
		Packet{Payload: []byte{1, 2, 3}, Timestamp: 0x5678abcd, SSRC: 0xcafebabe, Sequence: 0x1234, PayloadType: 96, Marker: true},
		true,
	},
	{"empty", "800000000000000000000000", Packet{Payload: []byte{}}, true},
	{
		"two CSRCs", "826000010000000200000003aaaaaaaabbbbbbbb07",
		Packet{Payload: []byte{7}, Timestamp: 2, SSRC: 3, Sequence: 1, PayloadType: 96},
		false,
	},
	{
		"extension", "906000010000000200000003bede0001ffffffff07",
		Packet{Payload: []byte{7}, Timestamp: 2, SSRC: 3, Sequence: 1, PayloadType: 96},
		false,
	},
	{
		"padding", "a060000100000002000000030700000003",
		Packet{Payload: []byte{7, 0}, Timestamp: 2, SSRC: 3, Sequence: 1, PayloadType: 96},
		false,
	},
	{
		"padding only", "a06000010000000200000003000003",
		Packet{Payload: []byte{}, Timestamp: 2, SSRC: 3, Sequence: 1, PayloadType: 96},
		false,
	},
	{
		"all of it", "b1600001000000020000000300000000bede0000070802",
		Packet{Payload: []byte{7}, Timestamp: 2, SSRC: 3, Sequence: 1, PayloadType: 96},
		false,
	},
}

func TestPacket(t *testing.T) {
	for _, c := range packetCases {
		t.Run(c.name, func(t *testing.T) {
			wire := unhex(c.wire)
			p, err := Parse(wire)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, p); d != "" {
				t.Error(d)
			}
			if got := hex.EncodeToString(p.Append(nil)); c.bare && got != c.wire {
				t.Errorf("written as %s", got)
			}
			for n := range wire {
				if p, err := Parse(wire[:n]); err == nil && len(p.Payload) > len(c.want.Payload) {
					t.Errorf("cut at %d: %+v", n, p)
				} else if err != nil && !errors.Is(err, ErrMalformed) {
					t.Errorf("cut at %d: %v", n, err)
				}
			}
		})
	}
}

func TestBadPackets(t *testing.T) {
	for name, wire := range map[string]string{
		"nothing":              "",
		"RTP version 1":        "40e012345678abcdcafebabe010203",
		"CSRCs end early":      "8f6000010000000200000003aaaaaaaa",
		"extension ends early": "906000010000000200000003bede0002ffffffff",
		"no extension":         "906000010000000200000003bede",
		"padding of 0":         "a06000010000000200000003070000",
		"too much padding":     "a0600001000000020000000307ff",
	} {
		if p, err := Parse(unhex(wire)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzPacket(f *testing.F) {
	for _, c := range packetCases {
		f.Add(unhex(c.wire))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		p, err := Parse(wire)
		if err != nil {
			return
		}
		again, err := Parse(p.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p, again); d != "" {
			t.Fatal(d)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := Packet{Payload: make([]byte, 1100), PayloadType: 96}
	wire := p.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(wire); err != nil {
			b.Fatal(err)
		}
	}
}
