package e2e

import (
	"math"
	"slices"
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

// TestSilentUntilSound publishes by WHIP with a microphone that is off for six
// seconds: players hear silence by every protocol, and then the tone, with no
// time going back.
func TestSilentUntilSound(t *testing.T) {
	g := start(t, `HUB_RULES=[{match: "live/quiet*", silent_audio: true}]`)
	b := browse(t)
	m := medium{name: "slices+Opus", video: "h264", audio: "opus", channels: 2, rate: 48000}.make(t, encodeSlices)
	s := readScript(t, m.file)
	s.units = slices.DeleteFunc(s.units, func(u unit) bool { return u.kind == "audio" && u.pts < 6*time.Second })
	publishScript(t, g, "live/quiet", s)
	g.live("live/quiet", 2)
	flv := players[2].record(t, g, "live/quiet", "")
	page := b.open(b.blank)
	defer page.close()
	page.whep(g, "live/quiet", "")
	for _, url := range []string{
		"rtsp://" + g.rtsp + "/live/quiet", "http://" + g.http + "/live/quiet.m3u8", "http://" + g.http + "/hls/live/quiet.m3u8",
	} {
		codecs := strings.Fields(string(output(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url)))
		if !slices.Contains(codecs, "h264") || !slices.Contains(codecs, "aac") && !slices.Contains(codecs, "opus") {
			t.Errorf("%s has %v", url, codecs)
		}
	}
	page.moves()
	page.hears(mediaHz)
	has(g, []*recording{flv}, true, 400)
	flv.stop()
	decodes(t, flv.file)
	for _, audio := range []bool{false, true} {
		last := time.Duration(-1)
		for _, x := range tags(flv.file) {
			if x.audio != audio {
				continue
			}
			if x.dts <= last {
				t.Errorf("sound %v: a tag at %v after one at %v", audio, x.dts, last)
			}
			last = x.dts
		}
	}
	list := tags(flv.file)
	if d := span(list, false) - span(list, true); d < -200*time.Millisecond || d > 200*time.Millisecond {
		t.Errorf("%v of sound beside %v of pictures", span(list, true), span(list, false))
	}
	// From a second after the tone began.
	if heard := pcm(t, flv.file); len(heard) < 9*48000 || math.Abs(pitch(heard[8*48000:])-mediaHz) > 10 {
		t.Errorf("then %d samples of sound with another tone", len(heard))
	}
}
