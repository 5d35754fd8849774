package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astits"
)

// TestTS records MPEG-TS by all four ways while the publisher is killed and comes
// back with other sound: pictures are the source's, unbroken but for the seam, and
// a reader of other make finds the stream in order.
func TestTS(t *testing.T) {
	g := start(t)
	first := bframes.make(t, "8")
	second := source{"MP3", strings.Fields(
		"-map 0 -map 1 -c:v libx264 -preset veryfast -bf 3 -g 30 -pix_fmt yuv420p -c:a libmp3lame -b:a 128k -ac 2 -ar 44100")}.make(t, "8")
	publisher := push(t, first, "rtmp://"+g.rtmp+"/live/ts")
	g.live("live/ts", 2)
	files := map[string]string{}
	var stops []func()
	for scheme, host := range map[string]string{"http": g.http, "https": g.https, "ws": g.http, "wss": g.https} {
		file := filepath.Join(t.TempDir(), scheme+".ts")
		url := scheme + "://" + host + "/live/ts.ts"
		record := recordHTTP
		if strings.HasPrefix(scheme, "ws") {
			record = recordWS
		}
		stops, files[scheme] = append(stops, record(t, url, file)), file
	}
	grown := func(what string, size int64) {
		g.until(what, func() bool {
			for _, file := range files {
				if info, err := os.Stat(file); err != nil || info.Size() < size {
					return false
				}
			}
			return true
		})
	}
	grown("media is recorded", 150_000)
	publisher.kill()
	push(t, second, "rtmp://"+g.rtmp+"/live/ts")
	grown("media is recorded after the publisher came back", 500_000)
	for _, stop := range stops {
		stop()
	}
	before, after := pictures(t, first), pictures(t, second)
	for scheme, file := range files {
		t.Run(scheme, func(t *testing.T) {
			got := pictures(t, file)
			n := stretch(got, before)
			// The pictures between the last ones were not sent any more.
			seam := 0
			for seam < 4 && n+seam < len(got) && slices.Contains(before, got[n+seam]) {
				seam++
			}
			m := stretch(got[n+seam:], after)
			if n < 20 || m < 20 || n+seam+m < len(got)-4 { // as at the end
				t.Errorf("of %d pictures %d are the first source's in order, and after %d the second's %d", len(got), n, seam, m)
			}
			auditTS(t, file)
		})
	}
}

// recordHTTP writes a response's body to a file until it is stopped.
func recordHTTP(t *testing.T, url, file string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "video/mp2t" {
		t.Errorf("%s: %s, %s", url, res.Status, res.Header.Get("Content-Type"))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		defer res.Body.Close()
		_, _ = io.Copy(f, res.Body)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// auditTS reads a recording with go-astits: counters without a gap, a clock that
// is there often enough and ahead of nothing, times that rise, and for the second
// publisher's sound a new version of the map.
func auditTS(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)/188*188]
	packets := astits.NewDemuxer(t.Context(), bytes.NewReader(b), astits.DemuxerOptPacketSize(188))
	counters := map[uint16]uint8{}
	var clock time.Duration
	for n := 0; ; n++ {
		p, err := packets.NextPacket()
		if errors.Is(err, astits.ErrNoMorePackets) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		a := p.AdaptationField
		broken := a != nil && a.DiscontinuityIndicator
		last, seen := counters[p.Header.PID]
		if seen && p.Header.HasPayload && p.Header.ContinuityCounter != (last+1)&0xf && !broken {
			t.Fatalf("packet %d, PID %#x: counter %d after %d", n, p.Header.PID, p.Header.ContinuityCounter, last)
		}
		counters[p.Header.PID] = p.Header.ContinuityCounter
		if a == nil || !a.HasPCR {
			continue
		}
		now := a.PCR.Duration()
		if clock > 0 && (now <= clock || now > clock+100*time.Millisecond) && !broken {
			t.Fatalf("packet %d: the clock goes from %v to %v", n, clock, now)
		}
		clock = now
	}
	checkUnits(t, b)
}

func checkUnits(t *testing.T, b []byte) {
	t.Helper()
	units := astits.NewDemuxer(t.Context(), bytes.NewReader(b), astits.DemuxerOptPacketSize(188))
	last := map[uint16]time.Duration{}
	types := map[astits.StreamType]int{}
	first := ""
	for {
		d, err := units.NextData()
		if errors.Is(err, astits.ErrNoMorePackets) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case d.PMT != nil:
			for _, s := range d.PMT.ElementaryStreams {
				types[s.StreamType]++
			}
		case d.PES != nil:
			at := d.PES.Header.OptionalHeader.PTS.Duration()
			if dts := d.PES.Header.OptionalHeader.DTS; dts != nil {
				at = dts.Duration()
			}
			if prev, ok := last[d.PID]; ok && at <= prev {
				t.Fatalf("PID %#x: time goes from %v to %v", d.PID, prev, at)
			}
			last[d.PID] = at
			if first == "" && d.PES.Header.IsVideoStream() {
				first = fmt.Sprint(d.FirstPacket.AdaptationField.RandomAccessIndicator)
			}
		}
	}
	if len(types) != 3 || types[astits.StreamTypeH264Video] == 0 || types[astits.StreamTypeAACAudio] == 0 || types[astits.StreamTypeMPEG1Audio] == 0 {
		t.Errorf("streams %v", types)
	}
	if first != "true" {
		t.Error("begins with a picture that is no random access point")
	}
}

// TestTSPublish has ffmpeg send a transport stream by HTTP: B pictures, H265 and
// Opus come out as they went in.
func TestTSPublish(t *testing.T) {
	g := start(t)
	for _, c := range []struct {
		name, url, method string
		media             source
		codecs            string
	}{
		{"B-frames by POST", "http://" + g.http + "/live/post", "POST", bframes, "h264 aac"},
		{"H265 and Opus by PUT", "https://" + g.https + "/live/put", "PUT", source{"H265", strings.Fields(
			"-map 0 -map 1 -c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=2:keyint=30 -pix_fmt yuv420p -c:a libopus -b:a 96k")}, "hevc opus"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := c.url[strings.Index(c.url, "/live/")+1:]
			file := filepath.Join(t.TempDir(), "source.ts")
			args := append([]string{"-v", "error", "-f", "lavfi", "-i", testVideo, "-f", "lavfi", "-i", testAudio, "-t", "15"}, c.media.args...)
			ffmpeg(t, append(args, file)...)
			background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-re", "-i", file, "-c", "copy", "-f", "mpegts", "-method", c.method, c.url+".ts")
			g.in(t).live(name, 2)
			record := filepath.Join(t.TempDir(), "played.ts")
			ffmpeg(t, "-v", "error", "-i", "http://"+g.http+"/"+name+".ts?opus=1", "-t", "3", "-c", "copy", record)
			if got, source := pictures(t, record), pictures(t, file); len(got) < 60 || stretch(got, source) < len(got)-2 { // the cut takes what the last ones refer to
				t.Errorf("of %d pictures %d are the source's in order", len(got), stretch(got, source))
			}
			if got, source := packets(t, "a", "-i", record), packets(t, "a", "-i", file); len(got) < 60 || stretch(got, source) != len(got) {
				t.Errorf("of %d packets of sound %d are the source's in order", len(got), stretch(got, source))
			}
			found := string(output(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "default=nw=1:nk=1", record))
			if got := strings.Join(strings.Fields(found), " "); !strings.HasPrefix(got, c.codecs) { // once more by program
				t.Errorf("plays %s", got)
			}
		})
	}
}

// TestTSInBrowser plays MPEG-TS as pages do: by Media Source Extensions as
// Chromium takes it, and by mpegts.js over fetch and over a WebSocket. It goes on
// when the publisher was killed and is back.
func TestTSInBrowser(t *testing.T) {
	script := mpegtsLibrary.read(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	}))
	defer server.Close()
	g := start(t)
	file := bframes.make(t, "10")
	publisher := loop(t, file, "rtmp://"+g.rtmp+"/live/ts")
	g.live("live/ts", 2)
	b := browse(t)
	pages := map[string]*tab{}
	for name, play := range map[string]string{
		"Media Source Extensions":  fmt.Sprintf(`e2e.mse('http://%s/live/ts.ts', 'video/mp2t; codecs="avc1.640029,mp4a.40.2"')`, g.http),
		"mpegts.js":                fmt.Sprintf("e2e.mpegts('http://%s/live/ts.ts')", g.http),
		"mpegts.js over WebSocket": fmt.Sprintf("e2e.mpegts('ws://%s/live/ts.ts')", g.http),
	} {
		p := b.open(b.blank)
		defer p.close()
		p.run(mseScript)
		p.run(fmt.Sprintf(`new Promise((ok, no) => {
			e2e.mpegts = (url) => {
				window.player = mpegts.createPlayer({type: 'mpegts', isLive: true, url}, {liveBufferLatencyChasing: true});
				player.on(mpegts.Events.ERROR, (...e) => console.log('mpegts.js', JSON.stringify(e)));
				player.attachMediaElement(document.querySelector('video'));
				player.load();
				player.play();
			};
			const s = document.createElement('script');
			s.src = %q; s.onload = ok; s.onerror = no;
			document.head.append(s);
		})`, server.URL))
		p.run(play)
		p.run("e2e.listen()")
		pages[name] = p
	}
	playing := func() {
		for name, p := range pages {
			t.Log(name)
			p.moves()
			p.hears(880)
		}
	}
	playing()
	publisher.kill()
	g.until("the publisher has gone", func() bool { return !g.stream("live/ts").Live })
	loop(t, file, "rtmp://"+g.rtmp+"/live/ts")
	g.live("live/ts", 2)
	playing()
}
