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

// forms lists how each codec is carried. A codec's place in it tells its PID.
var forms = [...]struct {
	codec media.Codec
	kind  byte // stream_type
	id    byte // stream_id
}{
	{media.H264, typeH264, idVideo},
	{media.H265, typeH265, idVideo},
	{media.AAC, typeADTS, idAudio},
	{media.MP3, typeMPEG1Audio, idAudio},
	{media.Opus, typePrivate, idPrivate1},
	{media.AC3, typeAC3, idPrivate1},
	{media.EAC3, typeEAC3, idPrivate1},
	{media.MP2, typeMPEG1Audio, idAudio},
}

// firstPID is the PID of the first codec of forms.
const firstPID = 0x100

// place returns the codec's place in forms, -1 when it is not carried.
func place(c media.Codec) int {
	for i, f := range forms {
		if f.codec == c {
			return i
		}
	}
	return -1
}

// Codecs returns the codecs that a transport stream can carry.
func Codecs() []media.Codec {
	list := make([]media.Codec, len(forms))
	for i, f := range forms {
		list[i] = f.codec
	}
	return list
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

// lowRate is the sample rate in Hz below which MPEG audio is MPEG-2's.
const lowRate = 32000

// streamType returns the type by which a PMT names the track's codec.
func streamType(t *media.Track) byte {
	if (t.Codec == media.MP3 || t.Codec == media.MP2) && t.SampleRate > 0 && t.SampleRate < lowRate {
		return typeMPEG2Audio
	}
	return forms[place(t.Codec)].kind
}

// otherVersion is that of a program map whose version would be the one before.
const otherVersion = 31

// versionOf returns the version of the program map of the tracks. It follows
// from the codecs, so that a player which goes from one Muxer's stream to another's
// does not take a new map for the old one.
func versionOf(ts media.Tracks) uint8 {
	const kinds = 10 // of sound, with none
	version := 0
	if ts.Video != nil {
		version = (1 + place(ts.Video.Codec)) * kinds
	}
	if ts.Audio != nil {
		version += soundKind(ts.Audio)
	}
	return uint8(version) //nolint:gosec // at most 29
}

// soundKind numbers what a program map says of sound, from 1 on.
func soundKind(t *media.Track) int {
	const lowMP3, lowMP2, otherOpus = 7, 8, 9
	switch {
	case t.Codec == media.MP3 && streamType(t) == typeMPEG2Audio:
		return lowMP3
	case t.Codec == media.MP2 && streamType(t) == typeMPEG2Audio:
		return lowMP2
	case t.Codec == media.Opus && opusChannels(t) != 2:
		return otherOpus
	}
	return 1 + place(t.Codec) - place(media.AAC)
}
