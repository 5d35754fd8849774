package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// hlsURLs are where a stream is played by HLS.
func hlsURLs(g *gateway, stream string) map[string]string {
	return map[string]string{
		"CMAF":    "http://" + g.http + "/" + stream + ".m3u8",
		"MPEG-TS": "http://" + g.http + "/hls/" + stream + "/playlist.m3u8",
		"record":  "http://" + g.http + "/hls/" + stream + "/record.m3u8",
	}
}

// TestHLSFrames: what ffmpeg plays of all forms are the source's own pictures and
// sound, without a gap, and ffprobe has nothing to say against them.
func TestHLSFrames(t *testing.T) {
	g := start(t, "HLS_TS_ALWAYS=live/*")
	for i, s := range []source{zerolatency, bframes, audioOnly} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := g.in(t)
			file := s.make(t, "30")
			name := fmt.Sprintf("live/%d", i)
			push(t, file, "rtmp://"+g.rtmp+"/"+name)
			tracks := 2
			if s.name == audioOnly.name {
				tracks = 1
			}
			g.live(name, tracks)
			for form, url := range hlsURLs(g, name) {
				if said := stderr(t, "ffprobe", "-v", "warning", "-show_streams", url); said != "" {
					t.Errorf("%s: ffprobe says %s", form, said)
				}
				record := filepath.Join(t.TempDir(), "played.mkv")
				ffmpeg(t, "-v", "error", "-i", url, "-t", "4", "-map", "0", "-c", "copy", record)
				if s.name != audioOnly.name {
					// Where ffmpeg stops, pictures that are shown earlier may be missing.
					shown := pictures(t, record)
					piece(t, form, pictures(t, file), shown[:max(0, len(shown)-4)], 90)
				}
				piece(t, form, packets(t, "a", "-i", file), packets(t, "a", "-i", record), 150)
			}
		})
	}
}

// piece demands that got is a piece of want, with least items.
func piece(t *testing.T, what string, want, got []string, least int) {
	t.Helper()
	for at := range want {
		if len(got) >= least && len(want)-at >= len(got) && slices.Equal(want[at:at+len(got)], got) {
			return
		}
	}
	t.Errorf("%s: %d are no piece of the source's %d", what, len(got), len(want))
}

// TestHLSKilled: after kill -9 what is on disk plays, from the first packet on.
func TestHLSKilled(t *testing.T) {
	dir := t.TempDir()
	env := []string{"HLS_TS_DIR=" + dir, "HLS_TS_MODE=keep", "HLS_TS_ALWAYS=live/*"}
	file := zerolatency.make(t, "30")
	g := start(t, env...)
	push(t, file, "rtmp://"+g.rtmp+"/live/a")
	g.until("the record on disk has three segments", func() bool {
		list, _ := os.ReadFile(filepath.Join(dir, "live/a/record.m3u8"))
		return bytes.Count(list, []byte(".ts\n")) >= 3
	})
	_ = g.cmd.Process.Kill()
	<-g.ended
	g.ended <- nil // stop has nothing to stop
	again := start(t, env...)
	for _, url := range []string{"http://" + again.http + "/hls/a/record.m3u8", filepath.Join(dir, "live/a/record.m3u8")} {
		record := filepath.Join(t.TempDir(), "played.mkv")
		ffmpeg(t, "-v", "error", "-i", url, "-map", "0", "-c", "copy", record)
		want, got := pictures(t, file), pictures(t, record)
		if len(got) < 150 || len(got) > len(want) || !slices.Equal(want[:len(got)], got) {
			t.Errorf("%s has %d pictures, not the source's first", url, len(got))
		}
		piece(t, url, packets(t, "a", "-i", file), packets(t, "a", "-i", record), 200)
	}
}

// hlsPlayers are the ways to play HLS in a browser: a script that is run in a
// page with a video.
var hlsPlayers = map[string]string{
	"native":              `video.src = %q`,
	"hls.js":              `e2e.hls(%q, {lowLatencyMode: false})`,
	"hls.js, low latency": `e2e.hls(%q, {lowLatencyMode: true})`,
}

// TestHLSBrowser: Chromium's own player and hls.js play both forms from the
// stream's first second, and go on when the publisher was killed and is back, at
// once, or later and with pictures of another size.
func TestHLSBrowser(t *testing.T) {
	script := hlsLibrary.read(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	}))
	defer server.Close()
	g := start(t)
	b := browse(t)
	file := zerolatency.make(t, "10")
	pages := map[string]*tab{}
	for form, url := range hlsURLs(g, "live/a") {
		if form == "record" {
			continue
		}
		for name, script := range hlsPlayers {
			p := b.open(b.blank)
			p.run(fmt.Sprintf(`new Promise((ok, no) => {
				window.video = document.querySelector('video');
				video.crossOrigin = 'anonymous';
				video.onerror = () => console.log('video error', video.error.message);
				e2e.hls = (url, options) => {
					window.hls = new Hls(options);
					hls.on(Hls.Events.ERROR, (_, d) => console.log(d.fatal ? 'fatal' : 'error', d.details, d.error));
					hls.loadSource(url);
					hls.attachMedia(video);
				};
				const s = document.createElement('script');
				s.src = %q; s.onload = ok; s.onerror = no;
				document.head.append(s);
			})`, server.URL))
			pages[form+" by "+name] = p
			defer p.close()
			p.run("window.begin = () => { " + fmt.Sprintf(script, url) + " }")
		}
	}
	first := push(t, file, "rtmp://"+g.rtmp+"/live/a", "-stream_loop", "-1")
	g.live("live/a", 2)
	for _, p := range pages {
		p.run("begin()")
	}
	playing := func(when string) {
		t.Helper()
		for name, p := range pages {
			at := eval[float64](p, "video.currentTime")
			p.until(fmt.Sprintf("%s, %s: time goes on", name, when), fmt.Sprintf("video.currentTime > %v", at+1.5))
			p.until(fmt.Sprintf("%s, %s: sound is decoded", name, when), "video.webkitAudioDecodedByteCount > 20000")
			p.moves()
		}
	}
	playing("at the start")
	for name, p := range pages {
		low := name == "CMAF by hls.js, low latency"
		if parts := eval[bool](p, "performance.getEntriesByType('resource').some((e) => /[.]p[0-9]+[.]m4s/.test(e.name))"); parts != low {
			t.Errorf("%s: parts were fetched: %v", name, parts)
		}
		if low {
			t.Logf("%s is %.1f s behind", name, eval[float64](p, "hls.latency"))
		}
	}
	other := zerolatency
	other.args = append([]string{"-s", "480x270"}, other.args...)
	for _, again := range []struct {
		when, file string
		after      time.Duration
	}{
		{"after a break", file, 0},
		{"after another one, with another size", other.make(t, "10"), 3 * time.Second},
	} {
		first.kill()
		g.until("the publisher has gone", func() bool { return !g.stream("live/a").Live })
		<-time.After(again.after)
		first = push(t, again.file, "rtmp://"+g.rtmp+"/live/a", "-stream_loop", "-1")
		g.live("live/a", 2)
		playing(again.when)
	}
	if players := len(g.stream("live/a").Viewers) - 2; players < len(pages) || players > len(pages)+1 {
		t.Errorf("%d sessions for %d players", players, len(pages)) // one has just left
	}
}
