// Package opus encodes and decodes Opus (RFC 6716) at 48 kHz, with libopus
// translated to Go at build time.
//
// The translation is not committed. A program built without the tag "opus"
// has the same API, whose constructors return ErrNotBuilt; "make build" makes
// the translation and sets the tag.
//
// Samples are float32, interleaved, with full scale at 1. Encoder and Decoder
// hold their whole state in a memory of 1 MiB, allocate nothing per frame and
// need no closing. Each is for one goroutine at a time.
package opus

import (
	"errors"
	"fmt"
	"time"
)

// SampleRate is the rate of all samples here, in Hz.
const SampleRate = 48000

// MaxSamples is the length of the longest packet, 120 ms, in samples per
// channel (RFC 6716 3.2.5).
const MaxSamples = 5760

// MaxPacket bounds the packets that Decode takes, in bytes: 48 frames of the
// greatest size, with their lengths (RFC 6716 3.4).
const MaxPacket = 48*(1275+2) + 2

var (
	// ErrNotBuilt says that this program was built without the codec.
	ErrNotBuilt = errors.New("opus: this binary has no Opus codec; build it with \"make build\"")
	// ErrPacket says that a packet is malformed. The decoder goes on; the
	// caller conceals the packet.
	ErrPacket = errors.New("opus: malformed packet")
	// ErrBroken says that the codec has failed inside; only a new one helps.
	ErrBroken = errors.New("opus: codec failed")
)

// EncoderConfig sets up an Encoder. The zero value of a field means the
// default.
type EncoderConfig struct {
	Channels   int           // 1 or 2; default 2
	Bitrate    int           // bit/s, 6000-510000; default 96000 for stereo, 64000 for mono
	Complexity int           // 1-10; default 5
	Frame      time.Duration // 10, 20, 40 or 60 ms; default 20 ms
	// Loss is the packet loss to protect against by in-band FEC, in percent
	// (0-100; 0 is no FEC). FEC exists at speech bitrates only, below some
	// 40 kbit/s.
	Loss int
	// DTX makes packets of silence that need not be sent. At bitrates above
	// those of speech it needs a complexity of 7.
	DTX bool
}

// complete fills in defaults and checks ranges.
func (c EncoderConfig) complete() (EncoderConfig, error) {
	if c.Channels == 0 {
		c.Channels = 2
	}
	if c.Bitrate == 0 {
		c.Bitrate = 32000 + 32000*c.Channels
	}
	if c.Complexity == 0 {
		c.Complexity = 5
	}
	if c.Frame == 0 {
		c.Frame = 20 * time.Millisecond
	}
	switch {
	case c.Channels < 1 || c.Channels > 2:
		return c, fmt.Errorf("opus: %d channels; only 1 and 2 can be encoded", c.Channels)
	case c.Bitrate < 6000 || c.Bitrate > 510000:
		return c, fmt.Errorf("opus: bitrate of %d bit/s is not within 6000-510000", c.Bitrate)
	case c.Complexity < 1 || c.Complexity > 10:
		return c, fmt.Errorf("opus: complexity %d is not within 1-10", c.Complexity)
	case c.Frame != 10*time.Millisecond && c.Frame != 20*time.Millisecond &&
		c.Frame != 40*time.Millisecond && c.Frame != 60*time.Millisecond:
		return c, fmt.Errorf("opus: a frame of %v is none of 10, 20, 40, 60 ms", c.Frame)
	case c.Loss < 0 || c.Loss > 100:
		return c, fmt.Errorf("opus: a loss of %d %% is not within 0-100", c.Loss)
	}
	return c, nil
}
