package rtsp

import (
	"bytes"
	"cmp"
	"math/rand/v2"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/opus"
	"sluice/protocols/container/rtp"
	"sluice/server/media"
)

// The lanes of a stream, which are the numbers of its tracks too.
const (
	picture = iota
	sound
)

// laneOf returns the lane of a kind, -1 for what RTSP does not carry.
func laneOf(k media.Kind) int {
	switch k {
	case media.Video:
		return picture
	case media.Audio:
		return sound
	default:
		return -1
	}
}

// description is what the SDP says of a stream: its tracks by lane, nil where
// there is none, and their formats.
type description struct {
	tracks  [2]*outTrack
	formats [2]rtp.Format
}

// outTrack is a track as players see it. It lasts as long as the SDP that
// players have stays true.
type outTrack struct {
	kind        media.Kind
	codec       media.Codec
	config      []byte // of sound, which the SDP has
	clock       int
	channels    int
	payloadType uint8
	ssrc        uint32
	offset      uint32 // of timestamps
	channel     uint8  // the interleaved channel that clients usually choose
	pace        int64  // ticks of one packet of sound, 0 where the packet tells
}

// Payload types of formats that have no static one.
const (
	pictureType = 96
	soundType   = 97
)

func newOutTrack(t *media.Track, f rtp.Format, lane int) *outTrack {
	o := &outTrack{
		kind: t.Codec.Kind(), codec: t.Codec, clock: f.Clock, channels: f.Channels,
		payloadType: pictureType, ssrc: rand.Uint32(), offset: rand.Uint32(),
	}
	if lane == picture {
		return o
	}
	o.config, o.payloadType = t.Config, soundType
	for pt := range uint8(soundType) {
		if s, ok := rtp.StaticFormat(pt); ok && s.Name == f.Name && s.Clock == f.Clock && max(s.Channels, 1) == max(f.Channels, 1) {
			o.payloadType = pt
		}
	}
	if t.Codec == media.AAC {
		if c, err := aac.ParseConfig(t.Config); err == nil && c.SampleRate > 0 {
			o.pace = int64(cmp.Or(c.FrameLength, 1024)) * int64(o.clock) / int64(c.SampleRate)
		}
	}
	return o
}

// serves reports whether players that know o can decode t: parameter sets of
// pictures come in band, what describes sound stands in the SDP alone.
func (o *outTrack) serves(t *media.Track, f rtp.Format) bool {
	return o != nil && o.codec == t.Codec && o.clock == f.Clock && o.channels == f.Channels &&
		(o.kind == media.Video || o.codec == media.Opus || bytes.Equal(o.config, t.Config))
}

// steady gives packets of sound an even pace, which they lost where the
// publisher counts in milliseconds.
type steady struct {
	begun bool
	want  int64 // the timestamp that follows the last packet
}

// maxWander is how far, in ms, a timestamp may be from an even pace to be put
// right.
const maxWander = 2

// next returns the timestamp to send for the packet whose own is at.
func (s *steady) next(t *outTrack, p *media.Packet, at int64) int64 {
	if off := at - s.want; s.begun && max(off, -off) <= int64(t.clock)*maxWander/1000 {
		at = s.want
	}
	ticks := t.ticks(p)
	s.begun, s.want = ticks > 0, at+ticks
	return at
}

// ticks returns how long the packet of sound is on the RTP clock, 0 where that
// is not known.
func (o *outTrack) ticks(p *media.Packet) int64 {
	switch o.codec {
	case media.AAC:
		return o.pace
	case media.Opus:
		n, err := opus.Samples(p.Payload)
		if err != nil {
			return 0
		}
		return int64(n)
	case media.PCMA, media.PCMU, media.G722:
		return int64(len(p.Payload) / max(o.channels, 1))
	case media.L16:
		return int64(len(p.Payload) / 2 / max(o.channels, 1))
	default:
		return 0
	}
}
