package mpegts

import (
	"bytes"
	"iter"

	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

// Descriptor tags (2.6.1, ETSI EN 300 468 6.1).
const (
	tagRegistration = 0x05
	tagAC3          = 0x6a // ETSI EN 300 468 annex D
	tagEAC3         = 0x7a
	tagExtension    = 0x7f

	extensionOpus = 0x80 // the Opus specification's own
)

// The format identifiers of registration descriptors.
const (
	formatOpus = "Opus"
	formatHEVC = "HEVC"
	formatAC3  = "AC-3"
	formatEAC3 = "EAC3"
)

// descriptors iterates over the descriptors of a loop and ends at one that
// leads out of it.
func descriptors(loop []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for len(loop) >= 2 {
			n := int(loop[1])
			if n > len(loop)-2 || !yield(loop[0], loop[2:2+n:2+n]) {
				return
			}
			loop = loop[2+n:]
		}
	}
}

// codecOf returns the codec of an elementary stream, CodecUnknown when it is
// not one that is carried. MPEG audio of any layer counts as MP3: its frames tell.
func codecOf(s stream) media.Codec {
	switch s.kind {
	case typeH264:
		return media.H264
	case typeH265:
		return media.H265
	case typeADTS, typeLATM:
		return media.AAC
	case typeMPEG1Audio, typeMPEG2Audio:
		return media.MP3
	case typeAC3:
		return media.AC3
	case typeEAC3:
		return media.EAC3
	case typePrivate:
		return privateCodec(s.descriptors)
	}
	return media.CodecUnknown
}

// privateCodec returns the codec that descriptors name.
func privateCodec(loop []byte) media.Codec {
	for tag, data := range descriptors(loop) {
		switch tag {
		case tagAC3:
			return media.AC3
		case tagEAC3:
			return media.EAC3
		case tagRegistration:
			if len(data) < 4 {
				continue
			}
			switch string(data[:4]) {
			case formatOpus:
				return media.Opus
			case formatHEVC:
				return media.H265
			case formatAC3:
				return media.AC3
			case formatEAC3:
				return media.EAC3
			}
		}
	}
	return media.CodecUnknown
}

// appendDescriptors appends the descriptors of a track.
func appendDescriptors(dst []byte, t *media.Track) []byte {
	switch t.Codec {
	case media.H265:
		return appendRegistration(dst, formatHEVC)
	case media.AC3:
		return appendRegistration(dst, formatAC3)
	case media.EAC3:
		return appendRegistration(dst, formatEAC3)
	case media.Opus:
		dst = appendRegistration(dst, formatOpus)
		return append(dst, tagExtension, 2, extensionOpus, opusChannels(t))
	default:
		return dst
	}
}

func appendRegistration(dst []byte, format string) []byte {
	return append(append(dst, tagRegistration, byte(len(format))), format...)
}

// Channel configuration codes of Opus: 0 is dual mono, 1 to 8 the layouts of
// Vorbis, uncoupled and that many channels each in a stream of its own.
const (
	opusDualMono  = 0
	opusUncoupled = 0x80
	maxOpus       = 8
)

// opusLayout is the mapping of a Vorbis layout (RFC 7845 5.1.1.2), as encoders
// make it.
type opusLayout struct {
	coupled uint8
	mapping string
}

var opusLayouts = [maxOpus + 1]opusLayout{
	1: {0, "\x00"},
	2: {1, "\x00\x01"},
	3: {1, "\x00\x02\x01"},
	4: {2, "\x00\x01\x02\x03"},
	5: {2, "\x00\x04\x01\x02\x03"},
	6: {2, "\x00\x04\x01\x02\x03\x05"},
	7: {3, "\x00\x04\x01\x02\x03\x05\x06"},
	8: {3, "\x00\x06\x01\x02\x03\x04\x05\x07"},
}

// opusChannels returns the channel configuration code of a track. A mapping
// that has no code gets that of its number of channels, which a player can at
// least open.
func opusChannels(t *media.Track) byte {
	h, err := opus.ParseHead(t.Config)
	if err != nil {
		return byte(min(max(t.Channels, 1), maxOpus)) //nolint:gosec // 1 to 8
	}
	n := min(h.Channels, maxOpus)
	if h.Family == 255 && n == 2 && h.Streams == 2 && h.Coupled == 0 {
		return opusDualMono
	}
	if h.Family == 1 && h.Coupled == 0 && n >= 2 && h.Streams == n && bytes.Equal(h.Mapping, identity[:n]) {
		return opusUncoupled | n
	}
	return n
}

var identity = []byte{0, 1, 2, 3, 4, 5, 6, 7}

// opusHead returns the identification header that a channel configuration code
// stands for, nil for one that is unknown.
func opusHead(code byte) *opus.Head {
	n := code &^ opusUncoupled
	switch {
	case code == opusDualMono:
		return &opus.Head{Channels: 2, InputRate: opus.ClockRate, Family: 255, Streams: 2, Mapping: identity[:2]}
	case code == 1, code == 2:
		return opus.NewHead(int(code))
	case n < 2 || n > maxOpus:
		return nil
	case code&opusUncoupled != 0:
		return &opus.Head{Channels: n, InputRate: opus.ClockRate, Family: 1, Streams: n, Mapping: identity[:n]}
	}
	l := opusLayouts[n]
	return &opus.Head{
		Channels: n, InputRate: opus.ClockRate, Family: 1,
		Streams: n - l.coupled, Coupled: l.coupled, Mapping: []byte(l.mapping),
	}
}
