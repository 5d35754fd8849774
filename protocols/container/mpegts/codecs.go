package mpegts

import (
	"fmt"

	"sluice/server/media"
)

// The stream types in use (2.4.4.10 and, from 0x80, ATSC A/53 part 3).
const (
	typeMPEG1Audio = 0x03
	typeMPEG2Audio = 0x04 // the lower sample rates
	typePrivate    = 0x06 // told by descriptors
	typeADTS       = 0x0f
	typeLATM       = 0x11
	typeH264       = 0x1b
	typeH265       = 0x24
	typeAC3        = 0x81
	typeEAC3       = 0x87
)

// The stream ids in use (2.4.3.7).
const (
	idPrivate1 = 0xbd
	idAudio    = 0xc0
	idVideo    = 0xe0
)

// Carries reports whether a transport stream can carry the codec.
func Carries(c media.Codec) bool {
	for _, own := range Codecs() {
		if c == own {
			return true
		}
	}
	return false
}

// Codecs returns the codecs that a transport stream can carry.
func Codecs() []media.Codec {
	return []media.Codec{media.H264, media.H265, media.AAC, media.MP3, media.Opus, media.AC3, media.EAC3}
}

// CodecError says that a stream is in a coding that is not carried.
type CodecError struct {
	Kind media.Kind
	Name string // the codec's name, or the stream type
}

// Error names the codec.
func (e *CodecError) Error() string {
	return fmt.Sprintf("mpegts: cannot carry %s %s", e.Kind, e.Name)
}

// streamType returns the type by which a PMT names the track's codec, and the
// stream id of its PES packets.
func streamType(t *media.Track) (kind, id byte) {
	switch t.Codec {
	case media.H264:
		return typeH264, idVideo
	case media.H265:
		return typeH265, idVideo
	case media.AAC:
		return typeADTS, idAudio
	case media.MP3:
		if t.SampleRate > 0 && t.SampleRate < 32000 {
			return typeMPEG2Audio, idAudio
		}
		return typeMPEG1Audio, idAudio
	case media.AC3:
		return typeAC3, idPrivate1
	case media.EAC3:
		return typeEAC3, idPrivate1
	default:
		return typePrivate, idPrivate1
	}
}
