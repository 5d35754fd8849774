package transcode

import (
	"errors"
	"fmt"

	oggopus "sluice/protocols/codec/opus"
	"sluice/server/media"
	"sluice/server/transcode/aac/enc"
	"sluice/server/transcode/g711"
	"sluice/server/transcode/g722"
	"sluice/server/transcode/opus"
)

// encoder turns frames of interleaved samples to packets.
type encoder interface {
	// FrameSize is the samples per channel that Encode takes.
	FrameSize() int
	// Delay is by how many samples a decoder's output comes after Encode's
	// input.
	Delay() int
	// Encode appends a packet to dst.
	Encode(pcm []float32, dst []byte) ([]byte, error)
}

// newEncoder returns an encoder and the track that it makes. channels is 1 or
// 2; G.711 and G.722 always have one.
func (c Config) newEncoder(to media.Codec, channels int) (encoder, *media.Track, error) {
	switch to {
	case media.Opus:
		e, err := newOpusEncoder(opus.EncoderConfig{
			Channels: channels, Bitrate: forChannels(c.OpusBitrate, channels), Complexity: c.OpusComplexity,
		})
		if err != nil {
			return nil, nil, err
		}
		t, err := oggopus.Track(oggopus.NewHead(channels).Append(nil))
		return e, t, err
	case media.AAC:
		e, err := enc.New(enc.Config{
			SampleRate: aacRate, Channels: channels, Bitrate: forChannels(c.AACBitrate, channels),
		})
		if err != nil {
			return nil, nil, err
		}
		return aacEncoder{e}, &media.Track{
			Codec: media.AAC, Config: e.Config(), SampleRate: aacRate, Channels: channels,
		}, nil
	case media.PCMA, media.PCMU:
		return g711Encoder{lawOf(to)}, &media.Track{Codec: to, SampleRate: g711Rate, Channels: 1}, nil
	case media.G722:
		return g722Encoder{g722.NewEncoder()}, &media.Track{Codec: to, SampleRate: g722.SampleRate, Channels: 1}, nil
	default:
		return nil, nil, fmt.Errorf("%w: no encoder for %v", ErrUnsupported, to)
	}
}

// forChannels gives mono two thirds of the bits of stereo.
func forChannels(bitrate, channels int) int {
	if channels == 1 {
		return bitrate * 2 / 3
	}
	return bitrate
}

// aacRate is the rate of all AAC made here, whatever the source's: it keeps
// the delay of its frames low, and every player takes it.
const aacRate = 48000

type aacEncoder struct{ *enc.Encoder }

func (aacEncoder) FrameSize() int { return enc.FrameLen }

type opusEncoder struct {
	*opus.Encoder
	cfg opus.EncoderConfig
}

func newOpusEncoder(cfg opus.EncoderConfig) (*opusEncoder, error) {
	e, err := opus.NewEncoder(cfg)
	return &opusEncoder{e, cfg}, err
}

func (o *opusEncoder) Delay() int { return o.Lookahead() }

func (o *opusEncoder) Encode(pcm []float32, dst []byte) ([]byte, error) {
	out, err := o.Encoder.Encode(pcm, dst)
	if !errors.Is(err, opus.ErrBroken) {
		return out, err
	}
	e, err := opus.NewEncoder(o.cfg)
	if err != nil {
		return dst, err
	}
	o.Encoder = e
	return e.Encode(pcm, dst)
}

type g711Encoder struct{ law g711.Law }

func (g711Encoder) FrameSize() int { return g711Rate / 50 }
func (g711Encoder) Delay() int     { return 0 }

func (g g711Encoder) Encode(pcm []float32, dst []byte) ([]byte, error) {
	return g.law.Encode(pcm, dst), nil
}

type g722Encoder struct{ *g722.Encoder }

func (g722Encoder) FrameSize() int { return g722.SampleRate / 50 }
func (g722Encoder) Delay() int     { return g722.Delay }

func (g g722Encoder) Encode(pcm []float32, dst []byte) ([]byte, error) {
	return g.Encoder.Encode(pcm, dst), nil
}
