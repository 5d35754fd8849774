package mpegts

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/server/media"
)

// run runs a tool of ffmpeg and returns what it prints. Nothing but what is
// asked for may come: a warning fails the test.
func run(t *testing.T, tool string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is missing: install the package ffmpeg (%v)", tool, err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-v", "warning"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, stderr.Bytes())
	}
	return out
}

// source is what ffmpeg makes of its test picture and tone.
type source struct {
	name    string
	options []string
	format  string
	codecs  []string // as ffprobe names them
}

var sources = []source{
	{"H264 with B-frames and AAC", []string{"-c:v", "libx264", "-bf", "3", "-g", "25", "-c:a", "aac", "-ac", "2"}, "mpegts", []string{"h264", "aac"}},
	{"H264 with slices", []string{"-c:v", "libx264", "-tune", "zerolatency", "-x264-params", "slices=4:keyint=10", "-an"}, "mpegts", []string{"h264"}},
	{"H264 with open groups", []string{"-c:v", "libx264", "-bf", "2", "-x264-params", "open-gop=1:keyint=10", "-an"}, "mpegts", []string{"h264"}},
	{"H264, interlaced", []string{"-c:v", "libx264", "-flags", "+ilme+ildct", "-g", "25", "-an"}, "mpegts", []string{"h264"}},
	{"large pictures", []string{"-vf", "scale=1280:720,noise=alls=90:allf=t", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "5", "-g", "10", "-t", "0.5", "-an"}, "mpegts", []string{"h264"}},
	{"H265 with B-frames and Opus", []string{"-c:v", "libx265", "-x265-params", "log-level=error:bframes=3:keyint=25", "-c:a", "libopus", "-ar", "48000", "-ac", "2"}, "mpegts", []string{"hevc", "opus"}},
	{"one frame a second and AAC", []string{"-r", "1", "-c:v", "libx264", "-g", "2", "-bf", "0", "-c:a", "aac"}, "mpegts", []string{"h264", "aac"}},
	{"AAC", []string{"-vn", "-c:a", "aac", "-ar", "22050", "-ac", "1"}, "mpegts", []string{"aac"}},
	{"AAC 5.1", []string{"-vn", "-c:a", "aac", "-ac", "6"}, "mpegts", []string{"aac"}},
	{"AAC 7.1, several frames a packet", []string{"-vn", "-c:a", "aac", "-ac", "8", "-pes_payload_size", "16000"}, "mpegts", []string{"aac"}},
	{"MP3", []string{"-vn", "-c:a", "libmp3lame"}, "mpegts", []string{"mp3"}},
	{"MP2", []string{"-vn", "-c:a", "mp2"}, "mpegts", []string{"mp2"}},
	{"low-rate MP3", []string{"-vn", "-c:a", "libmp3lame", "-ar", "22050"}, "mpegts", []string{"mp3"}},
	{"Opus mono", []string{"-vn", "-c:a", "libopus", "-ar", "48000", "-ac", "1", "-frame_duration", "60"}, "mpegts", []string{"opus"}},
	{"Opus 5.1", []string{"-vn", "-c:a", "libopus", "-ar", "48000", "-ac", "6", "-b:a", "320k"}, "mpegts", []string{"opus"}},
	{"AC-3", []string{"-vn", "-c:a", "ac3", "-ac", "6"}, "mpegts", []string{"ac3"}},
	{"AC-3 in the way of DVB", []string{"-vn", "-c:a", "ac3", "-mpegts_flags", "system_b"}, "mpegts", []string{"ac3"}},
	{"E-AC-3", []string{"-vn", "-c:a", "eac3"}, "mpegts", []string{"eac3"}},
	{"LATM", []string{"-vn", "-c:a", "aac", "-mpegts_flags", "latm"}, "mpegts", []string{"aac"}},
}

// make makes a file of two seconds.
func (s source) make(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source."+s.format)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=f=440:r=44100"}
	args = append(append(args, s.options...), "-t", "2", "-f", s.format, path)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// readTS returns the packets of a file.
func readTS(t *testing.T, path string) []*media.Packet {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, errs := demux(file, 1000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return list
}

// probed is a packet as ffprobe sees it.
type probed struct {
	Kind  string `json:"codec_type"`
	PTS   int64
	DTS   int64
	Size  string
	Flags string
}

// TestFFmpeg reads what ffmpeg writes, finds the packets that ffprobe finds, writes
// them anew, and lets ffmpeg decode that to the same pictures and sound.
func TestFFmpeg(t *testing.T) {
	for _, s := range sources {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			path := s.make(t)
			list := readTS(t, path)
			comparePackets(t, list, path)
			mine := writeTS(t, list)
			if got := codecNames(t, mine); !slices.Equal(got, s.codecs) {
				t.Errorf("ffprobe finds %s", got)
			}
			for i := range s.codecs {
				if got, want := frames(t, mine, i), frames(t, path, i); got != want {
					t.Errorf("stream %d is decoded to something else:\n%.2000s\nsource:\n%.2000s", i, got, want)
				}
			}
		})
	}
}

func comparePackets(t *testing.T, got []*media.Packet, path string) {
	t.Helper()
	var list struct{ Packets []probed }
	if err := json.Unmarshal(run(t, "ffprobe", "-show_packets", "-of", "json", path), &list); err != nil {
		t.Fatal(err)
	}
	// Where a PES packet has several frames, ffprobe rounds the length of each.
	rounding := map[media.Kind]int64{media.Audio: 8}
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		mine := slices.DeleteFunc(slices.Clone(got), func(p *media.Packet) bool { return p.Kind() != kind })
		theirs := slices.DeleteFunc(slices.Clone(list.Packets), func(p probed) bool { return p.Kind != kind.String() })
		if len(mine) != len(theirs) {
			t.Fatalf("%d %s packets, ffprobe finds %d", len(mine), kind, len(theirs))
		}
		for i, p := range mine {
			w := theirs[i]
			dts, pts := media.ToClock(p.DTS, ClockRate)-w.DTS, media.ToClock(p.PTS, ClockRate)-w.PTS
			if max(dts, -dts, pts, -pts) > rounding[kind] || kind == media.Video && p.Key != (w.Flags[0] == 'K') {
				t.Errorf("%s packet %d: DTS %v, PTS %v, key %v; ffprobe: %+v", kind, i, p.DTS, p.PTS, p.Key, w)
			}
		}
	}
}

func codecNames(t *testing.T, path string) (names []string) {
	t.Helper()
	var found struct {
		Streams []struct {
			Codec string `json:"codec_name"`
		}
	}
	if err := json.Unmarshal(run(t, "ffprobe", "-show_streams", "-of", "json", path), &found); err != nil {
		t.Fatal(err)
	}
	for _, s := range found.Streams {
		names = append(names, s.Codec)
	}
	return names
}

func writeTS(t *testing.T, list []*media.Packet) string {
	t.Helper()
	out := mux(t, list)
	path := filepath.Join(t.TempDir(), "mine.ts")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// frames returns the hashes of the decoded frames of a stream.
func frames(t *testing.T, path string, n int) string {
	t.Helper()
	var list []string
	for line := range strings.Lines(string(run(t, "ffmpeg", "-i", path, "-map", "0:"+string(rune('0'+n)), "-f", "framehash", "-hash", "md5", "-"))) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(line, ",")
			list = append(list, fields[len(fields)-1])
		}
	}
	return strings.Join(list, "")
}
