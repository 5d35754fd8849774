package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// pictures returns the hash of every decoded picture.
func pictures(t *testing.T, file string) (hashes []string) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(ffmpeg(t, "-v", "error", "-i", file, "-map", "0:v", "-f", "framemd5", "-")))
	for lines.Scan() {
		if f := strings.Split(lines.Text(), ","); len(f) >= 6 && !strings.HasPrefix(f[0], "#") {
			hashes = append(hashes, strings.TrimSpace(f[5]))
		}
	}
	return hashes
}

// rtmpPlayer records by RTMP, which carries everything that the tests relay.
var rtmpPlayer = players[0]

// TestRelays has one server that pulls a stream from another by each protocol,
// with what the other asks for, and pushes all of them back: what is played at
// the end are the very pictures and packets of sound that were published.
func TestRelays(t *testing.T) {
	far := start(t, "AUTH_PUBLISH_TOKENS=[pub]", "AUTH_PLAY_TOKENS=[eyes]")
	pulls := map[string]string{
		"tcp":  fmt.Sprintf(`url: "rtsp://me:eyes@%s/live/src"`, far.rtsp),
		"udp":  fmt.Sprintf(`url: "rtsp://me:eyes@%s/live/src", transport: udp`, far.rtsp),
		"auto": fmt.Sprintf(`url: "rtsp://%s/live/src?token=eyes", transport: auto`, far.rtsp),
		"tls":  fmt.Sprintf(`url: "rtsps://me:eyes@%s/live/src", insecure: true`, far.rtsps),
		"rtmp": fmt.Sprintf(`url: "rtmp://%s/live/src?token=eyes"`, far.rtmp),
	}
	var list []string
	for name, pull := range pulls {
		list = append(list, fmt.Sprintf("{stream: near/%s, %s}", name, pull))
	}
	near := start(t,
		"RELAY_PULL=["+strings.Join(list, ", ")+"]",
		fmt.Sprintf(`RELAY_PUSH=[{stream: near/t*, url: "rtsp://me:pub@%s/back/{stream}"}, {stream: near/udp, url: "rtsp://me:pub@%s/back/{stream}", transport: udp}, `+
			`{stream: near/auto, url: "rtsps://me:pub@%s/back/{stream}", transport: auto, insecure: true}, {stream: near/rtmp, url: "rtmp://%s/back/{stream}?token=pub"}]`,
			far.rtsp, far.rtsp, far.rtsps, far.rtmp))
	file := bframes.make(t, "20")
	push(t, file, "rtmp://"+far.rtmp+"/live/src?token=pub")
	records := map[string]*recording{}
	for name := range pulls {
		far.live("back/"+name, 2)
		records["here, by "+name] = rtmpPlayer.record(t, near, "near/"+name, "")
		records["and back, by "+name] = rtmpPlayer.record(t, far, "back/"+name, "?token=eyes")
	}
	var all []*recording
	for _, r := range records {
		all = append(all, r)
	}
	has(near, all, false, 130)
	for _, r := range all {
		r.stop()
	}
	wantPictures, wantSound := pictures(t, file), packets(t, "a", "-i", file)
	for what, r := range records {
		got, sound := pictures(t, r.file), packets(t, "a", "-i", r.file)
		// At the end, B pictures may be missing between those that they refer to.
		if len(got) < 120 || !inside(got[:len(got)-8], wantPictures) {
			t.Errorf("%s: %d pictures are not those of the source", what, len(got))
		}
		if len(sound) < 150 || !inside(sound, wantSound) {
			t.Errorf("%s: %d packets of sound are not those of the source", what, len(sound))
		}
		list := tags(r.file)
		rising(t, what, list)
		sameOffset(t, what, list, tags(file))
	}
	for _, g := range []*gateway{far, near} {
		if log := g.log.String(); strings.Contains(log, "eyes") || strings.Contains(log, ":pub") || strings.Contains(log, "token=") {
			t.Error("the log tells a token")
		}
	}
}

// sameOffset checks that sound and picture are as far from each other as in the
// source, by packets that both have.
func sameOffset(t *testing.T, what string, got, source []tag) {
	t.Helper()
	apart := func(list []tag, audio, video string) time.Duration {
		at := func(audio bool, sum string) time.Duration {
			i := slices.IndexFunc(list, func(g tag) bool { return g.audio == audio && g.sum == sum })
			if i < 0 {
				return -1
			}
			return list[i].dts
		}
		return at(true, audio) - at(false, video)
	}
	// Pictures that are no key frames come through RTSP bit by bit.
	var audio, video string
	for _, g := range got[len(got)/2:] {
		if g.audio {
			audio = g.sum
		} else if !g.key {
			video = g.sum
		}
	}
	if audio == "" || video == "" {
		t.Errorf("%s: one track is missing", what)
		return
	}
	if off := apart(got, audio, video) - apart(source, audio, video); off < -40*time.Millisecond || off > 40*time.Millisecond {
		t.Errorf("%s: sound and picture are %v apart from what the source has", what, off)
	}
}

// TestRelayOnDemand: a stream is pulled while somebody watches, again when the
// other server was away, and not when nobody does.
func TestRelayOnDemand(t *testing.T) {
	far := start(t)
	near := start(t,
		fmt.Sprintf(`RELAY_PULL=[{stream: live/cam, url: "rtsp://%s/live/src", on_demand: true}]`, far.rtsp),
		"RELAY_STOP_AFTER=1s", "RELAY_RETRY=200ms", "RELAY_RETRY_MAX=1s", "RTSP_DESCRIBE_WAIT=1s")
	loop(t, zerolatency.make(t, "4"), "rtmp://"+far.rtmp+"/live/src")
	far.live("live/src", 2)
	watchers := func() int { return len(far.stream("live/src").Viewers) }
	if n := watchers(); n != 0 {
		t.Errorf("%d watch the source before anybody asks", n)
	}
	for range 2 {
		r := rtmpPlayer.record(t, near, "live/cam", "")
		has(near, []*recording{r}, false, 30)
		if n := watchers(); n != 1 {
			t.Errorf("%d watch the source", n)
		}
		r.stop()
		far.until("the source is left alone", func() bool { return watchers() == 0 })
	}
}

// TestRelayedPublisherCrash: the publisher of a stream that is pulled crashes
// and comes back. Whoever watches the relay stays, and sees nothing torn.
func TestRelayedPublisherCrash(t *testing.T) {
	far := start(t)
	near := start(t, fmt.Sprintf(`RELAY_PULL=[{stream: near/tcp, url: "rtsp://%s/live/src"}, {stream: near/udp, url: "rtsp://%s/live/src", transport: udp}]`, far.rtsp, far.rtsp))
	file := zerolatency.make(t, "12")
	records := map[string]*recording{"tcp": nil, "udp": nil}
	var all []*recording
	for name := range records {
		records[name] = rtmpPlayer.record(t, near, "near/"+name, "")
		all = append(all, records[name])
	}
	for range 2 {
		publisher := push(t, file, "rtmp://"+far.rtmp+"/live/src")
		has(near, all, false, 75)
		publisher.kill()
		far.until("the publisher is gone", func() bool { return !far.stream("live/src").Live })
		for _, r := range all {
			r.seen = len(sums(tags(r.file), false))
		}
	}
	published := pictures(t, file)
	for name, r := range records {
		r.stop()
		list := tags(r.file)
		rising(t, name, list)
		begins := 0
		got := pictures(t, r.file)
		for _, sum := range got {
			if !slices.Contains(published, sum) {
				t.Errorf("%s: a picture that nobody published", name)
				break
			}
			if sum == published[0] {
				begins++
			}
		}
		if begins != 2 {
			t.Errorf("%s saw the publisher begin %d times in %d pictures, want 2", name, begins, len(got))
		}
		decodes(t, r.file)
	}
}
