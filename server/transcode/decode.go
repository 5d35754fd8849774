package transcode

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	oggopus "sluice/protocols/codec/opus"
	"sluice/server/media"
	"sluice/server/transcode/aac/dec"
	"sluice/server/transcode/g711"
	"sluice/server/transcode/opus"
)

// decoder turns packets to interleaved samples.
type decoder interface {
	// rate is in Hz. layout names the channels in their order.
	rate() int
	layout() []dec.Speaker
	// grain is the length in samples of which every loss is a multiple; 1 if
	// there is none.
	grain() int
	// decode appends a packet's samples to dst.
	decode(payload []byte, dst []float32) ([]float32, error)
	// conceal appends n samples per channel or more in the place of lost ones.
	// What is over n goes on with the sound, to be blended with what follows.
	// next is the packet after the loss, or nil.
	conceal(n int, next []byte, dst []float32) []float32
}

// newDecoder returns the decoder of a track.
func newDecoder(t *media.Track, log *slog.Logger) (decoder, error) {
	switch t.Codec {
	case media.AAC:
		d, err := dec.New(t.Config)
		if err != nil {
			return nil, err
		}
		return &aacDecoder{Decoder: d, log: log}, nil
	case media.Opus:
		return newOpusDecoder(t)
	case media.PCMA, media.PCMU:
		return newG711Decoder(t)
	default:
		return nil, fmt.Errorf("%w: no decoder for %v", ErrUnsupported, t.Codec)
	}
}

var (
	mono   = []dec.Speaker{dec.FrontCenter}
	stereo = []dec.Speaker{dec.FrontLeft, dec.FrontRight}
)

type aacDecoder struct {
	*dec.Decoder
	log  *slog.Logger
	told bool
}

func (a *aacDecoder) rate() int             { return a.Info().SampleRate }
func (a *aacDecoder) layout() []dec.Speaker { return a.Info().Layout }
func (a *aacDecoder) grain() int            { return dec.FrameLen }

func (a *aacDecoder) decode(payload []byte, dst []float32) ([]float32, error) {
	dst, frame := a.room(dst)
	n, err := a.Decode(payload, frame)
	if info := a.Info(); info.SBR && !a.told {
		a.told = true
		a.log.Warn("HE-AAC is decoded without its upper octave", "core_rate", info.SampleRate, "ps", info.PS)
	}
	return dst[:len(dst)-len(frame)+n], err
}

func (a *aacDecoder) conceal(n int, _ []byte, dst []float32) []float32 {
	for ; n > 0; n -= dec.FrameLen {
		var frame []float32
		dst, frame = a.room(dst)
		if _, err := a.Conceal(frame); err != nil {
			clear(frame)
		}
	}
	return dst
}

// room makes dst longer by a frame, and returns that too.
func (a *aacDecoder) room(dst []float32) (all, frame []float32) {
	n := dec.FrameLen * len(a.Info().Layout)
	dst = slices.Grow(dst, n)[:len(dst)+n]
	return dst, dst[len(dst)-n:]
}

type opusDecoder struct {
	*opus.Decoder
	channels int
}

func newOpusDecoder(t *media.Track) (*opusDecoder, error) {
	channels := t.Channels
	if t.Config != nil {
		head, err := oggopus.ParseHead(t.Config)
		if err != nil {
			return nil, err
		}
		if head.Family != 0 && head.Streams != 1 {
			return nil, fmt.Errorf("%w: Opus with %d channels in %d streams", ErrUnsupported, head.Channels, head.Streams)
		}
		channels = int(head.Channels)
	}
	if channels != 1 {
		channels = 2 // RFC 7587 7: a receiver is prepared for stereo
	}
	d, err := opus.NewDecoder(channels)
	if err != nil {
		return nil, err
	}
	return &opusDecoder{d, channels}, nil
}

func (o *opusDecoder) rate() int  { return opus.SampleRate }
func (o *opusDecoder) grain() int { return 120 }

func (o *opusDecoder) layout() []dec.Speaker {
	if o.channels == 1 {
		return mono
	}
	return stereo
}

func (o *opusDecoder) decode(payload []byte, dst []float32) ([]float32, error) {
	out, err := o.Decode(payload, dst)
	if errors.Is(err, opus.ErrBroken) {
		o.renew()
	}
	return out, err
}

func (o *opusDecoder) conceal(n int, next []byte, dst []float32) []float32 {
	for n > 0 {
		m := min((n+o.grain()-1)/o.grain()*o.grain(), opus.MaxSamples)
		var err error
		if n -= m; n <= 0 && next != nil {
			dst, err = o.DecodeFEC(next, m, dst)
		} else {
			dst, err = o.Conceal(m, dst)
		}
		if err != nil {
			dst = append(dst, make([]float32, m*o.channels)...)
		}
	}
	return dst
}

func (o *opusDecoder) renew() {
	if d, err := opus.NewDecoder(o.channels); err == nil {
		o.Decoder = d
	}
}

type g711Decoder struct {
	law  g711.Law
	past repeater
}

func newG711Decoder(t *media.Track) (*g711Decoder, error) {
	d := &g711Decoder{law: lawOf(t.Codec), past: repeater{channels: max(1, t.Channels)}}
	if t.Channels > 2 || t.SampleRate != 0 && t.SampleRate != g711Rate {
		return nil, fmt.Errorf("%w: %v with %d channels at %d Hz", ErrUnsupported, t.Codec, t.Channels, t.SampleRate)
	}
	return d, nil
}

func (g *g711Decoder) rate() int  { return g711Rate }
func (g *g711Decoder) grain() int { return 1 }

func (g *g711Decoder) layout() []dec.Speaker {
	if g.past.channels == 1 {
		return mono
	}
	return stereo
}

func (g *g711Decoder) decode(payload []byte, dst []float32) ([]float32, error) {
	whole := len(payload) / g.past.channels * g.past.channels
	out := g.law.Decode(payload[:whole], dst)
	g.past.push(out[len(dst):])
	return out, nil
}

func (g *g711Decoder) conceal(n int, _ []byte, dst []float32) []float32 {
	return g.past.conceal(n+int(g711Rate*blendOver/time.Second), dst)
}

const g711Rate = 8000

func lawOf(c media.Codec) g711.Law {
	if c == media.PCMU {
		return g711.MuLaw
	}
	return g711.ALaw
}
