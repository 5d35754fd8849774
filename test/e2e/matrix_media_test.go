package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// A medium is what one publisher of the matrix sends.
type medium struct {
	name         string
	video, audio string // codecs, by ffprobe's names
	channels     int    // of the sound
	rate         int    // of the sound, Hz
	bframes      int    // how many B pictures may stand in a row
	file         string // made by make
}

// The pictures of the matrix: each differs from all others, so that a decoded
// one says when its publisher meant it to be seen. A key frame comes each second.
const (
	mediaPictures = "testsrc2=size=320x180:rate=25"
	mediaFPS      = 25
	mediaGOP      = 25
	mediaSeconds  = "40"
)

// mediaSound is a quiet tone of 880 Hz that is loud for 100 ms once a second,
// never at the same part of the second, so that it fits onto itself in one
// place only.
const mediaSound = `aevalsrc=(0.08+0.7*between(t-floor(t)\,0.5*mod(floor(t)*0.618\,1)\,0.5*mod(floor(t)*0.618\,1)+0.1))*sin(2*PI*880*t):s=48000`

// mediaHz is the frequency of mediaSound.
const mediaHz = 880

var (
	encodeSlices  = "-c:v libx264 -preset ultrafast -tune zerolatency -x264-params slices=4:keyint=25:min-keyint=25:scenecut=0 -b:v 300k"
	encodeBFrames = "-c:v libx264 -preset veryfast -bf 3 -x264-params b-adapt=0:keyint=25:min-keyint=25:scenecut=0:open-gop=0 -b:v 300k"
	encodeH265    = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25:min-keyint=25:scenecut=0:open-gop=0:bframes="
	encodeSound   = map[string]string{
		"aac":       "-c:a aac -b:a 96k",
		"opus":      "-c:a libopus -b:a 48k",
		"mp3":       "-c:a libmp3lame -b:a 96k",
		"mp2":       "-c:a mp2 -b:a 160k",
		"pcm_alaw":  "-c:a pcm_alaw",
		"pcm_mulaw": "-c:a pcm_mulaw",
	}
)

// allMedia are what the matrix publishes.
func allMedia(t *testing.T) map[string]medium {
	t.Helper()
	out := map[string]medium{}
	for _, m := range []struct {
		medium
		pictures string
	}{
		{medium{name: "slices+AAC", video: "h264", audio: "aac", channels: 2, rate: 48000}, encodeSlices},
		{medium{name: "B+AAC mono 22k", video: "h264", audio: "aac", channels: 1, rate: 22050, bframes: 3}, encodeBFrames},
		{medium{name: "H265+AAC 5.1", video: "hevc", audio: "aac", channels: 6, rate: 48000, bframes: 2}, encodeH265 + "2"},
		{medium{name: "slices+Opus", video: "h264", audio: "opus", channels: 2, rate: 48000}, encodeSlices},
		{medium{name: "H265+Opus", video: "hevc", audio: "opus", channels: 2, rate: 48000}, encodeH265 + "0"},
		{medium{name: "B+PCMA", video: "h264", audio: "pcm_alaw", channels: 1, rate: 8000, bframes: 3}, encodeBFrames},
		{medium{name: "slices+PCMU", video: "h264", audio: "pcm_mulaw", channels: 1, rate: 8000}, encodeSlices},
		{medium{name: "slices+MP3", video: "h264", audio: "mp3", channels: 2, rate: 44100}, encodeSlices},
		{medium{name: "slices+MP2", video: "h264", audio: "mp2", channels: 2, rate: 48000}, encodeSlices},
	} {
		out[m.name] = m.make(t, m.pictures)
	}
	return out
}

// make encodes the medium into a file that keeps exact times.
func (m medium) make(t *testing.T, pictures string) medium {
	t.Helper()
	suffix := ".mp4"
	if strings.HasPrefix(m.audio, "pcm") {
		suffix = ".mov"
	} else if m.audio == "mp2" {
		suffix = ".nut" // in MP4 it would read as MP3
	}
	m.file = filepath.Join(t.TempDir(), strings.NewReplacer(" ", "_", "+", "_").Replace(m.name)+suffix)
	layout := map[int]string{1: "mono|c0=c0", 2: "stereo|c0=c0|c1=c0", 6: "5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"}[m.channels]
	args := []string{"-v", "error", "-f", "lavfi", "-i", mediaPictures, "-f", "lavfi", "-i", mediaSound, "-t", mediaSeconds, "-pix_fmt", "yuv420p"}
	args = append(args, strings.Fields(pictures)...)
	args = append(args, "-af", "pan="+layout, "-ar", itoa(m.rate))
	args = append(args, strings.Fields(encodeSound[m.audio])...)
	ffmpeg(t, append(args, m.file)...)
	return m
}
