package media

import "strconv"

// Kind says what a track carries.
type Kind uint8

// The kinds of track. A stream carries at most one track of each kind.
const (
	KindUnknown Kind = iota
	Video
	Audio
	Data
)

var kindNames = [...]string{"unknown", "video", "audio", "data"}

// String returns the kind's lower-case name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Codec names the coding of an elementary stream.
type Codec uint8

// The codecs that Sluice knows by name. What a protocol can carry is that
// protocol's own affair.
const (
	CodecUnknown Codec = iota
	H264               // ITU-T H.264, ISO/IEC 14496-10
	H265               // ITU-T H.265, ISO/IEC 23008-2
	AV1                // AOMedia AV1
	VP8                // RFC 6386
	VP9                // VP9 bitstream specification
	AAC                // ISO/IEC 14496-3, LC core (HE signalled in the config)
	Opus               // RFC 6716
	PCMA               // ITU-T G.711 A-law
	PCMU               // ITU-T G.711 mu-law
	G722               // ITU-T G.722, 16 kHz sound on an 8 kHz RTP clock
	MP3                // ISO/IEC 11172-3 and 13818-3 layer III
	MP2                // the same, layer II
	AC3                // ETSI TS 102 366
	EAC3               // ETSI TS 102 366 annex E
	FLAC               // RFC 9639
	L16                // RFC 3551 4.5.11, big-endian 16-bit PCM
	Script             // AMF0 script data, as FLV carries it (Adobe FLV 10.1 E.4.4)
)

var codecs = [...]struct {
	name string
	kind Kind
}{
	CodecUnknown: {"unknown", KindUnknown},
	H264:         {"H264", Video},
	H265:         {"H265", Video},
	AV1:          {"AV1", Video},
	VP8:          {"VP8", Video},
	VP9:          {"VP9", Video},
	AAC:          {"AAC", Audio},
	Opus:         {"Opus", Audio},
	PCMA:         {"PCMA", Audio},
	PCMU:         {"PCMU", Audio},
	G722:         {"G722", Audio},
	MP3:          {"MP3", Audio},
	MP2:          {"MP2", Audio},
	AC3:          {"AC-3", Audio},
	EAC3:         {"E-AC-3", Audio},
	FLAC:         {"FLAC", Audio},
	L16:          {"L16", Audio},
	Script:       {"script", Data},
}

// String returns the codec's usual name, for logs and error messages.
func (c Codec) String() string {
	if int(c) < len(codecs) {
		return codecs[c].name
	}
	return "codec(" + strconv.Itoa(int(c)) + ")"
}

// Kind returns what a track of this codec carries.
func (c Codec) Kind() Kind {
	if int(c) < len(codecs) {
		return codecs[c].kind
	}
	return KindUnknown
}
