package flv

import (
	"encoding/binary"
	"fmt"

	"sluice/server/media"
)

// The codec numbers that this package carries (E.4.2.1, E.4.3.1). videoHEVC is
// not Adobe's: it is a convention of Chinese clients and servers.
const (
	videoAVC  = 7
	videoHEVC = 12

	audioMP3      = 2
	audioPCMA     = 7
	audioPCMU     = 8
	audioEnhanced = 9 // fourCC signalling follows
	audioAAC      = 10
	audioMP3at8k  = 14
)

// fourCCs are the codecs by Enhanced RTMP's fourCC.
var fourCCs = [...]struct {
	name  string
	codec media.Codec
}{
	{"avc1", media.H264},
	{"hvc1", media.H265},
	{"av01", media.AV1},
	{"vp08", media.VP8},
	{"vp09", media.VP9},
	{"mp4a", media.AAC},
	{"Opus", media.Opus},
	{".mp3", media.MP3},
	{"fLaC", media.FLAC},
	{"ac-3", media.AC3},
	{"ec-3", media.EAC3},
}

// FourCC returns the codec's fourCC of Enhanced RTMP, "" when it has none.
func FourCC(c media.Codec) string {
	for _, f := range fourCCs {
		if f.codec == c {
			return f.name
		}
	}
	return ""
}

// CodecOf returns the codec of a fourCC, media.CodecUnknown for one that this
// package does not carry.
func CodecOf(fourCC string) media.Codec {
	for _, f := range fourCCs {
		if f.name == fourCC {
			return f.codec
		}
	}
	return media.CodecUnknown
}

// CodecError says that a codec cannot be carried.
type CodecError struct {
	Kind media.Kind
	Name string // the codec's name, or what the peer called it
	Why  string
}

// Error names the codec.
func (e *CodecError) Error() string {
	return fmt.Sprintf("flv: %s codec %q: %s", e.Kind, e.Name, e.Why)
}

func unsupported(kind media.Kind, name string) error {
	return &CodecError{Kind: kind, Name: name, Why: "not supported"}
}

// legacyVideo and legacyAudio name the codec numbers that are not carried.
var (
	legacyVideo = [16]string{2: "Sorenson H.263", 3: "Screen video", 4: "On2 VP6", 5: "On2 VP6 with alpha", 6: "Screen video 2"}
	legacyAudio = [16]string{
		0: "Linear PCM, platform endian", 1: "ADPCM", 3: "Linear PCM", 4: "Nellymoser 16 kHz", 5: "Nellymoser 8 kHz",
		6: "Nellymoser", 11: "Speex", 15: "device-specific",
	}
)

func legacyName(names *[16]string, id byte) string {
	if names[id] != "" {
		return names[id]
	}
	return fmt.Sprintf("number %d", id)
}

// legacyID returns the codec's number, and false for a codec without one.
func (f Form) legacyID(t *media.Track) (id byte, ok bool) {
	switch t.Codec {
	case media.H264:
		return videoAVC, true
	case media.H265:
		return videoHEVC, f.LegacyHEVC
	case media.AAC:
		return audioAAC, true
	case media.MP3:
		if t.SampleRate == 8000 {
			return audioMP3at8k, true
		}
		return audioMP3, true
	case media.PCMA:
		return audioPCMA, true
	case media.PCMU:
		return audioPCMU, true
	}
	return 0, false
}

// CodecID returns the value of onMetaData's videocodecid or audiocodecid for a
// picture or sound track in this form: the codec's number, or its fourCC as a
// big-endian number.
func (f Form) CodecID(t *media.Track) (uint32, error) {
	if err := f.Check(t.Codec); err != nil {
		return 0, err
	}
	if id, ok := f.legacyID(t); ok && !f.enhanced(t) {
		return uint32(id), nil
	}
	name := FourCC(t.Codec)
	if name == "" {
		return 0, fmt.Errorf("flv: a %s track has no codec number", t.Codec)
	}
	return binary.BigEndian.Uint32([]byte(name)), nil
}
