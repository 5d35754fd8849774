package rtmp

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ffmpeg runs ffmpeg and returns what it prints and its log.
func ffmpeg(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	args = append([]string{"-hide_banner", "-nostdin", "-loglevel", "warning"}, args...)
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var out, log strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	return out.String(), log.String(), err
}

func mustFFmpeg(t *testing.T, args ...string) string {
	t.Helper()
	out, log, err := ffmpeg(testContext(t), args...)
	if err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, log)
	}
	return out
}

// sample makes a short FLV file: 3 s of picture with B-frames, and sound.
func sample(t *testing.T, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sample.flv")
	args := []string{
		"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=3",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac",
	}
	mustFFmpeg(t, append(append(args, more...), "-f", "flv", file)...)
	return file
}

// hashes returns a line for each packet, with its times and its hash.
func hashes(t *testing.T, input string) string {
	t.Helper()
	return mustFFmpeg(t, "-i", input, "-c", "copy", "-f", "framehash", "-hash", "md5", "-")
}

// packets makes a line for each packet: stream, composition time, hash. The
// times themselves are left out, as players shift them to their own start.
func packets(hashes string) (list []string) {
	for line := range strings.Lines(hashes) {
		f := strings.Split(strings.ReplaceAll(line, " ", ""), ",")
		if strings.HasPrefix(line, "#") || len(f) < 6 {
			continue
		}
		dts, _ := strconv.Atoi(f[1])
		pts, _ := strconv.Atoi(f[2])
		list = append(list, fmt.Sprintf("%s %d %s", f[0], pts-dts, strings.TrimSpace(f[5])))
	}
	return list
}

// Every packet that ffmpeg publishes reaches an ffmpeg that plays, bit by bit.
func TestFFmpegToFFmpeg(t *testing.T) {
	t.Parallel()
	file := sample(t)
	want := packets(hashes(t, file))
	for _, name := range []string{"live/one", "one", "live/a/b?token=x"} {
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			r := newRelay()
			s := startServer(t, r)
			path, _, _ := strings.Cut(name, "?")
			url := "rtmp://" + s.addr + "/" + name
			played := make(chan string)
			go func() {
				out, log, err := ffmpeg(testContext(t), "-rw_timeout", "20000000", "-i", url, "-c", "copy", "-f", "framehash", "-hash", "md5", "-")
				if err != nil {
					t.Errorf("player: %v\n%s", err, log)
				}
				played <- out
			}()
			r.waitPlayers(t, path, 1)
			mustFFmpeg(t, "-i", file, "-c", "copy", "-f", "flv", url)
			got := packets(<-played)
			if len(want) < 100 || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%d packets played, %d published; they differ", len(got), len(want))
			}
			for _, req := range r.requests() {
				if req.Path != path || req.Query.Get("token") != map[bool]string{true: "x"}[strings.Contains(name, "?")] {
					t.Errorf("request for %q, query %v", req.Path, req.Query)
				}
			}
		})
	}
}

// ffmpeg shows its user what the server says.
func TestFFmpegShowsStatuses(t *testing.T) {
	t.Parallel()
	r := newRelay()
	r.publish = func(*PublishSession) error {
		return &StatusError{CodePublishBadName, "somebody publishes already"}
	}
	s := startServer(t, r)
	_, log, err := ffmpeg(testContext(t), "-i", sample(t), "-c", "copy", "-f", "flv", "rtmp://"+s.addr+"/live/one")
	if err == nil || !strings.Contains(log, "somebody publishes already") {
		t.Errorf("publisher: %v\n%s", err, log)
	}
	_, log, err = ffmpeg(testContext(t), "-i", "rtmp://"+s.addr+"/live/none", "-f", "null", "-")
	if err == nil || !strings.Contains(log, "no such stream") {
		t.Errorf("player: %v\n%s", err, log)
	}
}

// The server that the client is tested with is one that ffmpeg can log in to.
func TestFFmpegAdobeAuth(t *testing.T) {
	t.Parallel()
	r := newRelay()
	r.connect = adobeServer("user", "password")
	s := startServer(t, r)
	if _, log, err := ffmpeg(testContext(t), "-i", sample(t), "-c", "copy", "-f", "flv", "rtmp://user:password@"+s.addr+"/live/one"); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	if _, _, err := ffmpeg(testContext(t), "-i", sample(t), "-c", "copy", "-f", "flv", "rtmp://user:wrong@"+s.addr+"/live/one"); err == nil {
		t.Error("a wrong password is good enough")
	}
}

// RTMPS with ffmpeg, which does not check certificates.
func TestFFmpegRTMPS(t *testing.T) {
	t.Parallel()
	r := newRelay()
	s := startServer(t, r)
	p, err := testClient().Play(testContext(t), "rtmps://"+s.tlsAddr+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r.waitPlayers(t, "live/one", 1)
	mustFFmpeg(t, "-i", sample(t), "-c", "copy", "-f", "flv", "rtmps://"+s.tlsAddr+"/live/one")
	got, err := readAll(p)
	if err != nil || len(got) < 200 {
		t.Errorf("%d messages, %v", len(got), err)
	}
}
