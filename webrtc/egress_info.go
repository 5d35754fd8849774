package webrtc

import (
	"time"

	"sluice/server/media"
)

// info implements peer.
func (e *egress) info() SessionInfo {
	i := SessionInfo{
		Info: e.viewer.Info(), Connected: time.Duration(e.connected.Load()), Offered: e.local(), Transport: e.transport.Stats(),
		Tracks: []TrackInfo{},
	}
	if u := e.newest.Load(); u != nil {
		i.BFramesDropped, i.BFramesRepeated, i.BFramesKept = u.b.dropped.Load(), u.b.repeated.Load(), u.b.kept.Load()
	}
	for _, s := range []*sender{e.video, e.audio} {
		if s == nil {
			continue
		}
		t := s.info()
		if s.kind == media.Video {
			t.KeyRequests = e.keysAsked.Load()
		}
		i.Tracks = append(i.Tracks, t)
	}
	return i
}

func (s *sender) info() TrackInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := TrackInfo{
		Kind: s.kind.String(), SSRC: s.ssrc, Packets: int64(s.packets), Resent: s.resent, Unanswered: s.unknown,
		Lost: s.seen.lost, Jitter: s.seen.jitter, RTT: s.seen.rtt,
	}
	if s.codec.Codec != media.CodecUnknown {
		t.Codec = s.codec.Codec.String()
	}
	return t
}
