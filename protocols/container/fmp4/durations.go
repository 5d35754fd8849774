package fmp4

import (
	"time"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/ac3"
	"sluice/protocols/codec/mpa"
	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

const (
	// firstPicture is how long a picture lasts of which nothing is known.
	firstPicture = time.Second / 30
	// longestPicture bounds the time that a picture is said to last.
	longestPicture = time.Second
	// shortestPicture keeps decode times rising where a stream's do not.
	shortestPicture = time.Millisecond
)

// Durations gives each packet a duration as soon as it is there. It serves live
// players, who want no packet to wait for the next. The zero value is ready.
//
// Sound lasts as long as what its frame holds. A picture's duration is known
// only when the next has come, but an estimate will not do: a Media Source that
// finds a picture further from the one before than twice what that was said to
// last drops all up to the next key frame (W3C Media Source Extensions,
// Coded Frame Processing). So decode times are moved instead: a picture's begins
// where the one before was, and lasts until its own. Decode times lie one picture
// early and are exactly as far apart as the durations say; presentation times
// stay what they are.
type Durations struct {
	lanes [2]lane
	next  time.Duration // decode time of the next picture
}

// lane is what is known of one track.
type lane struct {
	last     time.Duration // DTS of the last packet
	begun    bool
	interval time.Duration // between the last two, 0 when unknown
	track    *media.Track
	nominal  time.Duration // of a frame, where the configuration tells
}

// Sample returns the packet with its duration; of a picture it is a copy with
// another DTS. Give it all packets of a stream in their order; script data lasts
// for nothing.
func (d *Durations) Sample(p *media.Packet) Sample {
	id := TrackID(p.Kind())
	if id == 0 {
		return Sample{Packet: p}
	}
	l := &d.lanes[id-1]
	if p.Kind() == media.Video {
		return d.picture(p, l)
	}
	l.see(p)
	return Sample{Packet: p, Duration: l.estimate(p)}
}

func (d *Durations) picture(p *media.Packet, l *lane) Sample {
	if !l.begun {
		l.begun, d.next = true, max(0, p.DTS-firstPicture)
	}
	moved := *p
	moved.DTS = d.next
	s := Sample{Packet: &moved, Duration: min(max(p.DTS-d.next, shortestPicture), longestPicture)}
	d.next += s.Duration
	return s
}

// see takes note of a packet.
func (l *lane) see(p *media.Packet) {
	if step := p.DTS - l.last; l.begun && step > 0 && step <= longestPicture {
		l.interval = step
	}
	if p.Track != l.track {
		l.track, l.nominal = p.Track, frameOf(p.Track)
	}
	l.last, l.begun = p.DTS, true
}

// estimate returns how long the packet lasts, more than 0.
func (l *lane) estimate(p *media.Packet) time.Duration {
	if l.nominal > 0 {
		return l.nominal
	}
	if d := frame(p); d > 0 {
		return d
	}
	if l.interval > 0 {
		return l.interval
	}
	return firstPicture
}

// frameOf returns the duration of every frame of a track, 0 where they differ
// or are not known.
func frameOf(t *media.Track) time.Duration {
	samples := 0
	switch t.Codec {
	case media.AAC:
		c, err := aac.ParseConfig(t.Config)
		if err != nil || c.FrameLength <= 0 || c.SampleRate <= 0 {
			return 0
		}
		return media.FromClock(int64(c.FrameLength), c.SampleRate)
	case media.FLAC:
		if len(t.Config) < streamInfoSize {
			return 0
		}
		// A stream has frames of one size where the smallest is the largest
		// (RFC 9639 8.2).
		if samples = int(t.Config[0])<<8 | int(t.Config[1]); samples != int(t.Config[2])<<8|int(t.Config[3]) {
			return 0
		}
	}
	if samples == 0 || t.SampleRate <= 0 {
		return 0
	}
	return media.FromClock(int64(samples), t.SampleRate)
}

// frame returns the duration that the packet itself tells, or 0.
func frame(p *media.Packet) time.Duration {
	switch p.Track.Codec {
	case media.Opus:
		if d, err := opus.Duration(p.Payload); err == nil {
			return d
		}
	case media.MP3:
		if h, err := mpa.ParseHeader(p.Payload); err == nil {
			return media.FromClock(int64(h.Samples), h.SampleRate)
		}
	case media.AC3, media.EAC3:
		if h, err := ac3.ParseHeader(p.Payload); err == nil {
			return media.FromClock(int64(h.Samples), h.SampleRate)
		}
	}
	return 0
}

// Pacer gives each packet its exact duration, which is known when the next one
// of its track comes: it holds back one packet of each track. It serves HLS and
// records, whose durations should add up. The zero value is ready.
type Pacer struct {
	durations Durations
	held      [2]*media.Packet
}

// Push takes the next packet of any track and returns the one before it of the
// same kind, ok when there was one. Script data is dropped.
func (p *Pacer) Push(pkt *media.Packet) (s Sample, ok bool) {
	id := TrackID(pkt.Kind())
	if id == 0 {
		return Sample{}, false
	}
	i := id - 1
	prev := p.held[i]
	p.held[i] = pkt
	if prev != nil {
		s = Sample{Packet: prev, Duration: max(0, pkt.DTS-prev.DTS)}
	}
	p.durations.lanes[i].see(pkt)
	return s, prev != nil
}

// Flush returns the packets that are held back, picture first, with estimated
// durations: at the end of a stream, of a file, or where latency counts. What
// comes after follows at its own DTS.
func (p *Pacer) Flush() []Sample {
	var list []Sample
	for i, pkt := range p.held {
		if pkt != nil {
			list = append(list, Sample{Packet: pkt, Duration: p.durations.lanes[i].estimate(pkt)})
		}
	}
	p.held = [2]*media.Packet{}
	return list
}
