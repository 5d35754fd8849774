package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// disc is a finished record as the API lists it.
type disc struct {
	ID, Stream, Format, File, Reason, URL string
	Duration                              float64
	Size                                  int64
	Tracks                                []struct{ Codec string }
}

// records are what the API knows of them.
type records struct {
	Running []struct {
		ID, Stream, Format, State, File, Error string
		Bytes                                  int64
	}
	Finished []disc
}

func (g *gateway) records() (list records) {
	g.t.Helper()
	g.call(http.MethodGet, "/api/v1/records", "", http.StatusOK, &list)
	slices.Reverse(list.Finished) // the oldest first
	return list
}

// call asks the API; into may be nil.
func (g *gateway) call(method, path, body string, want int, into any) {
	g.t.Helper()
	req, err := http.NewRequest(method, "http://"+g.api+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		g.t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			g.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// url is where a record is to be had.
func (g *gateway) url(d disc) string { return "http://" + g.http + d.URL }

// crash ends the server at once.
func (g *gateway) crash() {
	_ = g.cmd.Process.Kill()
	<-g.ended
	g.ended <- nil
}

// pictureSums returns the hash of every decoded picture.
func pictureSums(t *testing.T, input string) (hashes []string) {
	t.Helper()
	for line := range strings.Lines(string(ffmpeg(t, "-v", "error", "-i", input, "-map", "0:v", "-f", "framemd5", "-"))) {
		if f := strings.Split(line, ","); len(f) >= 6 && line[0] != '#' {
			hashes = append(hashes, strings.TrimSpace(f[5]))
		}
	}
	return hashes
}

// lasts has ffprobe say how long something is, in seconds.
func lasts(t *testing.T, input string) float64 {
	t.Helper()
	out := output(t, "ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", input)
	d, err := strconv.ParseFloat(string(bytes.TrimSpace(out)), 64)
	if err != nil {
		t.Fatalf("%s: the duration is %q", input, out)
	}
	return d
}

func recordRule(formats, segment string) string {
	return fmt.Sprintf(`RECORD_RULES=[{match: "live/*", formats: [%s], segment_duration: %s}]`, formats, segment)
}

// TestRecordsOfAllFormatsWhileLive records by rule in files of some seconds, and
// by request, and plays all by HTTP.
func TestRecordsOfAllFormatsWhileLive(t *testing.T) {
	file := bframes.make(t, "7")
	g := start(t, "RECORD_DIR="+t.TempDir(), recordRule("flv, mpegts, fmp4, hls", "3s"), "RECORD_CLOSE_AFTER=1s", "AUTH_PLAY_TOKENS=p")
	ff := push(t, file, "rtmp://"+g.rtmp+"/live/rec?token=p")
	g.live("live/rec", 2)
	var asked struct{ ID string }
	g.call(http.MethodPost, "/api/v1/records", `{"stream":"live/rec","format":"flv","path":"asked/{app}-{stream}"}`, http.StatusCreated, &asked)
	g.until("five records run", func() bool {
		n := 0
		for _, r := range g.records().Running {
			if r.State == "recording" && r.Bytes > 100_000 {
				n++
			}
		}
		return n == 5
	})
	g.call(http.MethodDelete, "/api/v1/records/"+asked.ID, "", http.StatusNoContent, nil)
	<-ff.done
	g.until("all are finished", func() bool {
		list := g.records()
		return len(list.Running) == 0 && len(list.Finished) == 4*2+1
	})

	pictures := pictureSums(t, file)
	got := map[string][]string{}
	for _, d := range g.records().Finished {
		if strings.HasPrefix(d.File, "asked/") {
			if d.File != "asked/live-rec.flv" || !strings.Contains(d.Reason, "operator") {
				t.Errorf("asked for was %+v", d)
			}
			continue
		}
		url := g.url(d) + "?token=p"
		got[d.Format] = append(got[d.Format], pictureSums(t, url)...)
		if s := lasts(t, url); math.Abs(s-d.Duration) > 0.15 || d.Format == "flv" && math.Abs(s-d.Duration) > 0.001 {
			t.Errorf("%s: ffprobe says %v s, the list %v", d.File, s, d.Duration)
		}
		if len(d.Tracks) != 2 {
			t.Errorf("%s: tracks %v", d.File, d.Tracks)
		}
	}
	for format, list := range got {
		// The viewers came when the stream was there: they have all from its first key frame.
		if !slices.Equal(list, pictures) {
			t.Errorf("%s: %d pictures of %d, or others", format, len(list), len(pictures))
		}
	}
	page := browse(t)
	for _, d := range g.records().Finished {
		if d.Format == "flv" || d.Format == "fmp4" {
			checkRanges(t, g, d)
		}
		if d.Duration > 3 && (d.Format == "fmp4" || d.Format == "hls") {
			checkBrowser(page, g.url(d)+"?token=p", d.Duration)
		}
	}
}

// checkBrowser has Chromium's <video> play a record and seek in it.
func checkBrowser(b *chromium, url string, duration float64) {
	b.t.Helper()
	p := b.open(b.blank)
	defer p.close()
	got := eval[[]float64](p, fmt.Sprintf(`new Promise((done, failed) => {
		const v = document.querySelector('video')
		v.onerror = () => failed(new Error(v.error.message))
		v.onloadeddata = () => { v.currentTime = 2.5 }
		v.onseeked = () => v.requestVideoFrameCallback((_, frame) => done([v.duration, frame.mediaTime, frame.width]))
		v.src = %q
	})`, url))
	if math.Abs(got[0]-duration) > 0.15 || got[1] < 2.3 || got[1] > 3.5 || got[2] != 640 {
		b.t.Errorf("%s: Chromium shows %v s, after a seek to 2.5 s a picture of %v s, %v pixels wide", url, got[0], got[1], got[2])
	}
}

// checkRanges seeks by HTTP.
func checkRanges(t *testing.T, g *gateway, d disc) {
	t.Helper()
	if d.Duration > 3 {
		out := output(t, "ffprobe", "-v", "error", "-select_streams", "v", "-read_intervals", "3%+#1",
			"-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", g.url(d)+"?token=p")
		at, err := strconv.ParseFloat(strings.Split(string(out), ",")[0], 64)
		if err != nil || at < 1.9 || at > 3.1 || !strings.Contains(string(out), "K") {
			t.Errorf("%s: a seek to 3 s finds %s", d.File, out)
		}
	}
	for _, c := range []struct {
		token, bytes string
		code, size   int
	}{{"?token=p", "bytes=10-109", 206, 100}, {"", "bytes=0-", 401, -1}, {"?token=q", "", 401, -1}} {
		req, err := http.NewRequest(http.MethodGet, g.url(d)+c.token, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.bytes != "" {
			req.Header.Set("Range", c.bytes)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != c.code || c.size >= 0 && len(body) != c.size {
			t.Errorf("%s%s %s: %d with %d bytes", d.File, c.token, c.bytes, res.StatusCode, len(body))
		}
	}
}

// TestRecordsSurviveAKill has the next start finish what a kill has left.
func TestRecordsSurviveAKill(t *testing.T) {
	file := zerolatency.make(t, "8")
	dir := t.TempDir()
	env := []string{"RECORD_DIR=" + dir, recordRule("flv, mpegts, fmp4, hls", "1h")}
	g := start(t, env...)
	loop(t, file, "rtmp://"+g.rtmp+"/live/rec")
	g.until("some seconds are recorded", func() bool {
		n := 0
		_ = filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
			if st, err := os.Stat(name); err == nil && !st.IsDir() && st.Size() > 350_000 {
				n++
			}
			return err
		})
		return n == 4
	})
	g.crash()
	g = start(t, append(env, "RECORD_RULES=[]")...)
	g.until("all are recovered", func() bool { return len(g.records().Finished) == 4 })
	pictures := slices.Repeat(pictureSums(t, file), 8)
	for _, d := range g.records().Finished {
		if !strings.Contains(d.Reason, "crash") {
			t.Errorf("%s ended for %q", d.File, d.Reason)
		}
		got := pictureSums(t, g.url(d))
		if len(got) < 45 || !inside(got[:len(got)-1], pictures) {
			t.Errorf("%s: %d pictures, or others", d.File, len(got))
		}
		if s := lasts(t, g.url(d)); math.Abs(s-d.Duration) > 0.15 || math.Abs(s-float64(len(got))/30) > 0.15 {
			t.Errorf("%s: ffprobe says %v s, the list %v, with %d pictures", d.File, s, d.Duration, len(got))
		}
	}
}

// TestRecordsOnAFullDisk fills a disk of its own, keeps what was written, relays
// on, and records again when there is room.
func TestRecordsOnAFullDisk(t *testing.T) {
	file := source{"of much data", strings.Fields(
		"-map 0 -map 1 -c:v libx264 -preset ultrafast -tune zerolatency -qp 14 -g 30 -pix_fmt yuv420p -c:a aac -ac 2")}.make(t, "8")
	dir := t.TempDir()
	script := filepath.Join(t.TempDir(), "sluice")
	// The server alone sees the small disk.
	text := fmt.Sprintf("#!/bin/sh\nexec unshare -rm sh -c 'mount -t tmpfs -o size=6m tmpfs %s && exec %s \"$@\"' sh \"$@\"\n", dir, os.Getenv("SLUICE_BIN"))
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLUICE_BIN", script)
	g := start(t, "RECORD_DIR="+dir, recordRule("flv, hls", "1h"))
	loop(t, file, "rtmp://"+g.rtmp+"/live/rec")
	g.until("the disk is full", func() bool { return len(g.records().Finished) == 2 })
	list := g.records()
	pictures := slices.Repeat(pictureSums(t, file), 8)
	for _, d := range list.Finished {
		if !strings.Contains(d.Reason, "no space left") {
			t.Errorf("%s ended for %q", d.File, d.Reason)
		}
		got := pictureSums(t, g.url(d))
		if len(got) < 30 || !inside(got[:len(got)-1], pictures) {
			t.Errorf("%s: %d pictures, or others", d.File, len(got))
		}
		if n := strings.Count(g.log.String(), "level=ERROR"); n != 2 {
			t.Errorf("%d lines of error for two records", n)
		}
	}
	if !g.stream("live/rec").Live {
		t.Error("the stream has ended with its record")
	}
	if got := packets(t, "v", "-t", "1", "-i", "http://"+g.http+"/live/rec.flv"); len(got) < 20 {
		t.Errorf("a player gets %d pictures", len(got))
	}
	// One record goes, the other gets its room.
	g.call(http.MethodPost, "/api/v1/records/"+list.Running[0].ID+"/stop", "", http.StatusNoContent, nil)
	for _, d := range list.Finished {
		g.call(http.MethodDelete, "/api/v1/records/"+d.ID, "", http.StatusNoContent, nil)
	}
	g.until("it records again", func() bool {
		running := g.records().Running
		return len(running) == 1 && running[0].ID == list.Running[1].ID && running[0].State == "recording" && running[0].Error == ""
	})
}
