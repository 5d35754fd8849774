package flv

import (
	"fmt"
	"io"
	"time"

	"sluice/protocols/codec/g711"
	"sluice/protocols/codec/mpa"
	"sluice/server/media"
)

const (
	stereoBit = 1
	aacRaw    = 1
	aacHeader = 0
)

func (d *Demuxer) demuxAudio(t Tag) (*media.Track, *media.Packet, error) {
	first, rest := t.Body[0], t.Body[1:]
	channels := 1 + int(first&stereoBit)
	switch format := first >> 4; format {
	case audioEnhanced:
		ex, err := d.parseEx(media.Audio, first&0xf, rest)
		if err != nil || !ex.found {
			return nil, nil, err
		}
		return d.demuxExAudio(ex, t.Timestamp)
	case audioAAC:
		if len(rest) == 0 {
			return nil, nil, fmt.Errorf("flv: AAC tag: %w", io.ErrUnexpectedEOF)
		}
		switch rest[0] {
		case aacHeader:
			track, err := d.audio.configure(media.AAC, rest[1:])
			return track, nil, err
		case aacRaw:
			return d.sound(media.AAC, t.Timestamp, channels, rest[1:])
		}
		return nil, nil, fmt.Errorf("flv: AAC tag of packet type %d", rest[0])
	case audioMP3, audioMP3at8k:
		return d.sound(media.MP3, t.Timestamp, channels, rest)
	case audioPCMA:
		return d.sound(media.PCMA, t.Timestamp, channels, rest)
	case audioPCMU:
		return d.sound(media.PCMU, t.Timestamp, channels, rest)
	default:
		return nil, nil, unsupported(media.Audio, legacyName(&legacyAudio, format))
	}
}

// demuxExAudio takes the default track's part of an audio tag (ExAudioTagBody).
func (d *Demuxer) demuxExAudio(ex exTag, at time.Duration) (*media.Track, *media.Packet, error) {
	codec := CodecOf(ex.fourCC)
	if codec.Kind() != media.Audio {
		return nil, nil, unsupported(media.Audio, ex.fourCC)
	}
	switch ex.packet {
	case packetSequenceStart:
		track, err := d.audio.configure(codec, ex.data)
		return track, nil, err
	case packetCodedFrames:
		return d.sound(codec, at+time.Duration(ex.nanos), 0, ex.data)
	case packetSequenceEnd:
		return nil, nil, nil
	case audioMultichannel:
		track, err := d.multichannel(codec, ex.data)
		return track, nil, err
	}
	return nil, nil, fmt.Errorf("flv: audio tag of enhanced packet type %d", ex.packet)
}

// sound makes the packet of an audio frame, and the track for codecs that have
// no sequence header. channels is what the tag's header says, 0 if nothing.
func (d *Demuxer) sound(codec media.Codec, at time.Duration, channels int, payload []byte) (track *media.Track, p *media.Packet, _ error) {
	if len(payload) == 0 {
		return nil, nil, nil
	}
	a := &d.audio
	switch codec {
	case media.PCMA, media.PCMU:
		if !a.is(codec) || a.track.Channels != channels {
			track = a.use(g711.Track(codec, channels))
		}
	case media.MP3:
		// A frame whose header can't be read belongs to the track in force.
		h, err := mpa.ParseHeader(payload)
		switch {
		case err == nil && h.Codec() == codec:
			if !h.Of(a.track) {
				track = a.use(h.Track())
			}
		case !a.is(codec):
			return nil, nil, unsupported(media.Audio, "MP3 in free format or of another layer")
		}
	case media.Opus, media.AC3, media.EAC3:
		if !a.is(codec) {
			track = a.use(bareTrack(codec))
		}
	}
	if !a.is(codec) {
		return nil, nil, nil
	}
	return track, &media.Packet{Track: a.track, DTS: at, PTS: at, Payload: payload}, nil
}

// bareTrack returns the track of a stream that tells nothing of itself. The
// headers of AC-3 frames are left to decoders.
func bareTrack(codec media.Codec) *media.Track {
	if codec == media.Opus {
		return &media.Track{Codec: codec, SampleRate: 48000, Channels: 2}
	}
	return &media.Track{Codec: codec}
}

// use puts a track in force that came without a sequence header.
func (e *elementary) use(t *media.Track) *media.Track {
	e.track, e.header = t, nil
	return t
}

// multichannel takes the number of channels from a MultichannelConfig, for
// codecs that do not tell it themselves. Their order is the codec's own.
func (d *Demuxer) multichannel(codec media.Codec, data []byte) (*media.Track, error) {
	if len(data) < 2 {
		return nil, fmt.Errorf("flv: multichannel configuration: %w", io.ErrUnexpectedEOF)
	}
	const native, custom = 1, 2
	channels, more := int(data[1]), 0
	switch data[0] {
	case native:
		more = 4
	case custom:
		more = channels
	}
	if len(data) < 2+more {
		return nil, fmt.Errorf("flv: multichannel configuration: %w", io.ErrUnexpectedEOF)
	}
	if !d.audio.is(codec) || d.audio.track.Channels != 0 || channels == 0 {
		return nil, nil
	}
	t := *d.audio.track
	t.Channels = channels
	d.audio.track = &t
	return d.audio.track, nil
}
