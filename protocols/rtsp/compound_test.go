package rtsp

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

// compounds are RTCP packets in hexadecimal, and what is to be had of them.
var compounds = []struct {
	name, packet string
	want         []rtcp.Packet
	bye          bool
}{
	{"empty", "", nil, false},
	{"a report and a goodbye", "80c9000100000007" + "81cb000100000009", []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 7, ProfileExtensions: []byte{}}, &rtcp.Goodbye{Sources: []uint32{9}},
	}, true},
	{"a description that makes no sense between them", "80c9000100000007" + "81ca00010000ffff" + "80cb0000", []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 7, ProfileExtensions: []byte{}}, &rtcp.Goodbye{Sources: []uint32{}},
	}, true},
	{"the last is cut short", "80c9000100000007" + "80c8000600000001", []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 7, ProfileExtensions: []byte{}},
	}, false},
	{"a goodbye that is longer than it is", "81cb0009", nil, true},
	{"another version", "40c9000100000007", nil, false},
	{"too short", "80cb00", nil, false},
}

func TestCompound(t *testing.T) {
	for _, c := range compounds {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(c.packet)
			if err != nil {
				t.Fatal(err)
			}
			var got []rtcp.Packet
			for p := range controls(b) {
				got = append(got, p)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if isBye(b) != c.bye {
				t.Errorf("goodbye: %v", !c.bye)
			}
		})
	}
}

func FuzzCompound(f *testing.F) {
	for _, c := range compounds {
		b, _ := hex.DecodeString(c.packet)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for one := range compound(b) {
			n += len(one)
		}
		if rest := len(b) - n; rest < 0 || rest > 3 {
			t.Errorf("%d of %d bytes are in no packet", rest, len(b))
		}
		for p := range controls(b) {
			if p == nil {
				t.Error("no packet")
			}
		}
		isBye(b)
	})
}
