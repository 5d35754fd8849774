package transcode

import (
	"fmt"

	"sluice/server/hub"
	"sluice/server/media"
)

// Silence returns silent AAC, stereo at 48 kHz, for hub.Options.
func Silence() (*hub.Silence, error) {
	cfg := DefaultConfig()
	e, track, err := cfg.newEncoder(media.AAC, 2)
	if err != nil {
		return nil, fmt.Errorf("silent sound: %w", err)
	}
	// A frame of silence refers to no other, so one serves for all.
	frame, err := e.Encode(make([]float32, e.FrameSize()*track.Channels), nil)
	if err != nil {
		return nil, fmt.Errorf("silent sound: %w", err)
	}
	return &hub.Silence{Track: track, Payload: frame, Samples: e.FrameSize()}, nil
}
