//go:build unix

package webrtc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
)

// report is what the page testdata/watch.html says.
type report struct {
	Error        string       `json:"error"`
	Codec        string       `json:"codec"`
	At           float64      `json:"at"` // ms since the POST
	State        string       `json:"state"`
	Frames       [][3]float64 `json:"frames"` // ms since the POST, RTP timestamp, media time in s
	Video, Audio struct {
		FramesDecoded, FramesDropped, KeyFramesDecoded, FreezeCount float64
		NackCount, PliCount, PacketsLost, PacketsReceived           float64
		JitterBufferDelay, JitterBufferEmittedCount                 float64
		JitterBufferTargetDelay, TotalDecodeTime                    float64
		EstimatedPlayoutTimestamp, ConcealedSamples                 float64
		TotalSamplesReceived, TargetBitrate                         float64
	}
	Pair struct{ AvailableOutgoingBitrate float64 }
}

// browse opens a page of testdata in a headless Chromium, beside the WHIP and WHEP
// resources of the service, and returns what it reports.
func browse(t *testing.T, s *Service, page string) <-chan report {
	t.Helper()
	reports := make(chan report, 1000)
	sig := signaling.New(signaling.DefaultConfig(), signaling.Options{
		Engine: s, StreamName: hub.ParseName, Log: slog.New(slog.DiscardHandler),
	})
	mux := http.NewServeMux()
	mux.Handle("/", sig)
	mux.HandleFunc("/page/", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("testdata", filepath.Base(r.URL.Path)))
	})
	mux.HandleFunc("/report", func(_ http.ResponseWriter, r *http.Request) {
		var rep report
		if err := json.NewDecoder(r.Body).Decode(&rep); err != nil {
			t.Error(err)
		}
		select {
		case reports <- rep:
		default:
		}
	})
	server := httptest.NewServer(mux)
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+profile, "--autoplay-policy=no-user-gesture-required",
		"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--remote-debugging-port=0",
		server.URL+"/page/"+page)
	// Its children go with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("these tests need Chromium (apt-get install chromium): %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = os.RemoveAll(profile)
		server.CloseClientConnections()
		server.Close()
		sig.Close()
	})
	return reports
}

// encode makes seconds of a test picture with x264 and returns its access units.
func encode(t *testing.T, seconds int, args ...string) []*media.Packet {
	t.Helper()
	args = append([]string{
		"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30", "-t", fmt.Sprint(seconds),
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-b:v", "2M", "-maxrate", "2M", "-bufsize", "1M",
	}, args...)
	out := filepath.Join(t.TempDir(), "a.flv")
	args = append(args, "-f", "h264", out)
	if b, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("these tests need ffmpeg (apt-get install ffmpeg): %v %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return accessUnits(t, b)
}

// accessUnits cuts an Annex B stream with access unit delimiters apart. Its
// times are those of decoding order; see reorder.
func accessUnits(t *testing.T, b []byte) (list []*media.Packet) {
	t.Helper()
	var track *media.Track
	for _, raw := range bytes.Split(b, []byte{0, 0, 0, 1, 9}) {
		if len(raw) == 0 {
			continue
		}
		raw = append([]byte{0, 0, 0, 1, 9}, raw...)
		var payload []byte
		for _, u := range bytes.Split(bytes.ReplaceAll(raw, []byte{0, 0, 0, 1}, []byte{0, 0, 1}), []byte{0, 0, 1}) {
			if len(u) > 0 {
				payload = append(binary.BigEndian.AppendUint32(payload, uint32(len(u))), u...)
			}
		}
		if c := h264.ConfigOf(payload); c != nil && track == nil {
			var err error
			if track, err = h264.Track(c); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Duration(len(list)) * frameTime
		list = append(list, &media.Packet{Track: track, DTS: at, PTS: at, Key: h264.IsKey(payload), Payload: payload})
	}
	return list
}

// broadcast publishes access units in a loop with a 440 Hz tone, in real time but
// for the first ones, which are there at once.
func broadcast(t *testing.T, h *hub.Hub, stream string, pictures []*media.Packet, cached int) {
	t.Helper()
	pub, err := h.Publish(context.Background(), hub.Session{Stream: stream, Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	pub.Expect(media.Video, media.Audio)
	tone := &media.Track{Codec: media.PCMU, SampleRate: 8000, Channels: 1}
	from := time.Now().Add(-time.Duration(cached) * frameTime)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sample := 0
		for n := 0; ; n++ {
			at := time.Duration(n) * frameTime
			timer := time.NewTimer(time.Until(from.Add(at)))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			p := *pictures[n%len(pictures)]
			p.DTS, p.PTS, p.Arrival = at, at+p.PTS-p.DTS, from.Add(at)
			_ = pub.Write(&p)
			for ; time.Duration(sample)*time.Second/8000 < at+frameTime; sample += 160 {
				b := make([]byte, 160)
				for i := range b {
					b[i] = mulaw(0.3 * math.Sin(2*math.Pi*440*float64(sample+i)/8000))
				}
				a := time.Duration(sample) * time.Second / 8000
				_ = pub.Write(&media.Packet{Track: tone, DTS: a, PTS: a, Payload: b, Arrival: from.Add(a)})
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		pub.Close(nil)
	})
}

// mulaw codes a sample of -1 to 1 (ITU-T G.711).
func mulaw(v float64) byte {
	s := int(v * 32635)
	sign := byte(0)
	if s < 0 {
		sign, s = 0x80, -s
	}
	s += 0x84
	exp := 7
	for mask := 0x4000; exp > 0 && s&mask == 0; mask >>= 1 {
		exp--
	}
	return ^(sign | byte(exp<<4) | byte(s>>(exp+3)&0xf))
}

// TestChromiumPlays starts a real browser on a long cached group. What it hears and
// how well it keeps step is for the end-to-end tests.
func TestChromiumPlays(t *testing.T) {
	h, s := newTestService(t, nil)
	pictures := encode(t, 5, "-preset", "veryfast", "-tune", "zerolatency", "-g", "150", "-x264-params", "aud=1")
	broadcast(t, h, "live/a", pictures, 100)
	reports := browse(t, s, "watch.html?stream=live/a")
	deadline := time.After(60 * time.Second)
	for first := 0.0; ; {
		select {
		case r := <-reports:
			if r.Error != "" {
				t.Fatal(r.Error)
			}
			if first == 0 && len(r.Frames) > 0 {
				first = r.Frames[0][0]
				t.Logf("first frame %.0f ms after the POST", first)
			}
			if r.Video.FramesDecoded > 130 && r.Audio.TotalSamplesReceived > 8000 {
				t.Logf("after %.0f ms: %v", r.At, r)
				return
			}
		case <-deadline:
			t.Fatal("Chromium does not play")
		}
	}
}

// TestChromiumPublishes takes each picture codec from a real browser.
func TestChromiumPublishes(t *testing.T) {
	h, s := newTestService(t, nil)
	var names []string
	watchers := map[media.Codec]*watcher{}
	for _, c := range []media.Codec{media.H264, media.VP8, media.VP9, media.AV1} {
		names = append(names, c.String())
		watchers[c] = watch(t, h, "live/"+c.String())
	}
	reports := browse(t, s, "publish.html?codecs="+strings.Join(names, ","))
	deadline := time.After(60 * time.Second)
	for len(watchers) > 0 {
		select {
		case r := <-reports:
			if r.Error != "" {
				t.Fatal(r.Error)
			}
			t.Logf("%s after %.0f ms: target %.0f, available %.0f bit/s", r.Codec, r.At, r.Video.TargetBitrate, r.Pair.AvailableOutgoingBitrate)
		case <-deadline:
			t.Fatalf("Chromium does not publish: %v are missing", watchers)
		}
		for codec, w := range watchers {
			video, audio := w.kind(media.Video), w.kind(media.Audio)
			if len(video) < 30 || len(audio) < 30 {
				continue
			}
			track := video[0].Track
			if !video[0].Key || track.Codec != codec || track.Width == 0 || audio[0].Track.Codec != media.Opus {
				t.Errorf("%v begins with key %v of %+v and %+v", codec, video[0].Key, track, audio[0].Track)
			}
			delete(watchers, codec)
		}
	}
	for _, i := range s.Sessions() {
		t.Logf("%s: connected in %v by %s, %s: %+v", i.Stream, i.Connected, i.Transport.Protocol, i.Transport.Profile, i.Tracks)
	}
}
