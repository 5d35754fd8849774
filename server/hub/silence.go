package hub

import (
	"time"

	"sluice/server/media"
)

// Silence is one packet of silent sound, which can be repeated for ever.
type Silence struct {
	Track   *media.Track
	Payload []byte
	// Samples is the packet's length at the track's sample rate.
	Samples int
}

// maxQuiet is the longest hole in the pictures that is filled with silence.
const maxQuiet = time.Second

// quiet is where a stream's silent sound stands.
type quiet struct {
	track *media.Track // that base belongs to; nil while there is none
	base  time.Duration
	count int64 // packets since base
}

// allTracks returns the publisher's tracks, with silent sound where pictures
// have none, or none that was ever heard.
func (p *Publisher) allTracks() *media.Tracks {
	ts := p.tracks
	if p.silence != nil && !p.heard && ts.Video != nil {
		ts = ts.With(p.silence.Track)
	}
	return &ts
}

// fill appends the silent sound that belongs before a picture. The pictures
// are its clock.
func (s *Stream) fill(pkt *media.Packet) {
	p := s.air.publisher
	if p.silence == nil || pkt.Kind() != media.Video {
		return
	}
	q, track := &s.air.quiet, p.silence.Track
	if p.heard {
		q.track = nil
		return
	}
	next := func() time.Duration {
		return q.base + media.FromClock(q.count*int64(p.silence.Samples), track.SampleRate)
	}
	if q.track != track || next() < pkt.DTS-maxQuiet {
		*q = quiet{track: track, base: max(pkt.DTS, s.air.line.track[media.Audio].last)}
	}
	for ; next() < pkt.DTS; q.count++ {
		at := next()
		s.air.line.pass(media.Audio, at)
		s.append(&media.Packet{Track: track, DTS: at, PTS: at, Arrival: pkt.Arrival, Payload: p.silence.Payload})
	}
}
