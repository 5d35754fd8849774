package httpmp4

import (
	"slices"

	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// parameterSets returns the parameter sets of a track as the start of a picture,
// nil for codecs that have none.
func parameterSets(t *media.Track) []byte {
	if t == nil {
		return nil
	}
	switch t.Codec {
	case media.H264:
		if c, err := h264.ParseConfig(t.Config); err == nil {
			return nal.Join(slices.Concat(c.SPS, c.PPS)...)
		}
	case media.H265:
		if c, err := h265.ParseConfig(t.Config); err == nil {
			return nal.Join(slices.Concat(c.Units(h265.TypeVPS), c.Units(h265.TypeSPS), c.Units(h265.TypePPS))...)
		}
	}
	return nil
}

// withSets returns a key picture that has parameter sets in it: its own or those
// given.
func withSets(p *media.Packet, sets []byte) *media.Packet {
	own := h264.ConfigOf
	if p.Track.Codec == media.H265 {
		own = h265.ConfigOf
	}
	if own(p.Payload) != nil {
		return p
	}
	c := *p
	c.Payload = slices.Concat(sets, p.Payload)
	return &c
}
