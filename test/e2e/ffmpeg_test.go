package e2e

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is media that a test publishes.
type source struct {
	name string
	args []string // ffmpeg's arguments between the inputs and the output
}

const (
	testVideo = "testsrc2=size=640x360:rate=30"
	testAudio = "sine=frequency=880:sample_rate=48000"
)

// make encodes a source of the given length into a FLV file.
func (s source) make(t *testing.T, seconds string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "source.flv")
	args := []string{"-v", "error", "-f", "lavfi", "-i", testVideo, "-f", "lavfi", "-i", testAudio, "-t", seconds}
	ffmpeg(t, append(append(args, s.args...), "-f", "flv", file)...)
	return file
}

var (
	zerolatency = source{"zerolatency, several slices", strings.Fields(
		"-map 0 -map 1 -c:v libx264 -preset ultrafast -tune zerolatency -x264-params slices=4:keyint=60:min-keyint=60 -pix_fmt yuv420p -c:a aac -b:a 128k -ac 2")}
	bframes = source{"B-frames", strings.Fields(
		"-map 0 -map 1 -c:v libx264 -preset veryfast -bf 3 -g 60 -pix_fmt yuv420p -c:a aac -b:a 128k -ac 2")}
	audioOnly = source{"sound only", strings.Fields("-map 1 -c:a aac -b:a 128k -ac 2")}
	videoOnly = source{"picture only", strings.Fields("-map 0 -c:v libx264 -preset ultrafast -tune zerolatency -g 60 -pix_fmt yuv420p")}
)

// ffmpeg runs to its end and returns what it printed on stdout.
func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	return output(t, "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-y"}, args...)...)
}

func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, _ := run(t, name, args...)
	return out
}

// stderr runs a program to its end and returns what it said.
func stderr(t *testing.T, name string, args ...string) string {
	t.Helper()
	_, said := run(t, name, args...)
	return said
}

func run(t *testing.T, name string, args ...string) (stdout []byte, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.Bytes())
	}
	return out, said.String()
}

// process is a program that runs beside the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{}
}

func background(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), log: &logBuffer{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process at once, as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	if p.t.Failed() {
		p.t.Logf("%s said:\n%s", p.cmd.Path, p.log.String())
	}
}

// push publishes a file in real time, as it is.
func push(t *testing.T, file, url string, options ...string) *process {
	t.Helper()
	args := append([]string{"-hide_banner", "-nostdin", "-v", "warning"}, options...)
	args = append(args, "-re", "-i", file, "-c", "copy", "-f", "flv", url)
	return background(t, "ffmpeg", args...)
}

// packets returns the hash of every packet of one kind (v or a), in decoding
// order.
func packets(t *testing.T, kind string, args ...string) (hashes []string) {
	t.Helper()
	args = append([]string{"-v", "error"}, args...)
	args = append(args, "-map", "0:"+kind, "-c", "copy", "-f", "framemd5", "-")
	lines := bufio.NewScanner(bytes.NewReader(ffmpeg(t, args...)))
	for lines.Scan() {
		if f := strings.Split(lines.Text(), ","); len(f) >= 6 && !strings.HasPrefix(f[0], "#") {
			hashes = append(hashes, strings.TrimSpace(f[5]))
		}
	}
	return hashes
}

// inside reports whether part stands, unbroken, somewhere in whole.
func inside(part, whole []string) bool {
	for i := range whole {
		if i+len(part) <= len(whole) && slices.Equal(part, whole[i:i+len(part)]) {
			return true
		}
	}
	return false
}
