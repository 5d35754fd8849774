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
	classics := []string{"slices+AAC", "B+AAC mono 22k", "H265+AAC 5.1", "slices+Opus", "B+PCMA", "slices+PCMU"}
	return []inlet{
		{
			"RTMP", append(classics[:len(classics):len(classics)], "slices+MP3"),
			func(t *testing.T, g *gateway, stream string, m medium) func() {
				if !classic(m.video, m.audio) {
					return publishEnhanced(t, g, filepath.Dir(stream), filepath.Base(stream), readScript(t, m.file))
				}
				return push(t, m.file, "rtmp://"+g.rtmp+"/"+stream).kill
			},
		},
		{"RTSP TCP", append(classics[:len(classics):len(classics)], "slices+MP3"), publishRTSP("tcp")},
		{"RTSP UDP", classics[:4], publishRTSP("udp")},
		{
			"HTTP-TS",
			[]string{"slices+MP3", "slices+MP2"},
			func(t *testing.T, g *gateway, stream string, m medium) func() {
				t.Helper()
				return background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-re", "-i", m.file, "-c", "copy",
					"-f", "mpegts", "-method", "POST", "http://"+g.http+"/"+stream+".ts").kill
			},
		},
		{
			"WHIP",
			[]string{"slices+Opus", "H265+Opus", "slices+PCMU"},
			func(t *testing.T, g *gateway, stream string, m medium) func() {
				return publishScript(t, g, stream, readScript(t, m.file))
			},
		},
	}
}

func publishRTSP(transport string) func(*testing.T, *gateway, string, medium) func() {
	return func(t *testing.T, g *gateway, stream string, m medium) func() {
		t.Helper()
		return background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-re", "-i", m.file, "-c", "copy",
			"-f", "rtsp", "-rtsp_transport", transport, "rtsp://"+g.rtsp+"/"+stream).kill
	}
}

// outlets are all ways to play; records is the folder of the server's records.
func outlets(records string) []outlet {
	flv := []string{"h264", "hevc", "aac", "mp3", "pcm_alaw", "pcm_mulaw"}
	ts := []string{"h264", "hevc", "aac", "mp3", "mp2"}
	rtsp := []string{"h264", "hevc", "aac", "opus", "mp3", "mp2", "pcm_alaw", "pcm_mulaw"}
	mp4 := []string{"h264", "hevc", "aac", "opus"}
	web := func(suffix string) func(g *gateway, stream string) string {
		return func(g *gateway, stream string) string { return "http://" + g.http + "/" + stream + suffix }
	}
	return []outlet{
		{name: "RTMP", passes: append(flv, "opus"), sound: "aac", record: playRTMP},
		{name: "HTTP-FLV", passes: flv, sound: "aac", record: playHTTPFLV},
		{name: "WS-FLV", passes: flv, sound: "aac", record: playWebSocket(".flv", 3)},
		{name: "HTTP-TS", passes: ts, sound: "aac", record: playFFmpeg(web(".ts"))},
		{name: "WS-TS", passes: append(ts, "opus"), sound: "aac", record: playWebSocket(".ts?opus=1", 3)},
		{name: "HTTP-MP4", passes: mp4, sound: "aac", record: playFFmpeg(web(".mp4"))},
		{name: "WS-MP4", passes: mp4, sound: "aac", record: playWebSocket(".mp4", 1)},
		{name: "RTSP TCP", passes: rtsp, settle: 0.25, record: playRTSP("tcp")},
		{name: "RTSP UDP", passes: rtsp, settle: 0.25, record: playRTSP("udp")},
		{name: "HLS fMP4", passes: []string{"h264", "hevc", "aac"}, sound: "aac", record: playFFmpeg(web(".m3u8"))},
		{name: "HLS TS", padded: true, passes: []string{"h264", "hevc", "aac", "mp3"}, sound: "aac", record: playFFmpeg(func(g *gateway, s string) string { return "http://" + g.http + "/hls/" + s + ".m3u8" })},
		{name: "WHEP", passes: []string{"h264", "hevc", "opus", "pcm_alaw", "pcm_mulaw"}, sound: "opus", drops: true, settle: 1.5, record: playWHEP},
		{name: "record FLV", passes: flv, sound: "aac", record: playRecord(records, ".flv")},
		{name: "record TS", passes: append(ts, "opus"), sound: "aac", record: playRecord(records, ".ts")},
		{name: "record MP4", passes: append(mp4, "mp3"), sound: "aac", record: playRecord(records, ".mp4")},
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
