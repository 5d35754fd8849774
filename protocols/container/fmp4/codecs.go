package fmp4

import (
	"fmt"
	"strings"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/vp9"
	"sluice/server/media"
)

// CodecString returns the track's entry in the codecs parameter (RFC 6381, and
// the bindings that the package's comment names), such as "avc1.64001f",
// "mp4a.40.2" or "opus". It is what browsers and HLS's CODECS take.
func CodecString(t *media.Track) (string, error) {
	switch t.Codec {
	case media.H264:
		c, err := h264.ParseConfig(t.Config)
		if err != nil {
			return "", err
		}
		return c.Codec(), nil
	case media.H265:
		c, err := h265.ParseConfig(t.Config)
		if err != nil {
			return "", err
		}
		return c.Codec(), nil
	case media.AV1:
		c, err := av1.ParseConfig(t.Config)
		if err != nil {
			return "", err
		}
		return c.Codec(), nil
	case media.VP9:
		c, err := vp9Config(t)
		if err != nil {
			return "", err
		}
		return c.Codec(), nil
	case media.AAC:
		c, err := aac.ParseConfig(t.Config)
		if err != nil {
			return "", err
		}
		return c.Codec(), nil
	case media.Opus:
		return "opus", nil
	case media.MP3:
		return "mp4a.40.34", nil
	case media.FLAC:
		return "fLaC", nil
	case media.AC3:
		return "ac-3", nil
	case media.EAC3:
		return "ec-3", nil
	default:
		return "", fmt.Errorf("%w: %s", ErrCodec, t.Codec)
	}
}

// ContentType returns the media type of the tracks with its codecs parameter,
// such as `video/mp4; codecs="avc1.64001f,mp4a.40.2"`, as addSourceBuffer of
// Media Source Extensions takes it.
func ContentType(ts media.Tracks) (string, error) {
	if err := check(ts); err != nil {
		return "", err
	}
	kind := "audio"
	if ts.Video != nil {
		kind = "video"
	}
	var list []string
	for _, t := range ts.Media() {
		s, err := CodecString(t)
		if err != nil {
			return "", err
		}
		list = append(list, s)
	}
	return fmt.Sprintf("%s/mp4; codecs=%q", kind, strings.Join(list, ",")), nil
}

// vp9Config returns the track's record, or that of the commonest VP9: 8 bits,
// 4:2:0.
func vp9Config(t *media.Track) (*vp9.Config, error) {
	if t.Config != nil {
		return vp9.ParseConfig(t.Config)
	}
	return vp9.NewConfig(vp9.Header{Key: true, BitDepth: 8, SubsamplingX: true, SubsamplingY: true, Width: t.Width, Height: t.Height})
}
