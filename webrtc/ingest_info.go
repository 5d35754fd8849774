package webrtc

import (
	"time"

	"sluice/server/media"
)

// info implements peer.
func (n *ingest) info() SessionInfo {
	i := SessionInfo{
		Info: n.pub.Info(), Connected: time.Duration(n.connected.Load()), Offered: n.local(), Transport: n.transport.Stats(),
		Tracks: []TrackInfo{},
	}
	if t := n.tracks.Load(); t != nil {
		i.Tracks = *t
	}
	return i
}

// snapshot notes the tracks' statistics for info.
func (n *ingest) snapshot() {
	tracks := []TrackInfo{}
	for _, r := range n.receivers {
		c := r.buffer.Counters()
		tracks = append(tracks, TrackInfo{
			Kind: r.kind.String(), Codec: r.codec.codec.String(), SSRC: r.ssrc, Layer: r.rid,
			Packets: r.packets, Resent: int64(c.Recovered), Lost: int64(c.Lost),
			Jitter: media.FromClock(int64(r.report.Jitter), r.codec.rate), KeyRequests: r.keyRequests,
		})
	}
	n.tracks.Store(&tracks)
}
