//go:build opus

package opus

import (
	"fmt"
	"time"

	"sluice/server/transcode/opus/internal/libopus"
)

// Encoder encodes one stream of sound.
type Encoder struct {
	instance
	channels, frame, lookahead int
}

// NewEncoder returns an encoder, or an error where cfg is out of range.
func NewEncoder(cfg EncoderConfig) (*Encoder, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	e := &Encoder{
		instance: newInstance(), channels: cfg.Channels,
		frame: int(cfg.Frame * SampleRate / time.Second),
	}
	if rc := e.mod.Xopus_encoder_init(statePtr, SampleRate, int32(cfg.Channels), applicationAudio); rc != 0 {
		return nil, fmt.Errorf("opus: encoder init: error %d", rc)
	}
	fec, dtx := int32(0), int32(0)
	if cfg.Loss > 0 {
		fec = 1
	}
	if cfg.DTX {
		dtx = 1
	}
	for _, c := range [...]struct{ request, value int32 }{
		{setBitrate, int32(cfg.Bitrate)},
		{setComplexity, int32(cfg.Complexity)},
		{setInbandFEC, fec},
		{setPacketLossPerc, int32(cfg.Loss)},
		{setDTX, dtx},
		{setLSBDepth, 16},
	} {
		if rc := e.mod.Xopus_encoder_ctl_set(statePtr, c.request, c.value); rc != 0 {
			return nil, fmt.Errorf("opus: encoder request %d with %d: error %d", c.request, c.value, rc)
		}
	}
	e.lookahead = int(e.mod.Xopus_encoder_ctl_get(statePtr, getLookahead))
	return e, nil
}

// FrameSize returns how many samples per channel Encode takes.
func (e *Encoder) FrameSize() int { return e.frame }

// Lookahead returns by how many samples the decoder's output comes after the
// encoder's input (the pre-skip of RFC 7845).
func (e *Encoder) Lookahead() int { return e.lookahead }

// Encode encodes one frame, FrameSize samples of each channel, and appends
// the packet to dst. With DTX a packet of up to 2 bytes need not be sent.
func (e *Encoder) Encode(pcm []float32, dst []byte) (out []byte, err error) {
	if len(pcm) != e.frame*e.channels {
		return dst, fmt.Errorf("opus: a frame of %d samples, want %d", len(pcm), e.frame*e.channels)
	}
	if e.broken {
		return dst, ErrBroken
	}
	out = dst //nolint:wastedassign // the result where guard recovers
	defer e.guard(&err)
	e.putPCM(pcm)
	n := e.mod.Xopus_encode(statePtr, pcmPtr, int32(e.frame), packetPtr, MaxPacket)
	if n < 0 {
		return dst, fmt.Errorf("opus: encode: error %d", n)
	}
	return append(dst, e.mem[packetPtr:packetPtr+int(n)]...), nil
}

// Reset forgets the sound so far.
func (e *Encoder) Reset() (err error) {
	defer e.guard(&err)
	if rc := e.mod.Xopus_encoder_ctl_set(statePtr, resetState, 0); rc != 0 {
		return fmt.Errorf("opus: encoder reset: error %d", rc)
	}
	return nil
}

// The last thing in memory is a frame of the greatest length.
var _ [libopus.MemorySize - pcmPtr - MaxSamples*2*2]struct{}
