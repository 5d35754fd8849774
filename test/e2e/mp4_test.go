package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

//go:embed testdata/mse.js
var mseScript string

// TestMP4 records fragmented MP4 by all four ways while the publisher is killed
// and comes back: packets are the source's, unbroken but for the seam, from a key
// frame on, and time rises.
func TestMP4(t *testing.T) {
	g := start(t)
	file := bframes.make(t, "6")
	publisher := push(t, file, "rtmp://"+g.rtmp+"/live/mp4")
	g.live("live/mp4", 2)
	records := map[string]*recording{}
	for scheme, host := range map[string]string{"http": g.http, "https": g.https, "ws": g.http, "wss": g.https} {
		p := player{"MP4", scheme, func(_ *gateway, s string) string { return scheme + "://" + host + "/" + s + ".mp4" }}
		records[scheme] = p.record(t, g, "live/mp4", "")
	}
	grow := func(what string, by int64) {
		before := map[string]int64{}
		size := func(scheme string) int64 {
			info, err := os.Stat(records[scheme].file)
			if err != nil {
				return 0
			}
			return info.Size()
		}
		for scheme := range records {
			before[scheme] = size(scheme)
		}
		g.until(what, func() bool {
			for scheme := range records {
				if size(scheme) < before[scheme]+by {
					return false
				}
			}
			return true
		})
	}
	grow("media is recorded", 100_000)
	publisher.kill()
	push(t, file, "rtmp://"+g.rtmp+"/live/mp4")
	grow("media is recorded after the publisher came back", 150_000)
	for scheme, r := range records {
		r.stop()
		t.Run(scheme, func(t *testing.T) {
			for _, kind := range []string{"v", "a"} {
				got, source := packets(t, kind, "-i", r.file), packets(t, kind, "-i", file)
				first := stretch(got, source)
				if len(got) < 60 || first == 0 || first == len(got) || stretch(got[first:], source) != len(got)-first {
					t.Errorf("%s: of %d packets %d are the source's in order, and then %d", kind, len(got), first, stretch(got[first:], source))
				}
			}
			checkProbe(t, r.file)
		})
	}
}

// stretch returns how many packets from the start of part stand unbroken in whole.
func stretch(part, whole []string) int {
	n := 0
	for n < len(part) && inside(part[:n+1], whole) {
		n++
	}
	return n
}

// checkProbe demands of a file what a player does.
func checkProbe(t *testing.T, file string) {
	t.Helper()
	if said := stderr(t, "ffmpeg", "-v", "warning", "-nostdin", "-i", file, "-f", "null", "-"); strings.TrimSpace(said) != "" {
		t.Errorf("ffmpeg warns:\n%s", said)
	}
	var list struct {
		Packets []struct {
			Kind  string `json:"codec_type"`
			DTS   string `json:"dts_time"`
			Flags string
		}
	}
	if err := json.Unmarshal(output(t, "ffprobe", "-v", "error", "-show_packets", "-of", "json", file), &list); err != nil {
		t.Fatal(err)
	}
	last := map[string]time.Duration{}
	for i, p := range list.Packets {
		at, err := time.ParseDuration(p.DTS + "s")
		if err != nil {
			t.Fatal(err)
		}
		prev, seen := last[p.Kind]
		if seen && at <= prev {
			t.Errorf("%s packet %d at %v after %v", p.Kind, i, at, prev)
		}
		if !seen && p.Kind == "video" && p.Flags[0] != 'K' {
			t.Errorf("begins with a picture that is no key frame")
		}
		last[p.Kind] = at
	}
	if d := last["video"] - last["audio"]; d < -200*time.Millisecond || d > 200*time.Millisecond {
		t.Errorf("picture ends at %v, sound at %v", last["video"], last["audio"])
	}
}

// TestMP4InBrowser plays fragmented MP4 as Chromium can: by Media Source
// Extensions over fetch and over a WebSocket, and as the source of a video
// element. The picture moves, the tone is heard, and time has begun at 0.
func TestMP4InBrowser(t *testing.T) {
	g := start(t)
	loop(t, bframes.make(t, "10"), "rtmp://"+g.rtmp+"/live/mp4")
	g.live("live/mp4", 2)
	began := time.Now()
	g.until("the stream is some seconds old", func() bool { return time.Since(began) > 5*time.Second })
	b := browse(t)
	for _, c := range []struct{ name, play string }{
		{"MSE over fetch", fmt.Sprintf("e2e.mse('http://%s/live/mp4.mp4')", g.http)},
		{"MSE over WebSocket", fmt.Sprintf("e2e.mse('ws://%s/live/mp4.mp4')", g.http)},
		{"video element", fmt.Sprintf("void Object.assign(document.querySelector('video'), {crossOrigin: 'anonymous', src: 'http://%s/live/mp4.mp4'})", g.http)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := b.in(t).open(b.blank)
			p.run(mseScript)
			p.run("e2e.asked = performance.now()")
			p.run(c.play)
			p.run("e2e.listen()")
			p.moves()
			p.hears(880)
			// The stream has been live for longer than the page.
			if late := eval[float64](p, "document.querySelector('video').currentTime - (performance.now() - e2e.asked) / 1000"); late > 2 {
				t.Errorf("the page is at a time %.1f s later than it has played for", late)
			}
		})
	}
}

// TestMP4Change lets a publisher come back with another size of picture: a page
// goes on by the new media type and initialisation segment, and ffmpeg, which
// takes one of these only, by the parameter sets in the pictures.
func TestMP4Change(t *testing.T) {
	g := start(t)
	publisher := loop(t, bframes.make(t, "4"), "rtmp://"+g.rtmp+"/live/mp4")
	g.live("live/mp4", 2)
	b := browse(t)
	p := b.open(b.blank)
	p.run(mseScript)
	p.run(fmt.Sprintf("e2e.mse('ws://%s/live/mp4.mp4')", g.http))
	p.until("a picture is there", "document.querySelector('video').videoWidth == 640")
	ff := background(t, "ffmpeg", "-hide_banner", "-nostdin", "-i", "http://"+g.http+"/live/mp4.mp4", "-map", "0:v", "-copyts", "-vf", "showinfo", "-f", "null", "-")
	g.until("ffmpeg shows pictures", func() bool { return strings.Count(ff.log.String(), " s:640x360 ") > 30 })
	publisher.kill()
	small := source{"small", strings.Fields("-map 0 -map 1 -s 320x180 -c:v libx264 -preset ultrafast -g 30 -pix_fmt yuv420p -c:a aac -b:a 128k -ac 2")}
	loop(t, small.make(t, "4"), "rtmp://"+g.rtmp+"/live/mp4")
	p.until("the page has the new picture", "document.querySelector('video').videoWidth == 320")
	p.until("the new picture moves", "await e2e.motion() > 1")
	if types := eval[[]string](p, "e2e.player.types"); len(types) != 2 {
		t.Errorf("the page was told %q", types)
	}
	g.until("ffmpeg shows new pictures", func() bool { return strings.Count(ff.log.String(), " s:320x180 ") > 30 })
	if log := ff.log.String(); strings.Contains(log, "rror") {
		t.Errorf("ffmpeg found errors")
	}
}

// TestMP4BrowserToBrowser publishes from one page by WHIP and plays in another by
// Media Source Extensions: Opus stays Opus, and VP9 and AV1 go as well as H264.
func TestMP4BrowserToBrowser(t *testing.T) {
	g := start(t)
	b := browse(t)
	for codec, name := range map[string]string{"H264": "avc1.", "VP9": "vp09.", "AV1": "av01."} {
		t.Run(codec, func(t *testing.T) {
			g, b := g.in(t), b.in(t)
			stream := "live/mp4" + codec
			b.open(b.blank).whip(g, stream, "video: '"+codec+"'")
			g.live(stream, 2)
			p := b.open(b.blank)
			p.run(mseScript)
			p.run(fmt.Sprintf("e2e.mse('ws://%s/%s.mp4')", g.http, stream))
			p.moves()
			p.until("sound is decoded", "document.querySelector('video').webkitAudioDecodedByteCount > 0")
			types := eval[[]string](p, "e2e.player.types")
			if !strings.Contains(types[0], name) || !strings.HasSuffix(types[0], `,opus"`) {
				t.Errorf("media type %q", types)
			}
		})
	}
}
