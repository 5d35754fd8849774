package webrtc

import (
	"log/slog"
	"sync/atomic"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/server/media"
	"sluice/webrtc/repeat"
)

// bPictures counts what became of a stream's B pictures.
type bPictures struct {
	dropped, repeated, kept atomic.Int64
}

// straightener makes a stream's pictures come in the order in which they are
// shown: browsers' decoders know no other.
type straightener struct {
	log    *slog.Logger
	policy BFrames
	counts *bPictures
	warned bool

	newest time.Duration // latest PTS of a picture sent
	last   time.Duration // DTS of the picture before
	sent   []byte        // the newest picture sent as it was, until repeater knows it

	track     *media.Track // of what follows
	repeater  *repeat.Repeater
	subLayers uint8
}

// A repeat is shown a quarter of a picture's time after the picture before, within
// these bounds: late enough for an RTP timestamp of its own where a cached group is
// squeezed, and before the next picture whatever the order.
const (
	repeatEarliest = time.Millisecond
	repeatLatest   = 10 * time.Millisecond
)

// restart makes ready for another publisher.
func (s *straightener) restart() {
	s.newest, s.warned, s.sent = 0, false, nil
}

// straighten returns the picture to send, which is mostly p itself, or nil where
// there is none.
func (s *straightener) straighten(p *media.Packet) *media.Packet {
	after := min(max((p.DTS-s.last)/4, repeatEarliest), repeatLatest)
	s.last = p.DTS
	if p.Key || p.PTS >= s.newest {
		s.newest, s.sent = p.PTS, p.Payload
		return p
	}
	if s.policy == KeepB {
		s.counts.kept.Add(1)
		return p
	}
	if p.Track != s.track {
		s.retrack(p.Track)
	}
	if s.disposable(p) {
		s.counts.dropped.Add(1)
		s.warn("those that no other picture needs are left out")
		return nil
	}
	if s.repeater != nil {
		if s.sent != nil {
			s.repeater.Sent(s.sent)
			s.sent = nil
		}
		if payload, ok := s.repeater.Picture(p.Payload); ok {
			s.counts.repeated.Add(1)
			s.warn("other pictures refer to some of them, so that the picture will show faults between key frames")
			q := *p
			s.newest += after
			q.PTS, q.Payload = s.newest, payload
			return &q
		}
	}
	s.counts.kept.Add(1)
	s.warn("other pictures refer to some of them, so that they are sent and players may fail on them")
	return p
}

func (s *straightener) warn(what string) {
	if !s.warned {
		s.warned = true
		s.log.Warn("webrtc: the stream has B pictures, which browsers can't show", "effect", what,
			"advice", "set the encoder to 0 B frames (x264: bframes=0 or tune=zerolatency)")
	}
}

// retrack reads what must be known of a track.
func (s *straightener) retrack(t *media.Track) {
	s.track, s.repeater, s.subLayers = t, nil, 7 // the most that there can be
	switch t.Codec {
	case media.H264:
		if c, err := h264.ParseConfig(t.Config); err == nil {
			if r, ok := repeat.NewRepeater(c.SPS, c.PPS); ok {
				s.repeater = r
			}
		}
	case media.H265:
		c, err := h265.ParseConfig(t.Config)
		if err != nil {
			return
		}
		for _, unit := range c.Units(h265.TypeSPS) {
			if sps, err := h265.ParseSPS(unit); err == nil {
				s.subLayers = sps.SubLayers
			}
		}
	}
}

// disposable reports whether no other picture refers to this one.
func (s *straightener) disposable(p *media.Packet) bool {
	switch p.Track.Codec {
	case media.H264:
		return h264.Disposable(p.Payload)
	case media.H265:
		return h265.Disposable(p.Payload, s.subLayers)
	default:
		return false
	}
}
