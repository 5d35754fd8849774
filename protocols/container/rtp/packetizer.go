package rtp

import (
	"errors"
	"fmt"

	"sluice/server/media"
)

// DefaultMaxPayload is the payload size in bytes that a Packetizer keeps to
// unless told otherwise. With the headers of RTP, SRTP, UDP and IPv6, and room
// for header extensions, it stays below the 1280 bytes that every IPv6 path
// carries.
const DefaultMaxPayload = 1180

// minMaxPayload leaves every format room for its headers and some content.
const minMaxPayload = 64

// Errors of a Packetizer, besides ErrMalformed for a media packet whose
// payload does not follow media.Packet's conventions.
var (
	// ErrCodec is returned for a codec without a payload format here.
	ErrCodec = errors.New("rtp: no payload format for this codec")

	// ErrTooLarge is returned for what does not fit: a unit that the format
	// cannot divide, or an access unit above the Depacketizer's limit.
	ErrTooLarge = errors.New("rtp: too large")
)

// Payload is what one RTP packet carries of a media packet.
type Payload struct {
	// Data must not be written to: it may alias the media packet's payload.
	Data []byte

	// Ticks is what to add to the media packet's RTP timestamp. It is not 0
	// only for sampled sound that takes several packets.
	Ticks uint32

	// Marker is the RTP header's marker bit.
	Marker bool
}

// Packetizer turns the packets of one track into RTP payloads.
type Packetizer interface {
	// Append appends the payloads of one media packet to dst, at least one
	// unless the media packet holds nothing that is to be sent. The payloads
	// of one media packet share one newly allocated buffer, or alias the media
	// packet's payload. After an error dst is returned as it was, and the
	// media packet is best left out.
	Append(dst []Payload, p *media.Packet) ([]Payload, error)
}

// PacketizerConfig is how a Packetizer goes about its work. RTSP sets
// NoLayerIndices, WebRTC sets InsertConfig.
type PacketizerConfig struct {
	// MaxPayload is the largest payload in bytes, 64 at least;
	// DefaultMaxPayload when 0.
	MaxPayload int

	// SingleNAL keeps H264 to packetization-mode 0 (RFC 6184 6.2): one NAL
	// unit a packet. Units above MaxPayload are ErrTooLarge then.
	SingleNAL bool

	// InsertConfig puts the parameter sets of the track's Config (H264, H265),
	// or its sequence header (AV1), before each key picture that does not bring
	// its own. WebRTC needs it, as its SDP carries none.
	InsertConfig bool

	// NoLayerIndices leaves the layer indices of VP9 out. ffmpeg and the players
	// made of it, which follow an early draft, cannot read them; browsers drop
	// pictures without.
	NoLayerIndices bool

	// PictureID is the first picture ID of VP8 and VP9, of which 15 bits count.
	PictureID uint16
}

// NewPacketizer returns the Packetizer for tracks of codec c, or ErrCodec.
func NewPacketizer(c media.Codec, cfg PacketizerConfig) (Packetizer, error) {
	size := cfg.MaxPayload
	if size == 0 {
		size = DefaultMaxPayload
	}
	if size < minMaxPayload {
		return nil, fmt.Errorf("rtp: payloads of %d bytes are too small, use %d at least", size, minMaxPayload)
	}
	switch c {
	case media.H264:
		return &nalPacketizer{syntax: h264Syntax{}, size: size, single: cfg.SingleNAL, insert: cfg.InsertConfig}, nil
	case media.H265:
		return &nalPacketizer{syntax: h265Syntax{}, size: size, insert: cfg.InsertConfig}, nil
	case media.AV1:
		return &av1Packetizer{size: size, insert: cfg.InsertConfig}, nil
	case media.VP8:
		return &vp8Packetizer{size: size, id: cfg.PictureID}, nil
	case media.VP9:
		return &vp9Packetizer{size: size, id: cfg.PictureID, layers: !cfg.NoLayerIndices}, nil
	case media.AAC:
		return aacPacketizer{size: size}, nil
	case media.Opus:
		return opusPacketizer{size: size}, nil
	case media.PCMA, media.PCMU, media.G722:
		return samplePacketizer{size: size, bytes: 1}, nil
	case media.L16:
		return samplePacketizer{size: size, bytes: 2}, nil
	case media.MP3, media.MP2:
		return mpaPacketizer{size: size}, nil
	case media.AC3:
		return ac3Packetizer{size: size}, nil
	default:
		return nil, fmt.Errorf("%w: %v", ErrCodec, c)
	}
}

// ClockRate returns the rate in Hz of the RTP clock of a track: 90000 for
// pictures and MPEG audio, the format's own for sound. It is 0 for a codec without a
// payload format here, and for sound whose sample rate is not known.
func ClockRate(t *media.Track) int {
	switch t.Codec {
	case media.H264, media.H265, media.AV1, media.VP8, media.VP9, media.MP3, media.MP2:
		return 90000
	case media.Opus:
		return 48000 // whatever the coded bandwidth, RFC 7587 4.1
	case media.PCMA, media.PCMU, media.G722:
		return 8000 // for G722 by an old error that is kept, RFC 3551 4.5.2
	case media.AAC, media.L16, media.AC3:
		return t.SampleRate
	default:
		return 0
	}
}

// divide returns into how many parts of at most room bytes n bytes are cut,
// and the size of all parts but the last. The parts are about equal, so that no
// packet is wasted on a few bytes.
func divide(n, room int) (parts, size int) {
	parts = (n + room - 1) / room
	return parts, (n + parts - 1) / parts
}
