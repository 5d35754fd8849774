package webrtc

import (
	"time"

	"sluice/server/hub"
	"sluice/webrtc/transport"
)

// SessionInfo is a snapshot of a session for the API.
type SessionInfo struct {
	hub.Info
	// Connected is how long it took until media could flow; 0 before that.
	Connected time.Duration `json:"connect_time"`
	// Offered are the server's candidates, Transport has the client's that met them.
	Offered   []string        `json:"local_candidates"`
	Transport transport.Stats `json:"transport"`
	Tracks    []TrackInfo     `json:"tracks"`
	// These count the stream's B pictures since its first WebRTC viewer came: those
	// left out, those that others refer to and that a repeat of the picture before
	// took the place of, and those sent.
	BFramesDropped  int64 `json:"b_frames_dropped,omitempty"`
	BFramesRepeated int64 `json:"b_frames_repeated,omitempty"`
	BFramesKept     int64 `json:"b_frames_kept,omitempty"`
}

// TrackInfo is what there is to say of one track.
type TrackInfo struct {
	Kind  string `json:"kind"`
	Codec string `json:"codec"`
	SSRC  uint32 `json:"ssrc"`
	// Layer is the name of a publisher's simulcast layer.
	Layer   string `json:"layer,omitempty"`
	Packets int64  `json:"packets"`
	// Resent counts retransmissions (sent to a viewer, or got from a publisher),
	// Unanswered what was asked for and not to be had any more.
	Resent     int64 `json:"resent"`
	Unanswered int64 `json:"unanswered"`
	// Lost counts packets that never came, by the receiver's report.
	Lost int64 `json:"lost"`
	// Jitter is the receiver's, RTT by its reports (viewers only).
	Jitter time.Duration `json:"jitter"`
	RTT    time.Duration `json:"rtt,omitempty"`
	// KeyRequests counts the key frames asked for (PLI and FIR).
	KeyRequests int64 `json:"key_requests"`
}
