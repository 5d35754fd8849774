package e2e

import (
	"path/filepath"
	"testing"
)

// An inlet is one way to publish.
type inlet struct {
	name    string
	media   []string // what of allMedia it carries
	publish func(t *testing.T, g *gateway, stream string, m medium) (kill func())
}

// inlets are all ways to publish. WHIP has neither AAC nor B pictures: browsers
// send none.
func inlets() []inlet {
	return []inlet{
		{
			"RTMP", []string{"slices+AAC", "B+AAC mono 22k", "H265+AAC 5.1", "slices+Opus", "B+PCMA", "slices+PCMU"},
			func(t *testing.T, g *gateway, stream string, m medium) func() {
				if !classic(m.video, m.audio) {
					return publishEnhanced(t, g, filepath.Dir(stream), filepath.Base(stream), readScript(t, m.file))
				}
				return push(t, m.file, "rtmp://"+g.rtmp+"/"+stream).kill
			},
		},
		{
			"WHIP", []string{"slices+Opus", "H265+Opus", "slices+PCMU"},
			func(t *testing.T, g *gateway, stream string, m medium) func() {
				return publishScript(t, g, stream, readScript(t, m.file))
			},
		},
	}
}

// outlets are all ways to play.
func outlets() []outlet {
	flv := []string{"h264", "hevc", "aac", "pcm_alaw", "pcm_mulaw"}
	ts := []string{"h264", "hevc", "aac"}
	return []outlet{
		{name: "RTMP", passes: append(flv, "opus"), sound: "aac", record: playRTMP},
		{name: "HTTP-FLV", passes: flv, sound: "aac", record: playHTTPFLV},
		{name: "HTTP-TS", passes: ts, sound: "aac", record: playFFmpeg(func(g *gateway, s string) string { return "http://" + g.http + "/" + s + ".ts" })},
		{name: "WHEP", passes: []string{"h264", "hevc", "opus", "pcm_alaw", "pcm_mulaw"}, sound: "opus", drops: true, settle: 1.5, record: playWHEP},
	}
}

func playRTMP(t *testing.T, g *gateway, stream string, w want) *capture {
	t.Helper()
	if !classic(w.video, w.audio) {
		return playRTMPTags(t, g, filepath.Dir(stream), filepath.Base(stream), w)
	}
	return playFFmpeg(func(g *gateway, s string) string { return "rtmp://" + g.rtmp + "/" + s })(t, g, stream, w)
}

func playHTTPFLV(t *testing.T, g *gateway, stream string, w want) *capture {
	t.Helper()
	url := func(g *gateway, s string) string { return "http://" + g.http + "/" + s + ".flv" }
	if !classic(w.video, w.audio) {
		return playFLVTags(t, url(g, stream), w)
	}
	return playFFmpeg(url)(t, g, stream, w)
}
