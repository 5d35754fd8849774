package hub

import "sluice/server/media"

// TrackInfo is a track as people see it. What is 0 is unknown.
type TrackInfo struct {
	Kind       string `json:"kind"`
	Codec      string `json:"codec"`
	Width      int    `json:"width,omitempty"` // in pixels
	Height     int    `json:"height,omitempty"`
	SampleRate int    `json:"sample_rate,omitempty"` // in Hz
	Channels   int    `json:"channels,omitempty"`
}

// TrackInfos describes the picture and sound tracks of a set; the list is never
// nil.
func TrackInfos(ts media.Tracks) []TrackInfo {
	list := []TrackInfo{}
	for _, t := range ts.Media() {
		list = append(list, TrackInfo{
			Kind: t.Codec.Kind().String(), Codec: t.Codec.String(), Width: t.Width, Height: t.Height,
			SampleRate: t.SampleRate, Channels: t.Channels,
		})
	}
	return list
}
