package e2e

// The crashes and faults of earlier gateways, by their place in the survey of
// them, and what keeps each away here. Those that no unit test shows as a user
// meets them are below.
//
//	A1 media before publish           TestMediaEndsOnlyItsSession, rtmp.TestMediaBeforePublish
//	A2 one-byte picture               TestMediaEndsOnlyItsSession, rtmp.TestMalformedMedia, flv.TestTruncated, flv.FuzzDemuxer
//	A3 short user control             TestBadRTMP/oversize, message.TestTruncated; short RTCP: TestBadICE
//	A4 stream named ".."              TestNamesThatLeaveTheFolder, hub.TestLimitsNamesAndRights, rtmp.TestErrorsOfTheHub
//	A5 endless chunk streams          TestBadRTMP/oversize, chunk.TestBadInput, chunk.TestUnfinishedMessagesAreBounded
//	A5 no timeouts, no limits         TestBadRTMP/slow-loris, TestBadHTTP, TestBadICE, rtmp.TestTooManyConnections
//	A6 open API                       api.TestOpenToOthersOnlyWithAToken, api.TestStreamsAreListed
//	B  one stopped player stops all   TestStoppedPlayers, httpflv.TestStuckViewer, rtmp.TestDeadPlayer
//	B  torn after a drop              TestStoppedPlayers, hub.TestLateViewerStartsAtTheNewestKey
//	B  WebSocket frames torn          httpflv.TestWebSocket: header and tag are one buffer
//	B  shared buffers corrupt         TestBadRTMP and TestRelayMatrix: several players of one stream, bit by bit
//	C  B-frames, RTSP both ways       TestMatrix (rows and columns of RTSP), rtsp.TestIngestBFrames, TestRTMPToChromium
//	C  declared but silent track      TestSilentTrackDelaysNobody, hub.TestStreamWaitsForItsTracks, rtsp.TestIngestExpects
//	C  first A/V offset lost          TestMatrix (RTSP in, TS out), rtsp.TestIngestSync, timing.TestSync
//	C  no sender reports for players  TestMatrix (WHEP), rtsp.TestReports, TestLipSync
//	C  other codecs after a republish TestRepublishAsSomethingElse, hub.TestReconnectKeepsViewersAndTime;
//	   TS tables, SDP, HLS, MP4       httpts.TestEncoder, rtsp.TestCodecChange, hls.TestCMAFComesBack, TestMP4Change
//	C  sound after pictures, no key   TestRepublishAsSomethingElse (sound alone in between)
//	C  G711 missing in TS and HLS     TestMatrix (PCMA and PCMU to TS, HLS, MP4)
//	C  no transcoding, AV1, VP9       TestMatrix, TestChromiumToChromium, TestMP4BrowserToBrowser
//	C  FLV flags say too much         TestRepublishAsSomethingElse, httpflv.TestHTTP
//	C  HEVC in HLS as TS only         TestMatrix (H265 to HLS fMP4)
//	D  Basic never, Digest unchecked  TestRTSPAuth, rtsp.TestAuth, rtsp.TestChallenges, rtsp.TestWrongCredentials
//	D  ANNOUNCE without credentials   TestRTSPAuth, rtsp.TestAuth
//	D  refused pull ends a publisher  TestFailingPullLeavesThePublisher, TestSecondPublisher
//	D  start_rtp_pub beside another   nothing receives bare RTP yet
//	D  a pull that can't be stopped   relay.TestReload, relay.TestOnDemand
//	D  a push that outlives its input relay.TestPush, TestRelayedPublisherCrash
//	D  deleteStream, FCUnpublish      TestUnpublishCommands, rtmp.TestCommands
//	D  paths that nobody answers      TestEveryPathIsAnswered, httpflv.TestRefusals
//	D  nested locks of HLS sessions   hls.TestSessions under the race detector; docs/locks.md
//	D  record.m3u8 is O(n^2)          hls.TestRecordOnDisk: lines are appended
import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// short is a stream of a few seconds for the tests below.
func short(t *testing.T, args string) string {
	t.Helper()
	return source{args, strings.Fields(args + " -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p -c:a aac -b:a 64k")}.make(t, "5")
}

func TestMediaEndsOnlyItsSession(t *testing.T) {
	g := start(t)
	loop(t, short(t, "-map 0 -map 1 -s 160x90"), "rtmp://"+g.rtmp+"/"+calm)
	g.live(calm, 2)
	other := hash(t, "rtmp://"+g.rtmp+"/"+calm)
	for _, kind := range []byte{rtmpAudio, rtmpVideo} {
		r, err := dialRTMP(g.rtmp, false)
		if err != nil {
			t.Fatal(err)
		}
		r.start("live")
		r.send(chunks(4, kind, 1, 0, []byte{0x17}))
		g.until("media before publish ends the connection", r.stopped)
		r.Close()
	}
	// Every first byte of a picture, of sound and of metadata, alone and with
	// another, by a publisher that then goes on.
	r, err := dialRTMP(g.rtmp, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.publish("live", "short")
	g.until("the publisher is accepted", func() bool { return r.says("NetStream.Publish.Start") })
	for _, kind := range []byte{rtmpAudio, rtmpVideo, flvScript, 15} {
		r.send(chunks(4, kind, 1, 0, nil))
		for first := range 256 {
			r.send(chunks(4, kind, 1, 0, []byte{byte(first)}), chunks(4, kind, 1, 0, []byte{byte(first), 0}), chunks(4, kind, 1, 0, []byte{byte(first), 1, 0}))
		}
	}
	for _, tag := range readFLV(t, short(t, "-map 0 -map 1 -s 160x90")) {
		r.send(chunks(4, tag.kind, 1, tag.ms, tag.body))
	}
	g.live("live/short", 2)
	before := other.count()
	g.until("the other stream plays on", func() bool { return other.count() > before+20 })
	g.alive()
}

func TestNamesThatLeaveTheFolder(t *testing.T) {
	g := start(t)
	for _, name := range []string{"..", ".", "../x", "x/../../y", "a b", "x\x00", strings.Repeat("a", 129), "a/b/c/d", "%2e%2e"} {
		r, err := dialRTMP(g.rtmp, false)
		if err != nil {
			t.Fatal(err)
		}
		r.publish("live", name)
		g.until(fmt.Sprintf("%q is refused", name), func() bool { return r.says("NetStream.Publish.BadName") })
		r.Close()
	}
	if list := g.profile("goroutine?debug=1"); bytes.Contains(list, []byte("Publish")) {
		t.Errorf("a refused publisher is still there:\n%s", list)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/live/...flv", "/live/%2e%2e.flv", "/live/%2e%2e/x.flv", "/live/a%2f%2e%2e%2fb.flv", "/live/a%00b.flv", "/live/a/b/c/d.flv"} {
		res, err := client.Get("http://" + g.http + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if path == "/live/...flv" {
			continue // the name is "..", and net/http may clean the path
		}
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("GET %s: %s", path, res.Status)
		}
	}
	for _, path := range []string{"/live/%2e%2e/whip", "/live/%2e%2e/whep", "/live/a%20b/whip", "/../x/whep"} {
		res, err := client.Post("http://"+g.http+path, "application/sdp", strings.NewReader(offerSDP(t)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode < 400 || res.StatusCode >= 500 {
			t.Errorf("POST %s: %s", path, res.Status)
		}
	}
	g.alive()
}

// TestStoppedPlayers stops players of a heavy stream. Nobody else notices; when
// they go on, they go on at a key frame, and the API counts the jump.
func TestStoppedPlayers(t *testing.T) {
	g := start(t, "HUB_VIEWER_LATENCY=2s", "RTMP_WRITE_TIMEOUT=60s", "HTTPFLV_WRITE_TIMEOUT=60s")
	const name = "live/heavy"
	heavy := source{"heavy", strings.Fields("-map 0 -map 1 -vf noise=alls=80:allf=t -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -qp 20 -pix_fmt yuv420p -c:a aac")}
	file := heavy.make(t, "10")
	const rounds = 30
	push(t, file, "rtmp://"+g.rtmp+"/"+name, "-stream_loop", "30")
	g.live(name, 2)
	urls := []string{"rtmp://" + g.rtmp + "/" + name, "http://" + g.http + "/" + name + ".flv"}
	healthy := []*hasher{hash(t, urls[0]), hash(t, urls[1])}
	lazy := []*hasher{hash(t, urls[0]), hash(t, urls[1])}
	g.until("all play", func() bool {
		return !slices.ContainsFunc(append(healthy, lazy...), func(h *hasher) bool { return h.count() < 30 })
	})
	for _, h := range lazy {
		signal(t, h, syscall.SIGSTOP)
	}
	jumped := func() (n int) {
		for _, v := range g.stream(name).Viewers {
			if v.Jumps > 0 {
				n++
			}
		}
		return n
	}
	count := healthy[0].count()
	g.until("the others play on for 10 s", func() bool { return healthy[0].count() > count+700 })
	for _, h := range lazy {
		signal(t, h, syscall.SIGCONT)
	}
	g.until("both have jumped", func() bool { return jumped() == len(lazy) })
	resumed := []int{lazy[0].count(), lazy[1].count()}
	g.until("both play again", func() bool { return lazy[0].count() > resumed[0]+60 && lazy[1].count() > resumed[1]+60 })
	if n := jumped(); n != len(lazy) {
		t.Errorf("%d players have jumped, want %d", n, len(lazy))
	}
	video, audio := packets(t, "v", "-i", file), packets(t, "a", "-i", file)
	keys := map[string]bool{}
	pictures := 0
	for _, tag := range readFLV(t, file) {
		if tag.kind == rtmpVideo && !tag.config() {
			if tag.key() {
				keys[video[pictures]] = true
			}
			pictures++
		}
	}
	for _, h := range lazy {
		_ = h.cmd.Process.Kill()
		<-h.done
		checkJumps(t, h, video, keys)
	}
	for _, h := range healthy {
		h.finish(slices.Repeat(video, rounds), slices.Repeat(audio, rounds))
		if h.gap > 10*time.Second {
			t.Errorf("%s stood still for %v", h.name, h.gap)
		}
	}
}

func signal(t *testing.T, h *hasher, s syscall.Signal) {
	t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// checkJumps expects pictures without a gap, but for some that are followed by
// a key frame.
func checkJumps(t *testing.T, h *hasher, video []string, keys map[string]bool) {
	t.Helper()
	place := map[string]int{}
	for i, v := range video {
		place[v] = i
	}
	jumps := 0
	got := h.hashes["0"]
	for i := 1; i < len(got); i++ {
		if place[got[i]] == (place[got[i-1]]+1)%len(video) {
			continue
		}
		jumps++
		if !keys[got[i]] {
			t.Errorf("%s: after a gap picture %d is no key frame", h.name, i)
		}
	}
	t.Logf("%s: %d pictures with %d jumps", h.name, len(got), jumps)
	if jumps == 0 {
		t.Errorf("%s: no jump is to be seen", h.name)
	}
}

// TestSilentTrackDelaysNobody publishes pictures with metadata that promise
// sound, which never comes.
func TestSilentTrackDelaysNobody(t *testing.T) {
	g := start(t)
	var tags []flvTag
	for _, tag := range readFLV(t, short(t, "-map 0 -map 1 -s 160x90")) {
		if tag.kind != rtmpAudio {
			tags = append(tags, tag)
		}
	}
	r, err := dialRTMP(g.rtmp, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.publish("live", "mute")
	g.until("the publisher is accepted", func() bool { return r.says("NetStream.Publish.Start") })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	began := time.Now()
	go func() {
		tick := time.NewTicker(time.Second / 30)
		defer tick.Stop()
		for ms := uint32(0); ; ms += 5000 {
			for _, tag := range tags {
				r.send(chunks(4, tag.kind, 1, ms+tag.ms, tag.body))
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	defer cancel()
	f, end, err := playFLV(ctx, "http://"+g.http+"/live/mute.flv")
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if _, err := f.until(flvTag.key); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("the first picture came %v after the publisher began", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("the first picture took %v", took)
	}
	if f.flags != 1 {
		t.Errorf("the FLV header says %#x, want 1: pictures only", f.flags)
	}
	// No player is told of sound, or waits for it.
	for _, url := range []string{
		"http://" + g.http + "/live/mute.ts", "http://" + g.http + "/live/mute.mp4", "rtsp://" + g.rtsp + "/live/mute",
		"http://" + g.http + "/live/mute.m3u8", "http://" + g.http + "/hls/live/mute.m3u8",
	} {
		began := time.Now()
		got := string(output(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", url))
		took := time.Since(began)
		t.Logf("%s: %q after %v", url, strings.Fields(got), took.Round(time.Millisecond))
		// ffprobe names the tracks of programs and variants twice.
		if kinds := slices.Compact(strings.Fields(got)); len(kinds) != 1 || kinds[0] != "video" {
			t.Errorf("%s has %q, want pictures only", url, kinds)
		}
		if took > 30*time.Second {
			t.Errorf("%s took %v", url, took)
		}
	}
}

// TestFailingPullLeavesThePublisher has a relay that pulls the stream that
// somebody publishes, and fails over and over.
func TestFailingPullLeavesThePublisher(t *testing.T) {
	config := filepath.Join(t.TempDir(), "sluice.yaml")
	dead := freePorts(t, 1)[0]
	text := fmt.Sprintf("relay: {pull: [{stream: %s, url: \"rtmp://%s/live/away\"}], retry: 200ms, retry_max: 200ms}", calm, dead)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startWith(t, []string{"-c", config})
	loop(t, short(t, "-map 0 -map 1 -s 160x90"), "rtmp://"+g.rtmp+"/"+calm)
	g.live(calm, 2)
	viewer := hash(t, "rtmp://"+g.rtmp+"/"+calm)
	failures := func() int { return strings.Count(g.log.String(), "refused") }
	before := failures()
	g.until("the pull has failed again", func() bool { return failures() > before+2 })
	seen := viewer.count()
	g.until("the viewer plays on", func() bool { return viewer.count() > seen+30 })
	if s := g.stream(calm); !s.Live || len(s.Viewers) != 1 {
		t.Errorf("the stream is %+v", s)
	}
}

// TestRepublishAsSomethingElse ends a publisher and begins others with another
// size and other tracks. Those who stay get the new headers and no time that
// runs backwards; those who come get a right FLV header at once.
func TestRepublishAsSomethingElse(t *testing.T) {
	g := start(t)
	const name = "live/change"
	url := "http://" + g.http + "/" + name + ".flv"
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var stays *flvReader
	last := uint32(0)
	for _, c := range []struct {
		args  string
		flags byte
		size  string
	}{
		{"-map 0 -map 1 -s 320x180", 5, "320,180"},
		{"-map 0 -map 1 -s 160x90", 5, "160,90"},
		{"-map 0 -s 64x48", 1, "64,48"},
		{"-map 1 -ar 44100 -ac 1", 4, ""},
		{"-map 0 -map 1 -s 320x180", 5, "320,180"},
	} {
		file := short(t, c.args)
		p := loop(t, file, "rtmp://"+g.rtmp+"/"+name)
		g.live(name, strings.Count(c.args, "-map"))
		f, end, err := playFLV(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		if f.flags != c.flags {
			t.Errorf("%s: the FLV header says %#x, want %#x", c.args, f.flags, c.flags)
		}
		media := func(tag flvTag) bool { return tag.kind != flvScript && !tag.config() }
		if tag, err := f.until(media); err != nil || tag.kind == rtmpVideo && !tag.key() {
			t.Errorf("%s: a new player begins with % x..., %v", c.args, tag.body[:min(len(tag.body), 5)], err)
		}
		if c.size != "" {
			got := strings.TrimSpace(string(output(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "csv=p=0", url)))
			if got != c.size {
				t.Errorf("%s: ffprobe sees %q", c.args, got)
			}
		}
		if stays == nil {
			stays = f
			t.Cleanup(func() { _ = end() })
		} else if err := end(); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		// The one who stays: the new sequence header, then media of it.
		want := firstConfig(t, file)
		configured := f == stays // it has read them above
		if _, err := stays.until(func(tag flvTag) bool {
			if tag.kind != flvScript && tag.ms < last {
				t.Errorf("%s: time runs from %d back to %d ms", c.args, last, tag.ms)
			}
			if tag.kind != flvScript {
				last = tag.ms
			}
			configured = configured || bytes.Equal(tag.body, want)
			return configured && media(tag) && (tag.key() || c.size == "")
		}); err != nil {
			t.Errorf("%s: who stays sees %v", c.args, err)
		}
		p.kill()
		g.until("the publisher has gone", func() bool { return !g.stream(name).Live })
	}
}

// firstConfig returns the file's first sequence header.
func firstConfig(t *testing.T, file string) []byte {
	t.Helper()
	for _, tag := range readFLV(t, file) {
		if tag.config() {
			return tag.body
		}
	}
	t.Fatalf("%s has no sequence header", file)
	return nil
}

// TestUnpublishCommands ends a publisher in each way that clients know, with
// the connection left open. The next publisher comes at once.
func TestUnpublishCommands(t *testing.T) {
	g := start(t)
	for what, end := range map[string][]byte{
		"FCUnpublish":  command(0, "FCUnpublish", 4, nil, "ends"),
		"deleteStream": command(0, "deleteStream", 4, nil, 1.0),
		"closeStream":  command(1, "closeStream", 4, nil),
	} {
		r, err := dialRTMP(g.rtmp, false)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.publish("live", "ends")
		for _, tag := range readFLV(t, short(t, "-map 0 -map 1 -s 64x48")) {
			r.send(chunks(4, tag.kind, 1, tag.ms, tag.body))
		}
		g.live("live/ends", 2)
		r.send(end)
		g.until(what+" unpublishes", func() bool { return r.says("NetStream.Unpublish.Success") && g.stream("live/ends").Name == "" })
		if r.stopped() {
			t.Errorf("%s closes the connection", what)
		}
	}
}

// TestEveryPathIsAnswered asks for what is not there: nothing may hang.
func TestEveryPathIsAnswered(t *testing.T) {
	g := start(t, "HUB_VIEWER_WAIT=0s")
	client := &http.Client{Timeout: patience}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/live/nobody.flv", 404},
		{"GET", "/nobody.flv", 404},
		{"HEAD", "/live/nobody.flv", 200},
		{"OPTIONS", "/live/nobody.flv", 204},
		{"PUT", "/live/nobody.flv", 405},
		{"GET", "/live/nobody.xyz", 200}, // a stream's name, so its page
		{"GET", "/a/b/c/d/e/f", 404},
		{"GET", "/live/nobody", 200},
		{"POST", "/live/nobody", 405},
		{"GET", "/.flv", 400},
		{"GET", "/favicon.ico", 0},
		{"GET", "/live/nobody.ts", 404},
		{"HEAD", "/live/nobody.ts", 200},
		{"OPTIONS", "/live/nobody.ts", 204},
		{"GET", "/live/nobody.mp4", 404},
		{"HEAD", "/live/nobody.mp4", 200},
		{"OPTIONS", "/live/nobody.mp4", 204},
		{"GET", "/live/nobody.m3u8", 404},
		{"OPTIONS", "/live/nobody.m3u8", 204},
		{"POST", "/live/nobody.m3u8", 405},
		{"GET", "/hls/live/nobody.m3u8", 404},
		{"GET", "/hls/live/nobody/record.m3u8", 404},
		{"GET", "/hls/live/nobody/no-such.ts", 404},
		{"GET", "/live/nobody.rtsp", 426},
	} {
		req, err := http.NewRequest(c.method, "http://"+g.http+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || c.want != 0 && res.StatusCode != c.want {
			t.Errorf("%s %s: %s, %v; want %d", c.method, c.path, res.Status, err, c.want)
		}
	}
}
