package hls

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/hub"
)

func TestFromTheFirstSecond(t *testing.T) {
	within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
		r.publish()
		time.Sleep(300 * ms)
		var video string
		if d := took(func() { video = r.begin("/live/a.m3u8") }); d < 1600*ms || d > 1800*ms {
			t.Errorf("the first playlist took %v", d)
		}
		p := r.playlist(video)
		if len(p.segments) != 1 || p.sequence != 0 || p.target != 2 {
			t.Errorf("%s", p.text)
		}
		// The next part, and its hint, come within a part's time.
		for part := range 12 {
			target := fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", video, 1+part/10, part%10)
			var next *listed
			d := took(func() { next = r.playlist(target) })
			if d > 250*ms || len(next.open.parts)+10*(len(next.segments)-1) < part+1 {
				t.Errorf("part %d after %v: %s", part, d, next.text)
			}
			if d := took(func() { r.ok(path.Dir(video) + "/" + next.hint) }); d > 250*ms {
				t.Errorf("the hint of part %d took %v", part, d)
			}
		}
	})
}

// TestLongGroup: the first player of a stream's life has to wait for the first group
// of pictures, however long it is, and is not turned away.
func TestLongGroup(t *testing.T) {
	within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
		r.source.group = 250
		r.publish()
		for _, target := range []string{"/live/a.m3u8", "/hls/live/a.m3u8"} {
			r.begin(target)
		}
		if p := r.playlist(r.begin("/live/a.m3u8")); p.target != 10 || !p.independent {
			t.Errorf("%s", p.text)
		}
	})
}

// TestRunningStream: the first player of a stream that has been on for a while waits
// for nothing: what the hub holds is segmented at once.
func TestRunningStream(t *testing.T) {
	for _, group := range []int{25, 50, 250} {
		within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
			r.source.group = group
			r.publish()
			time.Sleep(21 * time.Second)
			for _, target := range []string{"/live/a.m3u8", "/hls/live/a.m3u8"} {
				var list string
				if d := took(func() { list = r.begin(target) }); d > 100*ms {
					t.Errorf("groups of %d: %s took %v", group, target, d)
				}
				p := r.playlist(list)
				if !p.independent || p.target != max(2, group/25) || time.Since(p.segments[0].time) < 8*time.Second || time.Since(p.segments[len(p.segments)-1].time) > 12*time.Second {
					t.Errorf("groups of %d: %s", group, p.text)
				}
			}
		})
	}
}

func TestNobodyPublishes(t *testing.T) {
	within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
		if d := took(func() { r.code(http.StatusNotFound, "/live/a.m3u8") }); d != 8*time.Second {
			t.Errorf("took %v", d)
		}
		synctest.Wait()
		if r.hub.Find("live/a") != nil || len(r.handler.runs) != 0 {
			t.Error("something is left")
		}
		go func() {
			time.Sleep(3 * time.Second)
			r.publish()
		}()
		r.begin("/live/a.m3u8")
	})
	hc := hub.DefaultConfig()
	hc.ViewerWait = 0
	within(t, DefaultConfig(), hc, func(r *rig) {
		if d := took(func() { r.code(http.StatusNotFound, "/hls/a.m3u8") }); d != 0 {
			t.Errorf("took %v", d)
		}
	})
}

func TestBlockingReload(t *testing.T) {
	within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
		r.publish()
		video := r.begin("/live/a.m3u8")
		time.Sleep(10 * time.Second)
		p := r.playlist(video)
		open, parts := p.sequence+uint64(len(p.segments)), len(p.open.parts)
		for _, query := range []string{
			"_HLS_part=1", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=1&_HLS_part=x",
			fmt.Sprintf("_HLS_msn=%d", open+2), fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", open, parts+14),
		} {
			r.code(http.StatusBadRequest, video+"?"+query)
		}
		for query, want := range map[string]time.Duration{
			"_HLS_msn=0":                                    0, // long there
			fmt.Sprintf("_HLS_msn=%d", open-1):              0,
			fmt.Sprintf("_HLS_msn=%d&_HLS_part=99", open-2): 0,
			"_HLS_skip=YES":                                 2 * time.Second, // a plain reload with nothing new
		} {
			if d := took(func() { r.ok(video + "?" + query) }); d > want {
				t.Errorf("%s took %v", query, d)
			}
		}
		p = r.playlist(video + fmt.Sprintf("?_HLS_msn=%d", open+1))
		if got := p.sequence + uint64(len(p.segments)); got != open+2 {
			t.Errorf("asked for segment %d, and %d is in the making", open+1, got)
		}
		// A part past a segment's last one is the first of the next.
		p = r.playlist(video + fmt.Sprintf("?_HLS_msn=%d&_HLS_part=99", open+1))
		if got := p.sequence + uint64(len(p.segments)); got != open+2 || len(p.open.parts) == 0 {
			t.Errorf("%s", p.text)
		}
		// A publisher that is silent.
		r.stall()
		next := fmt.Sprintf("?_HLS_msn=%d", open+3)
		if d := took(func() { r.code(http.StatusServiceUnavailable, video+next) }); d != 6*time.Second {
			t.Errorf("503 after %v", d)
		}
		// One that is away.
		r.leave()
		time.Sleep(time.Second)
		if d := took(func() { p = r.playlist(video + next) }); d != time.Second {
			t.Errorf("the unchanged playlist after %v", d)
		}
	})
}

func TestHTTP(t *testing.T) {
	within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
		r.publish()
		time.Sleep(5 * time.Second)
		video := r.begin("/live/a.m3u8")
		dir := path.Dir(video) + "/"
		p := r.playlist(video)
		segment := dir + p.segments[0].uri
		whole := r.get(segment)
		for _, c := range []struct {
			name, method, target string
			header               []string
			code                 int
			want                 map[string]string
			body                 string
		}{
			{"segment", "GET", segment, nil, 200, map[string]string{
				"Content-Type": "video/iso.segment", "Cache-Control": "public, max-age=31536000, immutable",
				"Accept-Ranges": "bytes", "Access-Control-Allow-Origin": "*",
			}, whole.Body.String()},
			{"init", "GET", dir + p.segments[0].initial, nil, 200, map[string]string{"Content-Type": "video/mp4"}, ""},
			{"range", "GET", segment, []string{"Range", "bytes=4-7"}, 206, map[string]string{"Content-Length": "4"}, "moof"},
			{"bad range", "GET", segment, []string{"Range", "bytes=99999999-"}, 416, nil, ""},
			{"not modified", "GET", segment, []string{"If-None-Match", whole.Header().Get("Etag")}, 304, nil, ""},
			{"head", "HEAD", segment, nil, 200, map[string]string{"Content-Length": fmt.Sprint(whole.Body.Len())}, ""},
			{"playlist", "GET", video, nil, 200, map[string]string{"Content-Type": playlistType, "Cache-Control": "no-store", "Vary": "Accept-Encoding"}, ""},
			{"head of playlist", "HEAD", video, nil, 200, map[string]string{"Content-Type": playlistType}, ""},
			{"head of multivariant", "HEAD", "/live/a.m3u8", nil, 200, map[string]string{"Content-Type": playlistType}, ""},
			{"head of nothing", "HEAD", "/live/nobody.m3u8", nil, 404, nil, ""},
			{"suffix range", "GET", segment, []string{"Range", "bytes=-3"}, 206, map[string]string{"Content-Length": "3"}, whole.Body.String()[whole.Body.Len()-3:]},
			{"options", "OPTIONS", video, nil, 204, map[string]string{"Access-Control-Allow-Methods": "GET, HEAD, OPTIONS"}, ""},
			{"post", "POST", "/live/a.m3u8", nil, 405, map[string]string{"Allow": "GET, HEAD, OPTIONS"}, ""},
			{"bad name", "GET", "/live/%20.m3u8", nil, 400, nil, ""},
			{"way out", "GET", "/hls/../../etc/@AAAAAAAAAAAAAAAA/passwd", nil, 400, nil, ""},
			{"way out of a folder", "GET", "/hls/live/a/@AAAAAAAAAAAAAAAA/../x.ts", nil, 404, nil, ""},
			{"no file", "GET", dir + "x.m4s", nil, 404, nil, ""},
			{"no playlist", "GET", dir + "live.m3u8", nil, 503, nil, ""},
			{"no session", "GET", "/live/a/@x/video.m3u8", nil, 404, nil, ""},
			{"another stream's session", "GET", strings.Replace(video, "/a/", "/b/", 1), nil, 404, nil, ""},
			{"the other form's session", "GET", "/hls" + video, nil, 404, nil, ""},
		} {
			w := r.do(c.method, c.target, c.header...)
			if w.Code != c.code {
				t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
			}
			for k, v := range c.want {
				if w.Header().Get(k) != v {
					t.Errorf("%s: %s is %q", c.name, k, w.Header().Get(k))
				}
			}
			if c.body != "" && w.Body.String() != c.body {
				t.Errorf("%s: %d bytes", c.name, w.Body.Len())
			}
			if c.method == "HEAD" && w.Code == http.StatusOK && w.Body.Len() > 0 {
				t.Errorf("%s: with a body", c.name)
			}
		}
		packed := r.get(video, "Accept-Encoding", "br, gzip;q=0.5")
		z, err := gzip.NewReader(packed.Body)
		if err != nil || packed.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%v %v", err, packed.Header())
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		parsePlaylist(t, string(text))
		synctest.Wait() // no part of this instant is still to come
		tag := r.get(video + "?_HLS_msn=0").Header().Get("Etag")
		r.code(http.StatusNotModified, video+"?_HLS_msn=0", "If-None-Match", tag)
		r.code(http.StatusNotModified, video+"?_HLS_msn=0", "If-None-Match", `"other", W/`+tag)
		r.code(http.StatusOK, video+"?_HLS_msn=0", "If-None-Match", `"other"`)
	})
}

func TestSessions(t *testing.T) {
	within(t, DefaultConfig(), hub.DefaultConfig(), func(r *rig) {
		r.token = "secret"
		r.publish()
		time.Sleep(5 * time.Second)
		r.code(http.StatusUnauthorized, "/live/a.m3u8")
		if w := r.do(http.MethodHead, "/live/a.m3u8"); w.Code != http.StatusUnauthorized {
			t.Errorf("HEAD without a token: %d", w.Code)
		}
		if w := r.do(http.MethodHead, "/live/a.m3u8?token=secret"); w.Code != http.StatusOK {
			t.Errorf("HEAD with one: %d", w.Code)
		}
		r.code(http.StatusUnauthorized, "/live/a/@AAAAAAAAAAAAAAAA/video.m3u8")
		var videos []string
		for range 3 {
			videos = append(videos, r.begin("/live/a.m3u8?token=secret"))
		}
		if players, segmenters := r.viewers(); players != 3 || segmenters != 1 {
			t.Errorf("%d players, %d segmenters", players, segmenters)
		}
		// Bytes count, each for its own.
		segment := path.Dir(videos[0]) + "/" + r.playlist(videos[0]).segments[0].uri
		size := len(r.ok(segment))
		for _, v := range r.hub.Find("live/a").Viewers() {
			if v.Internal {
				continue
			}
			if has := v.Info().Bytes > int64(size); has != strings.Contains(segment, v.ID()) || v.Protocol != "ll-hls" {
				t.Errorf("%+v", v.Info())
			}
		}
		// One that is kicked gets nothing more, not even what it waits for.
		var kicked *hub.Viewer
		for _, v := range r.hub.Find("live/a").Viewers() {
			if strings.Contains(videos[0], v.ID()) {
				kicked = v
			}
		}
		p := r.playlist(videos[0])
		go func() {
			time.Sleep(ms)
			kicked.Kick()
		}()
		r.code(http.StatusForbidden, videos[0]+fmt.Sprintf("?_HLS_msn=%d", p.sequence+uint64(len(p.segments))))
		r.code(http.StatusForbidden, segment)
		// One that is silent goes; it may come back with its token.
		for range 16 {
			time.Sleep(2 * time.Second)
			r.ok(videos[1])
		}
		if players, _ := r.viewers(); players != 1 {
			t.Errorf("%d players", players)
		}
		r.code(http.StatusForbidden, videos[0])
		r.code(http.StatusUnauthorized, videos[2])
		r.ok(videos[2] + "?token=secret")
		r.ok(videos[2])
		if players, _ := r.viewers(); players != 2 {
			t.Errorf("%d players", players)
		}
		// When all have gone the segmenter stops.
		time.Sleep(70 * time.Second)
		if players, segmenters := r.viewers(); players != 0 || segmenters != 0 {
			t.Errorf("%d players, %d segmenters are left", players, segmenters)
		}
		synctest.Wait()
		if said := r.said.String(); !strings.Contains(said, errTimeout.Error()) || !strings.Contains(said, errIdle.Error()) {
			t.Errorf("the log does not say why they end:\n%s", said)
		}
	})
}

func TestPublisherComesBack(t *testing.T) {
	hc := hub.DefaultConfig()
	hc.ReconnectWait = 20 * time.Second
	within(t, DefaultConfig(), hc, func(r *rig) {
		r.publish()
		time.Sleep(5 * time.Second)
		video := r.begin("/live/a.m3u8")
		v := newValidator(t)
		look := func(n int) {
			for range n {
				time.Sleep(100 * ms)
				v.check(r.handler.runs[form{stream: "live/a"}].scene.view.Load().lead.snap.Load())
				r.ok(video + "?_HLS_msn=0")
			}
		}
		look(50)
		r.leave()
		look(100)
		r.publish()
		look(50)
		p := r.playlist(video)
		if strings.Count(p.text, "#EXT-X-DISCONTINUITY\n") != 1 || p.sequence != 0 {
			t.Errorf("%s", p.text)
		}
		r.leave()
		look(210)
		if p := r.playlist(video); !p.end {
			t.Fatalf("no end: %s", p.text)
		}
		// Another publisher begins new playlists, for the same players too.
		r.publish()
		time.Sleep(5 * time.Second)
		if p := r.playlist(video); p.end || p.sequence != 0 {
			t.Errorf("%s", p.text)
		}
		if players, segmenters := r.viewers(); players != 1 || segmenters != 1 {
			t.Errorf("%d players, %d segmenters", players, segmenters)
		}
	})
}

// TestNextLife: who plays on what the last playlist of a life has listed finds it for
// that playlist's duration, though there is a publisher again and with it another life.
func TestNextLife(t *testing.T) {
	for _, dir := range []string{"", "disk"} {
		cfg, hc := DefaultConfig(), hub.DefaultConfig()
		cfg.EndAfter = 3 * time.Second
		if dir != "" {
			cfg.TS.Dir = t.TempDir()
		}
		within(t, cfg, hc, func(r *rig) {
			r.publish()
			time.Sleep(30 * time.Second)
			lists := map[string]string{}
			for _, target := range []string{"/live/a.m3u8", "/hls/live/a.m3u8"} {
				lists[r.begin(target)] = ""
			}
			time.Sleep(10 * time.Second)
			r.leave()
			time.Sleep(4 * time.Second)
			for list := range lists {
				p := r.playlist(list)
				if !p.end {
					t.Errorf("%s", p.text)
				}
				lists[list] = path.Dir(list) + "/" + p.segments[len(p.segments)-1].uri
			}
			r.publish()
			for range 5 {
				time.Sleep(2 * time.Second)
				for list, file := range lists {
					if p := r.playlist(list); p.end || strings.Contains(p.text, path.Base(file)) {
						t.Errorf("not the next life: %s", p.text)
					}
					r.ok(file)
				}
			}
			time.Sleep(30 * time.Second)
			for list, file := range lists {
				r.ok(list)
				r.code(http.StatusNotFound, file)
			}
			if left, _ := filepath.Glob(filepath.Join(cfg.TS.Dir, "live/a/record-*")); len(left) != 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

func TestAlways(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Always, cfg.TS.Always = []string{"live/*"}, []string{"other/*", "live/a"}
	within(t, cfg, hub.DefaultConfig(), func(r *rig) {
		for range 2 {
			r.publish()
			time.Sleep(2 * time.Minute)
			if players, segmenters := r.viewers(); players != 0 || segmenters != 2 {
				t.Errorf("%d players, %d segmenters", players, segmenters)
			}
			p := r.playlist(r.begin("/hls/a/record.m3u8"))
			if len(p.segments) != 59 && len(p.segments) != 60 || p.end {
				t.Errorf("%d segments", len(p.segments))
			}
			r.leave()
			time.Sleep(2*time.Minute + time.Second)
			if _, segmenters := r.viewers(); segmenters != 0 {
				t.Errorf("%d segmenters", segmenters)
			}
		}
	})
}

// TestRecordOnDisk plays the record by its URLs, in each mode.
func TestRecordOnDisk(t *testing.T) {
	for _, mode := range []Mode{Keep, Ended, Rolling} {
		t.Run(string(mode), func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.TS.Mode, cfg.TS.Dir, cfg.TS.Segments = mode, t.TempDir(), 3
			hc := hub.DefaultConfig()
			hc.ReconnectWait, hc.ViewerWait = 5*time.Second, 0
			within(t, cfg, hc, func(r *rig) {
				r.publish()
				r.begin("/hls/live/a/playlist.m3u8")
				live := r.begin("/hls/a.m3u8")
				for range 20 {
					time.Sleep(2 * time.Second)
					if p := r.playlist(live); len(p.segments) > 3 {
						t.Errorf("%s", p.text)
					}
				}
				time.Sleep(100 * ms) // off the segments' edge
				synctest.Wait()
				files, _ := filepath.Glob(filepath.Join(cfg.TS.Dir, "live/a/*.ts"))
				if mode == Rolling {
					if len(files) > 8 {
						t.Errorf("%d files", len(files))
					}
					r.code(http.StatusNotFound, "/hls/a/record.m3u8")
					return
				}
				record := r.begin("/hls/a/record.m3u8")
				p := r.playlist(record)
				if len(p.segments) < 19 || p.end || len(files) != len(p.segments) {
					t.Errorf("%d files; %s", len(files), p.text)
				}
				first := path.Dir(record) + "/" + p.segments[0].uri
				r.ok(first)
				r.leave()
				time.Sleep(6 * time.Second)
				if p := r.playlist(record); !p.end || !strings.Contains(p.text, "VOD") {
					t.Errorf("%s", p.text)
				}
				time.Sleep(time.Minute)
				_, err := os.Stat(filepath.Join(cfg.TS.Dir, "live/a"))
				if mode == Ended {
					if !errors.Is(err, os.ErrNotExist) {
						t.Errorf("the folder is still there: %v", err)
					}
					r.code(http.StatusNotFound, "/hls/a/record.m3u8")
					return
				}
				record = r.begin("/hls/a/record.m3u8")
				if p := r.playlist(record); !p.end || len(p.segments) < 19 {
					t.Errorf("%s", p.text)
				}
				r.ok(path.Dir(record) + "/" + p.segments[0].uri)
			})
		})
	}
}
