package icemux

import (
	"encoding/binary"
	"testing"
)

// stunMessage builds a message of the given type with the given USERNAME.
func stunMessage(typ uint16, username string) []byte {
	b := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(b, typ)
	binary.BigEndian.PutUint32(b[4:], stunCookie)
	copy(b[8:], "transaction!")
	if username != "" {
		// An attribute before it, of a length that needs padding.
		b = append(b, 0x80, 0x22, 0, 5, 'p', 'i', 'o', 'n', '!', 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, stunUsername)
		b = binary.BigEndian.AppendUint16(b, uint16(len(username)))
		b = append(b, username...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

const (
	bindingRequest  = 0x0001
	bindingResponse = 0x0101
)

func TestSTUN(t *testing.T) {
	for _, c := range []struct {
		name          string
		b             []byte
		stun, request bool
		ufrag         string
	}{
		{"request", stunMessage(bindingRequest, "abcd:efgh"), true, true, "abcd"},
		{"without a colon", stunMessage(bindingRequest, "abcd"), true, true, "abcd"},
		{"without USERNAME", stunMessage(bindingRequest, ""), true, true, ""},
		{"response", stunMessage(bindingResponse, ""), true, false, ""},
		{"RTP", append([]byte{0x80, 96}, make([]byte, 30)...), false, false, ""},
		{"DTLS", append([]byte{22, 254, 253}, make([]byte, 30)...), false, false, ""},
		{"short", []byte{0, 1, 0, 0}, false, false, ""},
		{"no cookie", make([]byte, 20), false, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := isSTUN(c.b); got != c.stun {
				t.Fatalf("isSTUN = %v", got)
			}
			if !c.stun {
				return
			}
			if got := isRequest(c.b); got != c.request {
				t.Errorf("isRequest = %v", got)
			}
			if got := string(localUfrag(c.b)); got != c.ufrag {
				t.Errorf("localUfrag = %q", got)
			}
			for n := range c.b {
				if isSTUN(c.b[:n]) {
					if got := string(localUfrag(c.b[:n])); got != "" && got != c.ufrag {
						t.Errorf("cut at %d: %q", n, got)
					}
				}
			}
		})
	}
}

func FuzzSTUN(f *testing.F) {
	f.Add(stunMessage(bindingRequest, "abcd:efgh"))
	f.Add(stunMessage(bindingResponse, ""))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if isSTUN(b) {
			_ = isRequest(b)
			_ = localUfrag(b)
		}
	})
}
