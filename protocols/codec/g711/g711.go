// Package g711 has the facts of ITU-T G.711 sound: one byte per sample, no
// frames, no configuration.
package g711

import "sluice/server/media"

// Rate is the sample rate in Hz, and the RTP clock (RFC 3551 table 4).
const Rate = 8000

// Track returns the track of A-law (media.PCMA) or mu-law (media.PCMU) sound
// with the given number of channels.
func Track(codec media.Codec, channels int) *media.Track {
	return &media.Track{Codec: codec, SampleRate: Rate, Channels: channels}
}
