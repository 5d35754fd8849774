package flv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/protocols/codec/opus"
	"sluice/protocols/codec/vp8"
	"sluice/protocols/codec/vp9"
	"sluice/server/media"
)

// elementary is what a Demuxer knows of the stream of one kind.
type elementary struct {
	track *media.Track

	// header is the sequence header that made the track, as it came: when the
	// same comes again, the track stays.
	header []byte

	// lengthSize is the number of length bytes before each NAL unit.
	lengthSize int
}

// configure takes a sequence header and returns the new track, nil when it is
// the one in force.
func (e *elementary) configure(codec media.Codec, header []byte) (*media.Track, error) {
	if e.is(codec) && bytes.Equal(header, e.header) {
		return nil, nil
	}
	if codec == media.AAC && len(header) == 0 {
		// Some encoders announce AAC before they know its configuration.
		return nil, nil
	}
	track, err := newTrack(codec, bytes.Clone(header))
	if err != nil || track == nil {
		return nil, err
	}
	e.lengthSize = nal.LengthSize
	switch codec {
	case media.H264:
		e.lengthSize = widen(track.Config, h264LengthByte)
	case media.H265:
		e.lengthSize = widen(track.Config, h265LengthByte)
	}
	e.track, e.header = track, bytes.Clone(header)
	return track, nil
}

// configureTS takes a sequence header in the form of MPEG-2 TS: for AV1, its
// only user, the video descriptor (AV1 in MPEG-2 TS 2.1), whose content is the
// start of the configuration record.
func (e *elementary) configureTS(codec media.Codec, data []byte) (*media.Track, error) {
	const tag, size = 0x80, 4
	if codec != media.AV1 {
		return nil, unsupported(media.Video, codec.String()+" in MPEG-2 TS form")
	}
	if len(data) < 2+size || data[0] != tag || data[1] != size {
		return nil, errors.New("flv: sequence header is no AV1 video descriptor")
	}
	return e.configure(codec, data[2:2+size])
}

// learn makes a track from a key frame, for streams that send no sequence
// header: from the parameter sets in it, or for VP8 and VP9, whose size is only
// there, from its header. It returns nil when the track stays.
func (e *elementary) learn(codec media.Codec, payload []byte) *media.Track {
	switch codec {
	case media.VP8, media.VP9:
		return e.learnVP(codec, payload)
	}
	if e.is(codec) {
		return nil
	}
	var config []byte
	switch codec {
	case media.H264:
		config = h264.ConfigOf(payload)
	case media.H265:
		config = h265.ConfigOf(payload)
	case media.AV1:
		config = av1.ConfigOf(payload)
	}
	if config == nil {
		return nil
	}
	track, err := e.configure(codec, config)
	if err != nil {
		return nil
	}
	return track
}

// is reports whether the track is known and of this codec.
func (e *elementary) is(codec media.Codec) bool { return e.track != nil && e.track.Codec == codec }

// h264LengthByte and h265LengthByte are the places in the configuration
// records of the two bits that hold the length size, less one.
const (
	h264LengthByte = 4
	h265LengthByte = 21
)

// widen returns the record's length size and sets it to that of media.Packet.
func widen(config []byte, at int) int {
	size := int(config[at]&3) + 1
	config[at] = config[at]&^3 | (nal.LengthSize - 1)
	return size
}

// newTrack makes the track of a sequence header, which it keeps. It is nil for
// headers that say nothing.
func newTrack(codec media.Codec, header []byte) (*media.Track, error) {
	var track *media.Track
	var err error
	switch codec {
	case media.H264:
		track, err = h264.Track(header)
	case media.H265:
		track, err = h265.Track(header)
	case media.AV1:
		track, err = av1.Track(header)
	case media.VP8:
		track = &media.Track{Codec: media.VP8}
	case media.VP9:
		track, err = newVP9(header)
	case media.AAC:
		track, err = aac.Track(header)
	case media.Opus:
		if bytes.HasPrefix(header, []byte("OpusTags")) {
			return nil, nil // the comment header, RFC 7845 5.2
		}
		if len(header) == 0 {
			header = nil
		}
		track, err = opus.Track(header)
	case media.FLAC:
		track, err = newFLAC(header)
	}
	if err != nil {
		return nil, fmt.Errorf("flv: %s sequence header: %w", codec, err)
	}
	return track, nil
}

// newVP9 keeps the record without the FullBox header that some writers leave.
func newVP9(header []byte) (*media.Track, error) {
	if len(header) == 0 {
		return &media.Track{Codec: media.VP9}, nil
	}
	c, err := vp9.ParseConfig(header)
	if err != nil {
		return nil, err
	}
	return &media.Track{Codec: media.VP9, Config: c.Append(nil)}, nil
}

// learnVP takes the picture's size from a key frame, where alone it is.
func (e *elementary) learnVP(codec media.Codec, payload []byte) *media.Track {
	parse := vp8.Track
	if codec == media.VP9 {
		parse = vp9.Track
	}
	seen, err := parse(payload)
	if err != nil {
		return nil
	}
	if e.is(codec) {
		if e.track.Width == seen.Width && e.track.Height == seen.Height {
			return nil
		}
		if e.track.Config != nil {
			seen.Config = e.track.Config
		}
	} else {
		e.header = nil
	}
	e.track = seen
	return seen
}

const (
	streamInfoSize = 34 // RFC 9639 8.2
	flacMarker     = "fLaC"
)

// newFLAC keeps the STREAMINFO alone: writers differ in whether they put the
// stream marker and the block header before it.
func newFLAC(header []byte) (*media.Track, error) {
	info := bytes.TrimPrefix(header, []byte(flacMarker))
	if len(info) >= streamInfoSize+4 && info[0]&0x7f == 0 && info[1] == 0 && info[2] == 0 && info[3] == streamInfoSize {
		info = info[4:]
	}
	if len(info) < streamInfoSize {
		return nil, fmt.Errorf("STREAMINFO of %d bytes, want %d", len(info), streamInfoSize)
	}
	info = info[:streamInfoSize:streamInfoSize]
	// 20 bits of sample rate, 3 of channels less one, after two block sizes and
	// two frame sizes.
	v := binary.BigEndian.Uint32(info[10:])
	return &media.Track{Codec: media.FLAC, Config: info, SampleRate: int(v >> 12), Channels: int(v>>9&7) + 1}, nil
}
