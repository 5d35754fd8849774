package rtp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/server/media"
)

// Format is one format of an SDP media description: its rtpmap and fmtp
// attributes (RFC 8866 6.6 and 6.15).
type Format struct {
	Name     string // encoding name, such as "H264"; case does not matter
	Clock    int    // rate of the RTP clock in Hz
	Channels int    // 0 means 1
	Params   Params
}

// Params are the format parameters of an fmtp attribute, by lower-case name.
type Params map[string]string

// ParseParams reads format parameters of the form "a=1; b=2".
func ParseParams(s string) Params {
	p := Params{}
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name != "" {
			p[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
	return p
}

// String returns the parameters as an fmtp attribute has them, by name.
func (p Params) String() string {
	parts := make([]string, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if value := p[name]; value != "" {
			parts = append(parts, name+"="+value)
		} else {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ";")
}

// StaticFormat returns the format of a static payload type (RFC 3551 6), for
// those that this package knows.
func StaticFormat(payloadType uint8) (Format, bool) {
	switch payloadType {
	case 0:
		return Format{Name: "PCMU", Clock: 8000}, true
	case 8:
		return Format{Name: "PCMA", Clock: 8000}, true
	case 9:
		return Format{Name: "G722", Clock: 8000}, true
	case 10:
		return Format{Name: "L16", Clock: 44100, Channels: 2}, true
	case 11:
		return Format{Name: "L16", Clock: 44100}, true
	case 14:
		return Format{Name: nameMPA, Clock: 90000}, true
	default:
		return Format{}, false
	}
}

// Codec returns the codec of the format, CodecUnknown for one that has no
// Depacketizer. MPA, MPEG audio of any layer, counts as MP3 until its frames
// tell.
func (f Format) Codec() media.Codec {
	switch strings.ToUpper(f.Name) {
	case "H264":
		return media.H264
	case "H265":
		return media.H265
	case "AV1":
		return media.AV1
	case "VP8":
		return media.VP8
	case "VP9":
		return media.VP9
	case "MPEG4-GENERIC", nameLATM:
		return media.AAC
	case "OPUS":
		return media.Opus
	case "PCMA":
		return media.PCMA
	case "PCMU":
		return media.PCMU
	case "G722":
		return media.G722
	case "L16":
		return media.L16
	case nameMPA:
		return media.MP3
	case nameAC3:
		return media.AC3
	default:
		return media.CodecUnknown
	}
}

const (
	nameLATM = "MP4A-LATM"
	nameMPA  = "MPA"
	nameAC3  = "AC3"
)

// FormatOf returns the format in which a Packetizer of this package sends the
// track, as an SDP describes it.
func FormatOf(t *media.Track) (Format, error) {
	f := Format{Name: t.Codec.String(), Clock: ClockRate(t)}
	if f.Clock == 0 {
		return Format{}, fmt.Errorf("%w: %v at %d Hz", ErrCodec, t.Codec, t.SampleRate)
	}
	var err error
	switch t.Codec {
	case media.H264:
		f.Params, err = h264Params(t.Config)
	case media.H265:
		f.Params, err = h265Params(t.Config)
	case media.AV1:
		f.Params, err = av1Params(t.Config)
	case media.AAC:
		if len(t.Config) == 0 {
			return Format{}, fmt.Errorf("%w: AAC needs its AudioSpecificConfig in the SDP", ErrNoConfig)
		}
		f.Name, f.Channels = "MPEG4-GENERIC", t.Channels
		f.Params = Params{
			"streamtype": "5", "profile-level-id": "1", "mode": "AAC-hbr",
			"sizelength": "13", "indexlength": "3", "indexdeltalength": "3",
			"config": hex.EncodeToString(t.Config),
		}
	case media.Opus:
		f.Name, f.Channels = "opus", 2 // always, RFC 7587 7
		if t.Channels != 1 {
			f.Params = Params{"sprop-stereo": "1"}
		}
	case media.PCMA, media.PCMU, media.L16:
		f.Channels = t.Channels
	case media.MP3, media.MP2:
		f.Name = nameMPA
	case media.AC3:
		f.Name, f.Channels = nameAC3, t.Channels
	}
	return f, err
}

// h264Params are those of RFC 6184 8.1, without parameter sets when the track
// has none yet.
func h264Params(config []byte) (Params, error) {
	p := Params{"packetization-mode": "1"}
	if config == nil {
		return p, nil
	}
	c, err := h264.ParseConfig(config)
	if err != nil {
		return nil, fmt.Errorf("rtp: %w", err)
	}
	p["profile-level-id"] = c.ProfileLevelID()
	p["sprop-parameter-sets"] = encodeSets(slices.Concat(c.SPS, c.PPS))
	return p, nil
}

// h265Params are those of RFC 7798 7.1.
func h265Params(config []byte) (Params, error) {
	if config == nil {
		return nil, nil
	}
	c, err := h265.ParseConfig(config)
	if err != nil {
		return nil, fmt.Errorf("rtp: %w", err)
	}
	return Params{
		"sprop-vps": encodeSets(c.Units(h265.TypeVPS)),
		"sprop-sps": encodeSets(c.Units(h265.TypeSPS)),
		"sprop-pps": encodeSets(c.Units(h265.TypePPS)),
	}, nil
}

// av1Params are those of AV1 RTP 7.2.
func av1Params(config []byte) (Params, error) {
	if config == nil {
		return nil, nil
	}
	c, err := av1.ParseConfig(config)
	if err != nil {
		return nil, fmt.Errorf("rtp: %w", err)
	}
	p := Params{"profile": strconv.Itoa(int(c.Profile)), "level-idx": strconv.Itoa(int(c.Level)), "tier": "0"}
	if c.HighTier {
		p["tier"] = "1"
	}
	return p, nil
}

func encodeSets(sets [][]byte) string {
	list := make([]string, len(sets))
	for i, s := range sets {
		list[i] = base64.StdEncoding.EncodeToString(s)
	}
	return strings.Join(list, ",")
}

// decodeSets is the reverse of encodeSets; it passes over what is not base64. Some
// cameras leave the padding out, and some put a start code before each set.
func decodeSets(s string) (sets [][]byte) {
	for part := range strings.SplitSeq(s, ",") {
		b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(part), "="))
		if err != nil {
			continue
		}
		if b = withoutStartCode(b); len(b) > 0 {
			sets = append(sets, b)
		}
	}
	return sets
}

// withoutStartCode cuts a start code off (H.264 B.1.1).
func withoutStartCode(b []byte) []byte {
	if rest := bytes.TrimLeft(b, "\x00"); len(b)-len(rest) >= 2 && len(rest) > 0 && rest[0] == 1 {
		return rest[1:]
	}
	return b
}
