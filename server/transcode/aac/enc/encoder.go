package enc

import (
	"errors"
	"fmt"
	"math"

	"sluice/server/transcode/aac/tables"
)

// The bounds of Config.Bitrate.
const (
	MinBitrate = 16_000
	MaxBitrate = 512_000
)

// FrameLen is the number of samples of each channel in a frame.
const FrameLen = tables.FrameLen

// ErrConfig is wrapped by every error of New.
var ErrConfig = errors.New("aac: unsupported encoder configuration")

// Config says what to encode and into how many bits.
type Config struct {
	// SampleRate is one of the twelve rates that AAC has an index for, from
	// 8000 to 96000 Hz.
	SampleRate int
	// Channels is 1, 2 or 6. The samples of six channels stand in the order
	// FL FR FC LFE BL BR.
	Channels int
	// Bitrate is the average for all channels together in bits per second,
	// from MinBitrate to MaxBitrate. What a frame cannot carry (6144 bits for
	// each channel but the LFE) is not used, and neither are bits that the sound
	// has no use for, as in silence.
	Bitrate int
}

// Encoder turns samples into AAC frames. It is for one goroutine at a time.
type Encoder struct {
	cfg       Config
	rateIndex int
	elements  []*element
	bank      *filterbank
	search    *search
	bits      *reservoir
}

// New returns an encoder. Its error wraps ErrConfig.
func New(cfg Config) (*Encoder, error) {
	index := tables.RateIndex(cfg.SampleRate)
	if tables.SampleRate(index) != cfg.SampleRate {
		return nil, fmt.Errorf("%w: sample rate %d Hz; resample to a standard one, 8000 to 96000", ErrConfig, cfg.SampleRate)
	}
	if cfg.Bitrate < MinBitrate || cfg.Bitrate > MaxBitrate {
		return nil, fmt.Errorf("%w: bitrate %d, want %d to %d", ErrConfig, cfg.Bitrate, MinBitrate, MaxBitrate)
	}
	e := &Encoder{cfg: cfg, rateIndex: index, bank: newFilterbank(), search: new(search)}
	if e.elements = newElements(cfg, index); e.elements == nil {
		return nil, fmt.Errorf("%w: %d channels; mix to 1, 2 or 6", ErrConfig, cfg.Channels)
	}
	e.bits = newReservoir(cfg)
	return e, nil
}

// Config returns the stream's AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).
func (e *Encoder) Config() []byte {
	var w bitWriter
	w.put(2, 5) // audioObjectType: AAC LC
	w.put(uint32(e.rateIndex), 4)
	w.put(uint32(e.cfg.Channels), 4)
	w.put(0, 3) // 1024 samples, no core coder, no extension
	return w.buf
}

// Delay returns how many samples of each channel a decoder puts out before the
// first one that Encode was given.
func (e *Encoder) Delay() int { return FrameLen + lookahead }

// Encode takes the next FrameLen samples of every channel, interleaved, with a
// full scale of 1, and appends the next frame, one raw_data_block without ADTS
// header, to dst. Samples that are not numbers or infinite count as 0.
//
// Its only error is a pcm of the wrong length. It does not allocate if dst has
// room; a frame has at most 768 bytes for each channel. The same samples give
// the same frames, on one architecture.
func (e *Encoder) Encode(pcm []float32, dst []byte) ([]byte, error) {
	if len(pcm) != FrameLen*e.cfg.Channels {
		return dst, fmt.Errorf("aac: %d samples to encode, want %d of each of %d channels", len(pcm), FrameLen, e.cfg.Channels)
	}
	e.bits.begin()
	for _, el := range e.elements {
		attack := false
		for _, c := range el.channels {
			if c.input.push(pcm[c.speaker:], e.cfg.Channels) {
				attack = true
			}
		}
		el.analyse(e.bank, attack, e.bits.lambda())
	}
	e.fit()
	return e.write(dst), nil
}

// fit chooses the scale factors, and a lambda that makes the frame fit the
// reservoir.
func (e *Encoder) fit() {
	for {
		lambda, estimate := e.bits.lambda(), float32(0)
		for _, el := range e.elements {
			for _, c := range el.channels {
				estimate += e.search.run(c, &el.layout, lambda)
			}
		}
		if e.bits.accept(estimate) {
			return
		}
	}
}

// write appends the frame to dst. In the rare case that it comes out larger
// than estimated and too large, it is made coarser.
func (e *Encoder) write(dst []byte) []byte {
	for {
		w := bitWriter{buf: dst}
		for _, el := range e.elements {
			el.write(&w, e.search)
		}
		w.put(idEnd, 3)
		w.align()
		if e.bits.spend(8 * (len(w.buf) - len(dst))) {
			return w.buf
		}
		e.fit()
	}
}

// sanitise returns a sample at the scale of 16 bits, which AAC's scale factors
// are made for. It bounds what is louder than any decoder's output stage so
// that squares of coefficients stay finite.
func sanitise(x float32) float32 {
	const loudest = 4
	switch {
	case x >= -loudest && x <= loudest:
		return x * 32768
	case math.IsNaN(float64(x)) || math.IsInf(float64(x), 0):
		return 0
	case x > 0:
		return loudest * 32768
	default:
		return -loudest * 32768
	}
}
