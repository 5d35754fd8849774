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
	"sluice/server/transcode/g722"
	"sluice/server/transcode/internal/pcm"
	"sluice/server/transcode/opus"
	"sluice/server/transcode/resample"
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
	case media.MP3, media.MP2:
		return newMPADecoder(t)
	case media.PCMA, media.PCMU, media.G722, media.L16:
		return newWaveDecoder(t)
	default:
		return nil, fmt.Errorf("%w: no decoder for %v", ErrUnsupported, t.Codec)
	}
}

var (
	mono   = []dec.Speaker{dec.FrontCenter}
	stereo = []dec.Speaker{dec.FrontLeft, dec.FrontRight}
)

// layoutOf returns that of one or two channels.
func layoutOf(channels int) []dec.Speaker {
	if channels == 1 {
		return mono
	}
	return stereo
}

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

func (o *opusDecoder) rate() int             { return opus.SampleRate }
func (o *opusDecoder) grain() int            { return 120 }
func (o *opusDecoder) layout() []dec.Speaker { return layoutOf(o.channels) }

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

// waveDecoder is for codecs without frames, and so without a concealment of
// their own.
type waveDecoder struct {
	hertz  int
	expand func(payload []byte, dst []float32) []float32
	past   repeater
}

func newWaveDecoder(t *media.Track) (*waveDecoder, error) {
	d := &waveDecoder{}
	switch t.Codec {
	case media.PCMA, media.PCMU:
		d.hertz, d.expand = g711Rate, lawOf(t.Codec).Decode
	case media.G722:
		d.hertz, d.expand = g722.SampleRate, g722.NewDecoder().Decode
	default:
		d.hertz, d.expand = t.SampleRate, pcm.FromL16
	}
	channels := max(1, t.Channels)
	most := 2
	if t.Codec == media.G722 {
		most = 1
	}
	fits := t.SampleRate == 0 || t.SampleRate == d.hertz
	if channels > most || !fits || d.hertz < resample.MinRate || d.hertz > resample.MaxRate {
		return nil, fmt.Errorf("%w: %v with %d channels at %d Hz", ErrUnsupported, t.Codec, t.Channels, t.SampleRate)
	}
	d.past = newRepeater(d.hertz, channels)
	return d, nil
}

func (w *waveDecoder) rate() int             { return w.hertz }
func (w *waveDecoder) grain() int            { return 1 }
func (w *waveDecoder) layout() []dec.Speaker { return layoutOf(w.past.channels) }

func (w *waveDecoder) decode(payload []byte, dst []float32) ([]float32, error) {
	out := w.expand(payload, dst)
	whole := (len(out) - len(dst)) / w.past.channels * w.past.channels
	out = out[:len(dst)+whole]
	w.past.push(out[len(dst):])
	return out, nil
}

func (w *waveDecoder) conceal(n int, _ []byte, dst []float32) []float32 {
	return w.past.conceal(n+w.hertz*int(blendOver/time.Millisecond)/1000, dst)
}

const g711Rate = 8000

func lawOf(c media.Codec) g711.Law {
	if c == media.PCMU {
		return g711.MuLaw
	}
	return g711.ALaw
}
