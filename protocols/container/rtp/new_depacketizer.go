package rtp

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

// NewDepacketizer returns the Depacketizer for a format.
func NewDepacketizer(f Format, cfg DepacketizerConfig) (Depacketizer, error) {
	unit := unitBuffer{max: cfg.MaxUnit}
	if unit.max <= 0 {
		unit.max = DefaultMaxUnit
	}
	codec := f.Codec()
	if codec != media.CodecUnknown && f.Clock <= 0 {
		return nil, fmt.Errorf("%w: %s with a clock of %d Hz", ErrMalformed, f.Name, f.Clock)
	}
	channels := max(f.Channels, 1)
	switch codec {
	case media.H264, media.H265:
		a, err := f.nalAssembler(codec, unit)
		if err != nil {
			return nil, err
		}
		return newPictureDepacketizer(a, cfg.TrustMarker), nil
	case media.AV1:
		return newPictureDepacketizer(&av1Assembler{unit: unit, fragment: unit}, true), nil
	case media.VP8:
		return newPictureDepacketizer(&vp8Assembler{unit: unit}, true), nil
	case media.VP9:
		return newPictureDepacketizer(&vp9Assembler{unit: unit}, true), nil
	case media.AAC:
		return f.aacDepacketizer(unit)
	case media.Opus:
		t, _ := opus.Track(nil)
		return &soundDepacketizer{track: t, check: checkOpus}, nil
	case media.PCMA, media.PCMU:
		return &soundDepacketizer{track: &media.Track{Codec: codec, SampleRate: f.Clock, Channels: channels}, check: checkSamples(channels)}, nil
	case media.G722:
		return &soundDepacketizer{track: &media.Track{Codec: codec, SampleRate: 16000, Channels: channels}, check: checkSamples(channels)}, nil
	case media.L16:
		return &soundDepacketizer{track: &media.Track{Codec: codec, SampleRate: f.Clock, Channels: channels}, check: checkSamples(2 * channels)}, nil
	case media.MP3:
		return &mpaDepacketizer{}, nil
	case media.AC3:
		return &ac3Depacketizer{clock: f.Clock}, nil
	default:
		return nil, fmt.Errorf("%w: %s", ErrCodec, f.Name)
	}
}

// nalAssembler returns the assembler of H264 or H265, with the parameter sets
// that the SDP gives. Ones that are no good do not matter, as most senders
// repeat them in band.
func (f Format) nalAssembler(codec media.Codec, unit unitBuffer) (*nalAssembler, error) {
	a := &nalAssembler{syntax: h264Syntax{}, unit: unit}
	names := []string{"sprop-parameter-sets"}
	if codec == media.H265 {
		a.syntax, names = h265Syntax{}, []string{"sprop-vps", "sprop-sps", "sprop-pps"}
		if n := f.Params["sprop-max-don-diff"]; n != "" && n != "0" {
			return nil, fmt.Errorf("%w: H265 with decoding order numbers", ErrUnsupported)
		}
	} else if f.Params["packetization-mode"] == "2" {
		return nil, fmt.Errorf("%w: H264 in interleaved mode", ErrUnsupported)
	}
	for _, name := range names {
		for _, set := range decodeSets(f.Params[name]) {
			if class := a.syntax.classify(set); class&(nalVPS|nalSPS|nalPPS) != 0 {
				_ = a.sets.put(class, a.syntax.setID(set), set)
			}
		}
	}
	if a.sets.changed && a.update() != nil {
		a.sets = parameterSets{}
	}
	return a, nil
}

// aacDepacketizer returns the Depacketizer of the AAC formats.
func (f Format) aacDepacketizer(unit unitBuffer) (Depacketizer, error) {
	config, err := hex.DecodeString(f.Params["config"])
	if err != nil {
		return nil, fmt.Errorf("%w: AAC config %q: %w", ErrMalformed, f.Params["config"], err)
	}
	if strings.ToUpper(f.Name) == nameLATM {
		unit.max = min(unit.max, maxSoundUnit)
		d := &latmDepacketizer{inBand: f.Params["cpresent"] != "0", clock: f.Clock, element: unit}
		if len(config) == 0 {
			return d, nil
		}
		c, err := readLATMConfig(bits.NewReader(config))
		if err != nil {
			return nil, err
		}
		if err := d.configure(c); err != nil {
			return nil, err
		}
		return d, nil
	}
	if len(config) == 0 {
		c, err := aac.NewConfig(f.Clock, max(f.Channels, 1))
		if err != nil {
			return nil, fmt.Errorf("rtp: AAC without config: %w", err)
		}
		if config, err = c.Append(nil); err != nil {
			return nil, fmt.Errorf("rtp: AAC without config: %w", err)
		}
	}
	t, err := aac.Track(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	d := &aacDepacketizer{track: t, ticks: aacTicks(config, f.Clock)}
	if err := f.readAUHeader(d); err != nil {
		return nil, err
	}
	return d, nil
}

// readAUHeader reads the parameters of RFC 3640 4.1.
func (f Format) readAUHeader(d *aacDepacketizer) error {
	h := &d.header
	if mode := strings.ToLower(f.Params["mode"]); f.Params["sizelength"] == "" {
		switch mode { // some senders leave out what the mode fixes
		case "aac-hbr", "":
			h.size, h.index, h.indexDelta = 13, 3, 3
		case "aac-lbr":
			h.size, h.index, h.indexDelta = 6, 2, 2
		}
	}
	duration := 0
	for _, v := range []struct {
		name string
		to   *int
		max  int
	}{
		{"sizelength", &h.size, 32},
		{"indexlength", &h.index, 32},
		{"indexdeltalength", &h.indexDelta, 32},
		{"ctsdeltalength", &h.ctsDelta, 32},
		{"dtsdeltalength", &h.dtsDelta, 32},
		{"randomaccessindication", &h.randomAccess, 1},
		{"streamstateindication", &h.streamState, 32},
		{"auxiliarydatasizelength", &h.auxiliary, 32},
		{"constantsize", &h.constantSize, maxSoundUnit},
		{"constantduration", &duration, 1 << 20},
	} {
		s, ok := f.Params[v.name]
		if !ok {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > v.max {
			return fmt.Errorf("%w: AAC parameter %s=%s", ErrMalformed, v.name, s)
		}
		*v.to = n
	}
	if duration > 0 {
		d.ticks = uint32(duration)
	}
	if h.size == 0 && h.constantSize == 0 && h.present() {
		return fmt.Errorf("%w: AAC with headers that tell no size", ErrUnsupported)
	}
	return nil
}
