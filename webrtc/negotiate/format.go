package negotiate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"sluice/server/media"
)

// format is a payload type on its way to become a Codec.
type format struct {
	Codec
	apt int // for RTX: the payload type that it repairs
}

// names are the codecs by the encoding name of a=rtpmap, in lower case.
var names = map[string]media.Codec{
	"h264": media.H264, "h265": media.H265, "vp8": media.VP8, "vp9": media.VP9, "av1": media.AV1,
	"opus": media.Opus, "pcmu": media.PCMU, "pcma": media.PCMA, "g722": media.G722,
}

func payloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil && n < 128
}

// staticFormat returns what a payload type means without a=rtpmap (RFC 3551
// section 6).
func staticFormat(pt uint8) *format {
	f := &format{Codec: Codec{PT: pt}, apt: -1}
	switch pt {
	case 0:
		f.Codec.Codec, f.Name, f.Rate = media.PCMU, "PCMU", 8000
	case 8:
		f.Codec.Codec, f.Name, f.Rate = media.PCMA, "PCMA", 8000
	case 9:
		f.Codec.Codec, f.Name, f.Rate = media.G722, "G722", 8000
	}
	return f
}

// formatAttribute reads rtpmap, fmtp and rtcp-fb lines.
func formatAttribute(formats map[uint8]*format, a sdp.Attribute) {
	key, value := a.Key, a.Value
	if strings.HasPrefix(key, "rtcp-fb") && key != "rtcp-fb" {
		// FFmpeg writes a=rtcp-fb106 nack.
		key, value = "rtcp-fb", key[len("rtcp-fb"):]
	}
	id, rest, _ := strings.Cut(value, " ")
	if key == "rtcp-fb" && id == "*" {
		for _, f := range formats {
			f.feedback(rest)
		}
		return
	}
	pt, ok := payloadType(id)
	f := formats[pt]
	if !ok || f == nil {
		return
	}
	switch key {
	case "rtpmap":
		f.rtpmap(rest)
	case "fmtp":
		f.Params = strings.TrimSpace(rest)
	case "rtcp-fb":
		f.feedback(rest)
	}
}

func (f *format) rtpmap(s string) {
	part := strings.Split(s, "/")
	f.Name = part[0]
	f.Codec.Codec = names[strings.ToLower(f.Name)]
	f.Channels = 0
	if len(part) > 1 {
		f.Rate, _ = strconv.Atoi(part[1])
	}
	if len(part) > 2 {
		f.Channels, _ = strconv.Atoi(part[2])
	}
}

func (f *format) feedback(s string) {
	switch strings.TrimSpace(s) {
	case "nack":
		f.NACK = true
	case "nack pli":
		f.PLI = true
	case "ccm fir":
		f.FIR = true
	case "transport-cc":
		f.TransportCC = true
	}
}

// codecs collects the payload types of known codecs, each with its RTX.
func (s *Section) codecs(formats map[uint8]*format) {
	rtx := map[int]uint8{}
	for pt, f := range formats {
		if strings.EqualFold(f.Name, "rtx") {
			if n, err := strconv.Atoi(Param(f.Params, "apt")); err == nil {
				rtx[n] = pt
			}
		}
	}
	for _, text := range s.Formats {
		pt, ok := payloadType(text)
		f := formats[pt]
		if !ok || f == nil || f.Codec.Codec.Kind() != s.Kind || s.Kind == media.KindUnknown {
			continue
		}
		if slices.ContainsFunc(s.Codecs, func(c Codec) bool { return c.PT == pt }) {
			continue
		}
		c := f.Codec
		c.RTX = rtx[int(pt)]
		switch c.Codec {
		case media.H264:
			c.Mode, _ = strconv.Atoi(Param(c.Params, "packetization-mode"))
			c.Profile = strings.ToLower(Param(c.Params, "profile-level-id"))
			if c.Mode > 1 {
				continue // interleaved, RFC 6184 section 6.4: nobody uses it
			}
		case media.H265, media.VP9:
			c.Profile = Param(c.Params, "profile-id")
		}
		s.Codecs = append(s.Codecs, c)
	}
}

// Param returns the value of a parameter of an a=fmtp line, "" if it is not there.
func Param(params, name string) string {
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
