package mpegts

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/protocols/container/flv"
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

var flvSources = []source{
	{"H264 with B-frames and AAC", []string{"-c:v", "libx264", "-bf", "3", "-g", "25", "-c:a", "aac", "-ac", "2"}, "flv", []string{"h264", "aac"}},
	{"H264 with slices", []string{"-c:v", "libx264", "-tune", "zerolatency", "-x264-params", "slices=4:keyint=10", "-an"}, "flv", []string{"h264"}},
	{"MP3", []string{"-vn", "-c:a", "libmp3lame"}, "flv", []string{"mp3"}},
	{"low-rate MP3", []string{"-vn", "-c:a", "libmp3lame", "-ar", "22050"}, "flv", []string{"mp3"}},
}

// make makes a file of three seconds.
func (s source) make(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source."+s.format)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=f=440:r=44100", "-t", "3"}
	args = append(append(args, s.options...), "-f", s.format, path)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// readFLV returns the packets of a file.
func readFLV(t *testing.T, path string) (list []*media.Packet) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, d := flv.NewReader(bytes.NewReader(file), flv.MaxBody), flv.Demuxer{}
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if p != nil && p.Kind() != media.Data {
			list = append(list, p)
		}
	}
}

func writeTS(t *testing.T, list []*media.Packet) string {
	t.Helper()
	m := NewMuxer(MuxerConfig{})
	var out []byte
	var err error
	for _, p := range list {
		if out, err = m.AppendPacket(out, p); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "mine.ts")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFFmpegReads lets ffmpeg decode what the Muxer writes to the same pictures
// and sound as the source.
func TestFFmpegReads(t *testing.T) {
	for _, s := range flvSources {
		t.Run(s.name, func(t *testing.T) {
			path := s.make(t)
			mine := writeTS(t, readFLV(t, path))
			var found struct {
				Streams []struct {
					Codec string `json:"codec_name"`
				}
			}
			if err := json.Unmarshal(run(t, "ffprobe", "-show_streams", "-of", "json", mine), &found); err != nil {
				t.Fatal(err)
			}
			var codecs []string
			for _, s := range found.Streams {
				codecs = append(codecs, s.Codec)
			}
			if got := strings.Join(codecs, " "); got != strings.Join(s.codecs, " ") {
				t.Errorf("ffprobe finds %s", got)
			}
			for i := range codecs {
				if got, want := frames(t, mine, i), frames(t, path, i); got != want {
					t.Errorf("stream %d is decoded to something else:\n%.2000s\nsource:\n%.2000s", i, got, want)
				}
			}
		})
	}
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
