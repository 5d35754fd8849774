package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// publishFile publishes a file with ffmpeg by RTSP, in real time and as it is.
func publishFile(t *testing.T, file, transport, url string) *process {
	t.Helper()
	return background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-re", "-i", file, "-c", "copy",
		"-f", "rtsp", "-rtsp_transport", transport, url)
}

// watchRTSP decodes some pictures of a stream and returns their hashes.
func watchRTSP(t *testing.T, transport, url string, pictures int) []string {
	t.Helper()
	return frameHashes(ffmpeg(t, "-v", "error", "-rtsp_transport", transport, "-i", url,
		"-map", "0:v", "-frames:v", fmt.Sprint(pictures), "-f", "framemd5", "-"))
}

// frameHashes are the hashes of a listing of ffmpeg's framemd5.
func frameHashes(listing []byte) (hashes []string) {
	for line := range strings.Lines(string(listing)) {
		if f := strings.Split(line, ","); len(f) >= 6 && !strings.HasPrefix(f[0], "#") {
			hashes = append(hashes, strings.TrimSpace(f[5]))
		}
	}
	return hashes
}

// TestRTSPS publishes and plays over TLS: pictures with B-frames come out as
// they went in.
func TestRTSPS(t *testing.T) {
	g := start(t)
	file := bframes.make(t, "25")
	publishFile(t, file, "tcp", "rtsps://"+g.rtsps+"/live/tls")
	g.live("live/tls", 2)
	got := watchRTSP(t, "tcp", "rtsps://"+g.rtsps+"/live/tls", 60)
	if whole := pictures(t, file); len(got) != 60 || !inside(got, whole) {
		t.Errorf("%d pictures are not a part of the %d published", len(got), len(whole))
	}
}

// TestRTSPAuth: ffmpeg authenticates itself by Digest with user and password,
// with a token as the password, and by a token in the URL; others are refused,
// as publishers and as players.
func TestRTSPAuth(t *testing.T) {
	g := start(t, `AUTH_USERS=[{name: cam, password: "p:w", publish: true}, {name: ann, password: eye, play: true}]`, "AUTH_PUBLISH_TOKENS=[tok]")
	file := videoOnly.make(t, "20")
	url := func(userinfo, stream, query string) string {
		if userinfo != "" {
			userinfo += "@"
		}
		return "rtsp://" + userinfo + g.rtsp + "/live/" + stream + query
	}
	for _, bad := range []string{url("", "no", ""), url("cam:wrong", "no", ""), url("ann:eye", "no", ""), url("", "no", "?token=x")} {
		cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", file, "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", bad)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "401") {
			t.Errorf("%s publishes: %s", bad, out)
		}
	}
	publishFile(t, file, "tcp", url("cam:p:w", "a", ""))
	publishFile(t, file, "udp", url("any:tok", "b", ""))
	publishFile(t, file, "tcp", url("", "c", "?token=tok"))
	for _, s := range []string{"a", "b", "c"} {
		g.live("live/"+s, 1)
	}
	for _, bad := range []string{url("", "a", ""), url("ann:nose", "a", ""), url("", "a", "?token=x")} {
		cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-rtsp_transport", "tcp", bad)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "401") {
			t.Errorf("%s plays: %s", bad, out)
		}
	}
	for _, good := range []string{url("ann:eye", "a", ""), url("cam:p:w", "b", ""), url("x:tok", "c", ""), url("", "a", "?token=tok")} {
		for _, transport := range []string{"tcp", "udp"} {
			if n := len(watchRTSP(t, transport, good, 10)); n != 10 {
				t.Errorf("%s over %s: %d pictures", good, transport, n)
			}
		}
	}
}

// TestRTSPPublisherCrash kills a publisher and starts it again: players over TCP
// and UDP stay, and see what it publishes anew.
func TestRTSPPublisherCrash(t *testing.T) {
	g := start(t)
	file := bframes.make(t, "25")
	whole := pictures(t, file)
	url := "rtsp://" + g.rtsp + "/live/crash"
	type watcher struct {
		transport string
		*process
	}
	var watchers []watcher
	for round := range 2 {
		publisher := publishFile(t, file, []string{"tcp", "udp"}[round], url)
		g.live("live/crash", 2)
		if round == 0 {
			for _, transport := range []string{"tcp", "udp"} {
				watchers = append(watchers, watcher{transport, background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error",
					"-rtsp_transport", transport, "-i", url, "-map", "0:v", "-f", "framemd5", "-flush_packets", "1", "-")})
			}
		}
		want := 90 * (round + 1)
		for _, w := range watchers {
			g.until(fmt.Sprintf("the player over %s has %d pictures", w.transport, want), func() bool {
				return len(frameHashes([]byte(w.log.String()))) >= want
			})
		}
		publisher.kill()
		g.until("the publisher is gone", func() bool { return !g.stream("live/crash").Live })
	}
	for _, w := range watchers {
		w.kill()
		got := frameHashes([]byte(w.log.String()))
		for i, h := range got {
			if !slices.Contains(whole, h) {
				t.Errorf("%s: picture %d of %d is none that was published", w.transport, i, len(got))
				break
			}
		}
	}
}

// TestRTSPPlayerLeaves: a player that is killed is gone from the list at once
// over TCP, and so is the publisher.
func TestRTSPPlayerLeaves(t *testing.T) {
	g := start(t)
	url := "rtsp://" + g.rtsp + "/live/leave"
	publisher := publishFile(t, zerolatency.make(t, "30"), "tcp", url)
	g.live("live/leave", 2)
	for _, transport := range []string{"tcp", "udp"} {
		p := background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-c", "copy", "-f", "null", "-")
		g.until("the player is there", func() bool {
			v := g.stream("live/leave").Viewers
			return len(v) == 1 && v[0].Protocol == "rtsp" && v[0].Bytes > 50_000
		})
		began := time.Now()
		p.kill()
		g.until("the player is gone", func() bool { return len(g.stream("live/leave").Viewers) == 0 })
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("the player over %s is gone after %v", transport, took)
		}
	}
	publisher.kill()
	g.until("the publisher is gone", func() bool { return !g.stream("live/leave").Live })
}
