package negotiate

import (
	"encoding/hex"
	"slices"
	"strings"

	"sluice/server/media"
)

// Offered returns the codecs that the section offers, each once, in its order.
func (s *Section) Offered() []media.Codec {
	var list []media.Codec
	for _, c := range s.Codecs {
		if !slices.Contains(list, c.Codec) {
			list = append(list, c.Codec)
		}
	}
	return list
}

// Receive returns the payload types for media that the peer sends, best first:
// codecs in the order of want, which leaves the others out, and within a codec
// H264's packetization mode 1 before mode 0 and otherwise the offer's order.
func (s *Section) Receive(want []media.Codec) []Codec {
	var list []Codec
	for _, w := range want {
		start := len(list)
		for _, c := range s.Codecs {
			if c.Codec == w {
				list = append(list, c)
			}
		}
		slices.SortStableFunc(list[start:], func(a, b Codec) int { return b.Mode - a.Mode })
	}
	return list
}

// Send returns the payload type for a stream's track of the given codec, and
// whether there is one. profile is the track's profile-level-id for H264 ("64001f"),
// and may be empty. Browsers decode High without B pictures under a constrained
// baseline payload type, so that any H264 is better than none.
func (s *Section) Send(codec media.Codec, profile string) (Codec, bool) {
	best, score := Codec{}, -1
	for _, c := range s.Codecs {
		if c.Codec != codec {
			continue
		}
		n := 0
		if codec == media.H264 {
			n = 10*c.Mode + closeness(c.Profile, profile)
		}
		if n > score {
			best, score = c, n
		}
	}
	return best, score >= 0
}

// closeness says how well a payload type's H264 profile fits a stream's: 3 for
// the same profile_idc, 2 for a higher one that contains it, 1 for constrained
// baseline.
func closeness(offered, stream string) int {
	o, s := profileIDC(offered), profileIDC(stream)
	switch {
	case s != 0 && o == s:
		return 3
	case s != 0 && o > s && o <= 100:
		return 2
	case strings.HasPrefix(offered, "42e0"):
		return 1
	default:
		return 0
	}
}

// profileIDC returns the first byte of a profile-level-id; the default is
// baseline (RFC 6184 section 8.1).
func profileIDC(id string) int {
	if id == "" {
		return 0
	}
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 3 {
		return 0
	}
	return int(b[0])
}
