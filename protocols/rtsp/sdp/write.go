package sdp

import (
	"strconv"
	"strings"
)

// Append appends the description as text. An empty Origin and Name get values
// that mean nothing, as the syntax wants some.
func (s *Session) Append(dst []byte) []byte {
	line := func(key byte, parts ...string) {
		dst = append(dst, key, '=')
		for _, p := range parts {
			dst = append(dst, clean(p)...)
		}
		dst = append(dst, "\r\n"...)
	}
	line('v', "0")
	line('o', or(s.Origin, "- 0 0 IN IP4 127.0.0.1"))
	line('s', or(s.Name, "-"))
	line('c', "IN IP4 0.0.0.0")
	line('t', "0 0")
	if s.Control != "" {
		line('a', "control:", s.Control)
	}
	if s.Range != "" {
		line('a', "range:", s.Range)
	}
	for i := range s.Media {
		m := &s.Media[i]
		words := []string{m.Type, " ", strconv.Itoa(m.Port), " ", m.Protocol}
		for _, f := range m.Formats {
			words = append(words, " ", strconv.Itoa(int(f.PayloadType)))
		}
		line('m', words...)
		for _, f := range m.Formats {
			pt := strconv.Itoa(int(f.PayloadType))
			if f.Name != "" {
				line('a', "rtpmap:", pt, " ", f.mapping())
			}
			if len(f.Params) > 0 {
				line('a', "fmtp:", pt, " ", f.Params.String())
			}
		}
		if m.Direction != "" {
			line('a', string(m.Direction))
		}
		if m.Control != "" {
			line('a', "control:", m.Control)
		}
	}
	return dst
}

// mapping returns "H264/90000" or "opus/48000/2".
func (f *Format) mapping() string {
	s := f.Name + "/" + strconv.Itoa(f.Clock)
	if f.Channels > 1 {
		s += "/" + strconv.Itoa(f.Channels)
	}
	return s
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// clean makes control characters spaces, which keeps a value from making a line
// of its own.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
