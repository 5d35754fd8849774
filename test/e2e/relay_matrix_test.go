package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// player records a stream by one protocol into a FLV file.
type player struct {
	name, scheme string
	url          func(g *gateway, stream string) string
}

var players = []player{
	{"RTMP", "rtmp", func(g *gateway, s string) string { return "rtmp://" + g.rtmp + "/" + s }},
	{"RTMPS", "rtmps", func(g *gateway, s string) string { return "rtmps://" + g.rtmps + "/" + s }},
	{"HTTP-FLV", "http", func(g *gateway, s string) string { return "http://" + g.http + "/" + s + ".flv" }},
	{"HTTPS-FLV", "https", func(g *gateway, s string) string { return "https://" + g.https + "/" + s + ".flv" }},
	{"WS-FLV", "ws", func(g *gateway, s string) string { return "ws://" + g.http + "/" + s + ".flv" }},
	{"WSS-FLV", "wss", func(g *gateway, s string) string { return "wss://" + g.https + "/" + s + ".flv" }},
}

// recording is a player at work.
type recording struct {
	file string
	seen int // see has
	stop func()
}

// record plays into a file until it is stopped; query is ?token= or empty.
func (p player) record(t *testing.T, g *gateway, stream, query string) *recording {
	t.Helper()
	r := &recording{file: filepath.Join(t.TempDir(), p.scheme+".flv")}
	url := p.url(g, stream) + query
	if strings.HasPrefix(p.scheme, "ws") {
		r.stop = recordWS(t, url, r.file)
		return r
	}
	args := []string{"-hide_banner", "-nostdin", "-v", "warning", "-i", url, "-c", "copy", "-copyts", "-flush_packets", "1", "-f", "flv", r.file}
	ff := background(t, "ffmpeg", args...)
	r.stop = func() {
		// A player that waits for media inside TLS does not hear the signal.
		_ = ff.cmd.Process.Signal(os.Interrupt)
		select {
		case <-ff.done:
		case <-time.After(3 * time.Second):
			ff.kill()
		}
	}
	return r
}

// recordWS writes the messages of a WebSocket to a file: together they are a
// FLV file.
func recordWS(t *testing.T, url, file string) (stop func()) {
	t.Helper()
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		for {
			kind, message, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if kind == websocket.TextMessage && strings.HasPrefix(string(message), "video/mp4; codecs=") {
				continue // fragmented MP4 is announced so
			}
			if kind != websocket.BinaryMessage {
				t.Errorf("%s: a message of kind %d", url, kind)
			}
			_, _ = f.Write(message)
		}
	}()
	stop = func() {
		ws.Close()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// tag is one media packet of a FLV file.
type tag struct {
	audio, key bool
	dts        time.Duration
	sum        string // the hash of its data, with the offset of the picture's presentation time
}

// tags reads what is there of a FLV file with H.264 and AAC: its packets,
// without metadata and configuration.
func tags(file string) (list []tag) {
	b, _ := os.ReadFile(file)
	if len(b) < 13 {
		return nil
	}
	for b = b[13:]; len(b) >= 15; {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		if len(b) < size+15 {
			break
		}
		kind, body := b[0], b[11:11+size]
		dts := time.Duration(uint32(b[7])<<24|binary.BigEndian.Uint32(b[4:])>>8&0xffffff) * time.Millisecond
		if (kind == 8 || kind == 9) && size > 5 && body[1] == 1 {
			sum := sha256.Sum256(body)
			list = append(list, tag{audio: kind == 8, key: body[0]>>4 == 1, dts: dts, sum: string(sum[:])})
		}
		b = b[size+15:]
	}
	return list
}

// sums are the hashes of the sound, or of the pictures.
func sums(list []tag, audio bool) (out []string) {
	for _, t := range list {
		if t.audio == audio {
			out = append(out, t.sum)
		}
	}
	return out
}

// has waits until each recording has n pictures (or packets of sound) more than
// before.
func has(g *gateway, recordings []*recording, audio bool, n int) {
	g.t.Helper()
	for _, r := range recordings {
		r.seen += n
	}
	for _, r := range recordings {
		g.until(fmt.Sprintf("%s has %d packets", filepath.Base(r.file), r.seen), func() bool { return len(sums(tags(r.file), audio)) >= r.seen })
	}
}

// checkSame compares a recording with what was published: every packet is the
// publisher's, bit by bit, none is missing between the first and the last, the
// first picture is a key frame, and time does not go back.
func checkSame(t *testing.T, what, got, published string) {
	t.Helper()
	part, whole := tags(got), tags(published)
	for _, audio := range []bool{false, true} {
		p, w := sums(part, audio), sums(whole, audio)
		if len(p) == 0 && len(w) == 0 {
			continue
		}
		if len(p) < 30 || !inside(p, w) {
			t.Errorf("%s: %d packets (sound: %v) are not a part of the %d published", what, len(p), audio, len(w))
		}
	}
	if i := slices.IndexFunc(part, func(g tag) bool { return !g.audio }); i >= 0 && !part[i].key {
		t.Errorf("%s: the first picture is no key frame", what)
	}
	rising(t, what, part)
}

// rising checks that decoding times never go back.
func rising(t *testing.T, what string, list []tag) {
	t.Helper()
	last := map[bool]time.Duration{}
	for i, g := range list {
		if g.dts < last[g.audio] {
			t.Errorf("%s: packet %d (sound: %v) goes back from %v to %v", what, i, g.audio, last[g.audio], g.dts)
		}
		last[g.audio] = g.dts
	}
}

// TestRelayMatrix plays every source by every classic protocol: by players that
// wait for the publisher, and by others that come late, in the middle of a GOP.
func TestRelayMatrix(t *testing.T) {
	g := start(t)
	for i, s := range []source{zerolatency, bframes, audioOnly, videoOnly} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for media in real time
			relayMatrix(t, g.in(t), fmt.Sprintf("live/m%d", i), s)
		})
	}
}

func relayMatrix(t *testing.T, g *gateway, name string, s source) {
	file := s.make(t, "25") // of which players need 5 s, but a busy machine takes its time to start them
	all := func() (list []*recording) {
		for _, p := range players {
			list = append(list, p.record(t, g, name, ""))
		}
		return list
	}
	early := all()
	g.until("the players wait", func() bool { return len(g.stream(name).Viewers) == len(players) })
	push(t, file, "rtmp://"+g.rtmp+"/"+name)
	onlySound := s.name == audioOnly.name
	has(g, early[:1], onlySound, 75) // a GOP is 60 pictures
	late := all()
	has(g, late, onlySound, 75)
	for _, r := range append(early, late...) {
		r.stop()
	}
	whole := tags(file)
	for i, p := range players {
		checkSame(t, p.name, early[i].file, file)
		checkSame(t, p.name+", late", late[i].file, file)
		// Pictures begin at the key frame; of sound a player that wakes up may
		// miss some first packets of 20 ms.
		missed := 1
		if onlySound {
			missed = 10
		}
		got, want := sums(tags(early[i].file), onlySound), sums(whole, onlySound)
		if len(got) == 0 || !slices.Contains(want[:missed], got[0]) {
			t.Errorf("%s: the waiting player misses the beginning", p.name)
		}
	}
	decodes(t, late[0].file)
}

// TestPublisherCrash kills a publisher and starts it again: the players stay,
// and their time goes on.
func TestPublisherCrash(t *testing.T) {
	g := start(t)
	file := zerolatency.make(t, "12")
	var recordings []*recording
	for _, p := range players {
		recordings = append(recordings, p.record(t, g, "live/crash", ""))
	}
	for range 3 {
		publisher := push(t, file, "rtmp://"+g.rtmp+"/live/crash")
		has(g, recordings, false, 75)
		publisher.kill()
		g.until("the publisher is gone", func() bool { return !g.stream("live/crash").Live })
		for _, r := range recordings {
			r.seen = len(sums(tags(r.file), false))
		}
	}
	published := sums(tags(file), false)
	for i, p := range players {
		r := recordings[i]
		r.stop()
		got := tags(r.file)
		rising(t, p.name, got)
		var begins int
		for _, h := range sums(got, false) {
			if h == published[0] {
				begins++
			}
			if !slices.Contains(published, h) {
				t.Errorf("%s: a picture that nobody published", p.name)
			}
		}
		if begins != 3 {
			t.Errorf("%s saw the publisher begin %d times, want 3", p.name, begins)
		}
	}
	decodes(t, recordings[0].file)
}

// decodes checks that ffmpeg decodes a file without a complaint.
func decodes(t *testing.T, file string) {
	t.Helper()
	ffmpeg(t, "-v", "error", "-xerror", "-i", file, "-f", "null", "-")
}

// TestFLVRequests sees what web players need of HTTP around the stream.
func TestFLVRequests(t *testing.T) {
	g := start(t)
	push(t, zerolatency.make(t, "20"), "rtmp://"+g.rtmp+"/live/cors")
	g.live("live/cors", 2)
	for _, c := range []struct {
		method string
		status int
	}{{http.MethodOptions, 204}, {http.MethodHead, 200}, {http.MethodGet, 200}, {http.MethodPost, 405}} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+g.http+"/live/cors.flv", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://player.example")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 13)
		n, _ := io.ReadFull(res.Body, head)
		res.Body.Close()
		if res.StatusCode != c.status || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %s %v", c.method, res.Status, res.Header)
		}
		if c.method == http.MethodGet && (n != 13 || string(head) != "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00" || res.Header.Get("Content-Type") != "video/x-flv" || res.Header.Get("Cache-Control") == "") {
			t.Errorf("%s: %q %v", c.method, head[:n], res.Header)
		}
		if c.method == http.MethodOptions && !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "GET") {
			t.Errorf("%s: %v", c.method, res.Header)
		}
		if c.method == http.MethodHead && res.Header.Get("Content-Type") != "video/x-flv" {
			t.Errorf("%s: %v", c.method, res.Header)
		}
	}
}
