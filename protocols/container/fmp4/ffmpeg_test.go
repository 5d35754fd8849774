package fmp4

import (
	"bytes"
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

// run runs a tool of ffmpeg and returns what it prints; a warning fails the test.
func runTool(t *testing.T, tool string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is missing: install the package ffmpeg (%v)", tool, err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-v", "warning"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, stderr.Bytes())
	}
	if stderr.Len() > 0 && !strings.Contains(strings.Join(args, " "), "lavfi") {
		t.Errorf("%s %v warns:\n%s", tool, args, stderr.Bytes())
	}
	return string(out)
}

// TestFromFLV carries ffmpeg's FLV over to MP4: the same frames at the same
// times.
func TestFromFLV(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source.flv")
	runTool(t, "ffmpeg", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=f=440:r=44100", "-t", "3",
		"-c:v", "libx264", "-bf", "3", "-g", "15", "-c:a", "aac", "-ac", "2", "-flvflags", "no_duration_filesize", source)
	file, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	packets := demuxFLV(t, file)
	var ts media.Tracks
	for _, p := range packets {
		ts = ts.With(p.Track)
	}
	ts = ts.Without(media.Data)
	out, err := Init(ts)
	if err != nil {
		t.Fatal(err)
	}
	var d Durations
	for i, p := range packets {
		if out, err = AppendFragment(out, uint32(i+1), []Sample{d.Sample(p)}); err != nil {
			t.Fatal(err)
		}
	}
	result := filepath.Join(t.TempDir(), "result.mp4")
	if err := os.WriteFile(result, out, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"v", "a"} {
		args := []string{"-map", "0:" + stream, "-f", "framehash", "-"}
		want := hashes(runTool(t, "ffmpeg", append([]string{"-i", source}, args...)...))
		got := hashes(runTool(t, "ffmpeg", append([]string{"-i", result}, args...)...))
		if len(want) < 60 || want != got {
			t.Errorf("%s: decodes to\n%s\nwant\n%s", stream, got, want)
		}
	}
}

// hashes keeps the hashes of a framehash listing.
func hashes(list string) string {
	var b strings.Builder
	for line := range strings.Lines(list) {
		if fields := strings.Split(line, ","); len(fields) == 6 {
			b.WriteString(fields[4] + fields[5])
		}
	}
	return b.String()
}

func demuxFLV(t *testing.T, file []byte) (packets []*media.Packet) {
	t.Helper()
	r := flv.NewReader(bytes.NewReader(file), 1<<24)
	var d flv.Demuxer
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if p != nil && p.Kind() != media.Data {
			packets = append(packets, p)
		}
	}
}
