package fmp4

import (
	"errors"
	"fmt"
	"slices"

	"sluice/server/media"
)

// VideoTimescale is the clock of video tracks in Hz.
const VideoTimescale = 90000

// defaultRate is the clock of sound whose rate is not known.
const defaultRate = 48000

// ErrCodec is wrapped by errors for tracks that MP4 cannot carry.
var ErrCodec = errors.New("fmp4: codec that MP4 cannot carry")

var codecs = [...]media.Codec{
	media.H264, media.H265, media.AV1, media.VP9,
	media.AAC, media.Opus, media.MP3, media.FLAC, media.AC3, media.EAC3,
}

// Codecs returns the codecs that the package carries.
func Codecs() []media.Codec { return slices.Clone(codecs[:]) }

// Carries reports whether the package carries the codec.
func Carries(c media.Codec) bool {
	return slices.Contains(codecs[:], c)
}

// TrackID returns the track_ID of a kind: 1 for video, 2 for audio, 0 for what
// has no track.
func TrackID(k media.Kind) uint32 {
	switch k {
	case media.Video:
		return 1
	case media.Audio:
		return 2
	default:
		return 0
	}
}

// Timescale returns the clock of a track in Hz: VideoTimescale for pictures,
// for sound its sample rate, 48000 where that is not known or the codec's clock.
func Timescale(t *media.Track) int {
	switch {
	case t.Codec.Kind() == media.Video:
		return VideoTimescale
	case t.Codec == media.Opus || t.SampleRate <= 0:
		return defaultRate
	default:
		return t.SampleRate
	}
}

// check returns an error unless all tracks can be carried and there is one.
func check(ts media.Tracks) error {
	list := ts.Media()
	if len(list) == 0 {
		return errors.New("fmp4: no track")
	}
	for _, t := range list {
		if !Carries(t.Codec) {
			return fmt.Errorf("%w: %s", ErrCodec, t.Codec)
		}
	}
	return nil
}
