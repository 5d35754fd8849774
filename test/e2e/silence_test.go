package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestSilentAudio publishes pictures alone where a rule asks for silent sound:
// players get AAC that decodes to nothing, as long as the pictures.
func TestSilentAudio(t *testing.T) {
	g := start(t, `HUB_RULES=[{match: "live/quiet*", silent_audio: true}]`)
	file := videoOnly.make(t, "8")
	push(t, file, "rtmp://"+g.rtmp+"/live/quiet")
	g.live("live/quiet", 2)
	r := players[2].record(t, g, "live/quiet", "")
	has(g, []*recording{r}, false, 75)
	r.stop()
	decodes(t, r.file)
	pictures, sound := span(tags(r.file), false), span(tags(r.file), true)
	if d := pictures - sound; d < -100*time.Millisecond || d > 100*time.Millisecond {
		t.Errorf("%v of silence beside %v of pictures", sound, pictures)
	}
	volume := stderr(t, "ffmpeg", "-hide_banner", "-nostdin", "-i", r.file, "-map", "0:a", "-af", "volumedetect", "-f", "null", "-")
	if !strings.Contains(volume, "Audio: aac (LC), 48000 Hz, stereo") || !strings.Contains(volume, "max_volume: -91.0 dB") {
		t.Errorf("not silent AAC:\n%s", volume)
	}
}

// span is how much time a recording's pictures or sound cover.
func span(list []tag, audio bool) time.Duration {
	var first, last time.Duration
	begun := false
	for _, g := range list {
		if g.audio != audio {
			continue
		}
		if !begun {
			first, begun = g.dts, true
		}
		last = g.dts
	}
	return last - first
}
