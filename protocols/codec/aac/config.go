package aac

import (
	"errors"
	"fmt"

	"sluice/protocols/codec/bits"
	"sluice/server/media"
)

// ObjectType is an audio object type (table 1.17).
type ObjectType uint8

// The object types that the streams of this field use.
const (
	Main    ObjectType = 1
	LC      ObjectType = 2
	SSR     ObjectType = 3
	LTP     ObjectType = 4
	SBR     ObjectType = 5 // HE-AAC, as extension of another type
	ERLC    ObjectType = 17
	ERLTP   ObjectType = 19
	ERBSAC  ObjectType = 22
	ERLD    ObjectType = 23
	PS      ObjectType = 29 // HE-AAC v2, as extension of another type
	escape  ObjectType = 31
	ERELD   ObjectType = 39
	USAC    ObjectType = 42
	scaling ObjectType = 6
	twinVQ  ObjectType = 7
	erScal  ObjectType = 20
	erTwin  ObjectType = 21
)

// Signalling says how a Config announces SBR and PS (1.6.5).
type Signalling uint8

// The ways to signal an extension.
const (
	// Implicit: not at all. The decoder finds out from the stream.
	Implicit Signalling = iota
	// Hierarchical: the config starts with the extension's object type.
	Hierarchical
	// Compatible: a sync word after the core's config, which old decoders
	// overlook.
	Compatible
)

// Config is an AudioSpecificConfig (1.6.2.1).
type Config struct {
	ObjectType ObjectType // the core coder's, never SBR or PS
	SampleRate int        // the core coder's, in Hz, 1 to 16777215

	// ChannelConfig is channelConfiguration, 0 to 15 (table 1.19); with 0 the
	// Program tells the channels.
	ChannelConfig uint8
	Program       *Program

	// FrameLength is the samples per channel of a frame of the core coder:
	// 1024 or 960, 0 for object types without a GASpecificConfig.
	FrameLength int

	// CoreCoderDelay is set for a layer that depends on a core coder.
	CoreCoderDelay int
	DependsOnCore  bool

	// Signalling, SBR, PS and ExtensionRate describe the extension.
	// ExtensionRate is the output rate of SBR in Hz. With Compatible
	// signalling SBR may be announced absent, and ExtensionRate is 0 then.
	Signalling    Signalling
	SBR, PS       bool
	ExtensionRate int
}

// rates are the sampling frequencies by index (table 1.18).
var rates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// channels counts the loudspeakers by channelConfiguration (table 1.19 and its
// amendments for 11, 12 and 14); 0 is told elsewhere or reserved.
var channels = [16]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}

const (
	explicitRate = 15    // the index that a 24-bit rate follows
	syncSBR      = 0x2b7 // sync words of backward compatible signalling
	syncPS       = 0x548
)

// RateIndex returns the index of a sampling frequency in Hz, and false when
// the table does not have it.
func RateIndex(hz int) (index uint8, ok bool) {
	for i, r := range rates {
		if r == hz {
			return uint8(i), true
		}
	}
	return 0, false
}

// Channels returns the number of loudspeakers of the core coder's output, 0
// when the config does not tell. PS makes two of one.
func (c *Config) Channels() int {
	if c.ChannelConfig == 0 && c.Program != nil {
		return c.Program.Channels()
	}
	return channels[c.ChannelConfig&15]
}

// ParseConfig reads an AudioSpecificConfig. Bytes after it are passed over.
func ParseConfig(b []byte) (*Config, error) {
	r := bits.NewReader(b)
	c := new(Config)
	c.ObjectType = readObjectType(r)
	c.SampleRate = readRate(r)
	c.ChannelConfig = uint8(r.Uint(4))
	if c.ObjectType == SBR || c.ObjectType == PS {
		c.Signalling, c.SBR, c.PS = Hierarchical, true, c.ObjectType == PS
		c.ExtensionRate = readRate(r)
		c.ObjectType = readObjectType(r)
		if c.ObjectType == ERBSAC {
			r.Skip(4) // extensionChannelConfiguration
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("aac: AudioSpecificConfig of %d bytes: %w", len(b), err)
	}
	if c.SampleRate == 0 || c.SBR && c.ExtensionRate == 0 {
		return nil, errors.New("aac: AudioSpecificConfig with a reserved or zero sample rate")
	}
	if c.ObjectType == 0 || c.ObjectType == SBR || c.ObjectType == PS {
		return nil, fmt.Errorf("aac: AudioSpecificConfig with core object type %d", c.ObjectType)
	}
	if !c.ObjectType.general() {
		return c, nil
	}
	if err := c.parseGeneral(r); err != nil {
		return nil, err
	}
	if c.Signalling == Implicit && !c.ObjectType.resilient() {
		c.parseCompatible(r)
	}
	return c, nil
}

// general reports whether a GASpecificConfig follows (table 1.15).
func (t ObjectType) general() bool {
	switch t {
	case Main, LC, SSR, LTP, scaling, twinVQ, ERLC, ERLTP, erScal, erTwin, ERBSAC, ERLD:
		return true
	}
	return false
}

// resilient reports whether the type is one of the error-resilient ones, whose
// config goes on with fields that ParseConfig does not read.
func (t ObjectType) resilient() bool { return t >= ERLC && t <= ERLD }

// parseGeneral reads a GASpecificConfig (4.4.1).
func (c *Config) parseGeneral(r *bits.Reader) error {
	c.FrameLength = 1024
	if r.Flag() {
		c.FrameLength = 960
	}
	if c.ObjectType == ERLD {
		c.FrameLength /= 2
	}
	if c.DependsOnCore = r.Flag(); c.DependsOnCore {
		c.CoreCoderDelay = int(r.Uint(14))
	}
	extension := r.Flag()
	if c.ChannelConfig == 0 {
		c.Program = parseProgram(r)
	}
	if c.ObjectType == scaling || c.ObjectType == erScal {
		r.Skip(3) // layerNr
	}
	if extension {
		switch c.ObjectType {
		case ERBSAC:
			r.Skip(5 + 11)
		case ERLC, ERLTP, erScal, ERLD:
			r.Skip(3)
		}
		r.Skip(1) // extensionFlag3
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("aac: GASpecificConfig: %w", err)
	}
	return nil
}

// parseCompatible reads the backward compatible signalling at the config's
// end, if it is there (1.6.2.1).
func (c *Config) parseCompatible(r *bits.Reader) {
	if r.Left() < 16 || r.Uint(11) != syncSBR || readObjectType(r) != SBR {
		return
	}
	sbr, rate, ps := r.Flag(), 0, false
	if sbr {
		if rate = readRate(r); rate == 0 || r.Err() != nil {
			return
		}
		if r.Left() >= 12 && r.Uint(11) == syncPS {
			ps = r.Flag()
		}
	}
	c.Signalling, c.SBR, c.PS, c.ExtensionRate = Compatible, sbr, ps, rate
}

// Append appends the config's bytes to dst. It writes every config of object
// types 1 to 4; others are an error, since they have parts that Config lacks.
func (c *Config) Append(dst []byte) ([]byte, error) {
	if c.ObjectType < Main || c.ObjectType > LTP {
		return dst, fmt.Errorf("aac: cannot write a config of object type %d", c.ObjectType)
	}
	if c.SampleRate <= 0 || c.SampleRate >= 1<<24 || c.ExtensionRate < 0 || c.ExtensionRate >= 1<<24 {
		return dst, fmt.Errorf("aac: cannot write a sample rate of %d or %d Hz", c.SampleRate, c.ExtensionRate)
	}
	if c.ChannelConfig > 15 || (c.ChannelConfig == 0) != (c.Program != nil) {
		return dst, errors.New("aac: channel configuration 0, and only that, needs a program config element")
	}
	w := bits.NewWriter(nil)
	if c.Signalling == Hierarchical {
		first := SBR
		if c.PS {
			first = PS
		}
		w.Uint(uint32(first), 5)
		writeRate(w, c.SampleRate)
		w.Uint(uint32(c.ChannelConfig), 4)
		writeRate(w, c.ExtensionRate)
		w.Uint(uint32(c.ObjectType), 5)
	} else {
		w.Uint(uint32(c.ObjectType), 5)
		writeRate(w, c.SampleRate)
		w.Uint(uint32(c.ChannelConfig), 4)
	}
	w.Flag(c.FrameLength == 960)
	w.Flag(c.DependsOnCore)
	if c.DependsOnCore {
		w.Uint(uint32(c.CoreCoderDelay), 14)
	}
	w.Flag(false) // extensionFlag
	if c.Program != nil {
		c.Program.write(w)
	}
	if c.Signalling == Compatible {
		c.writeCompatible(w)
	}
	return append(dst, w.Bytes()...), nil
}

func (c *Config) writeCompatible(w *bits.Writer) {
	w.Uint(syncSBR, 11)
	w.Uint(uint32(SBR), 5)
	w.Flag(c.SBR)
	if !c.SBR {
		return
	}
	writeRate(w, c.ExtensionRate)
	if c.PS {
		w.Uint(syncPS, 11)
		w.Flag(true)
	}
}

// readObjectType reads GetAudioObjectType (table 1.16).
func readObjectType(r *bits.Reader) ObjectType {
	t := ObjectType(r.Uint(5))
	if t == escape {
		t = 32 + ObjectType(r.Uint(6))
	}
	return t
}

// readRate reads a sampling frequency index and the rate it may announce; 0
// for a reserved index.
func readRate(r *bits.Reader) int {
	i := r.Uint(4)
	if i == explicitRate {
		return int(r.Uint(24))
	}
	if int(i) < len(rates) {
		return rates[i]
	}
	return 0
}

func writeRate(w *bits.Writer, hz int) {
	if i, ok := RateIndex(hz); ok {
		w.Uint(uint32(i), 4)
		return
	}
	w.Uint(explicitRate, 4)
	w.Uint(uint32(hz), 24)
}

// Codec returns the codec string of RFC 6381, such as "mp4a.40.2".
func (c *Config) Codec() string {
	t := c.ObjectType
	if c.Signalling == Hierarchical {
		if t = SBR; c.PS {
			t = PS
		}
	}
	return fmt.Sprintf("mp4a.40.%d", t)
}

// NewConfig returns the config of AAC-LC with frames of 1024 samples. The
// channels are 1 to 6 or 8, in the standard layouts.
func NewConfig(rate, channelCount int) (*Config, error) {
	c := &Config{ObjectType: LC, SampleRate: rate, FrameLength: 1024}
	for i, n := range channels[:8] {
		if n > 0 && n == channelCount {
			c.ChannelConfig = uint8(i)
			return c, nil
		}
	}
	return nil, fmt.Errorf("aac: no channel configuration for %d channels", channelCount)
}

// Track returns the track of an AudioSpecificConfig, which it keeps without a
// copy. Rate and channels are those of a decoder's output: with SBR announced
// the extension's rate, with PS two channels.
func Track(config []byte) (*media.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	t := &media.Track{Codec: media.AAC, Config: config, SampleRate: c.SampleRate, Channels: c.Channels()}
	if c.SBR {
		t.SampleRate = c.ExtensionRate
	}
	if c.PS && t.Channels == 1 {
		t.Channels = 2
	}
	return t, nil
}
