package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// TestSoak has publishers and viewers come and go every few seconds, in order
// and by crashes, by every protocol, among viewers that stall or vanish and
// peers that send garbage, with records and relays, for as long as SOAK says. Each of them
// must get its media, at times that never run backwards, and the server must
// end with what it began with. `make soak` runs it.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Logf("nothing done: SOAK=30m says how long to soak (%v)", err)
		return
	}
	s := newSoak(t)
	cold := s.usage()
	s.run(t.Context(), 40*time.Second) // what is made once, on first use, is no leak
	s.quiet()
	base := s.usage()
	t.Logf("cold: %v\nwarm: %v", cold, base)

	done := make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() { s.sample(min(15*time.Second, length/10), done) })
	s.run(t.Context(), length)
	close(done)
	sampling.Wait()
	s.quiet()
	s.report(t)
	for i, g := range s.servers() {
		end := g.settled(base[i])
		t.Logf("server %d, after the warm-up: %v", i, base[i])
		t.Logf("server %d, in the end:        %v", i, end)
		if end.goroutines > base[i].goroutines+2 || end.descriptors > base[i].descriptors+2 || end.ports > base[i].ports || end.heap > base[i].heap+2<<20 {
			t.Errorf("server %d keeps something of the sessions", i)
		}
		for _, line := range g.log.alarming() {
			t.Errorf("server %d says: %s", i, line)
		}
	}
	s.disk(t)
}

// soak is a server with those who come and go, and another one that it pulls
// from and pushes to.
type soak struct {
	g, far       *gateway
	records, hls string // folders
	media        clip
	big          string // a file of much data, FLV
	tape, ts     []byte // a session of RTMP, a transport stream
	began        time.Time

	mu      sync.Mutex
	tallies map[string]*tally // by kind of session
	samples []string
	largest int64 // the records, at any time
}

// soakOrigin is the stream that the other server has.
const soakOrigin = "origin/rtmp"

// keepRecords is how many bytes of finished records are kept.
const keepRecords = 16 << 20

// newSoak starts the servers and makes the media.
func newSoak(t *testing.T) *soak {
	quick := []string{
		"LOG_LEVEL=info", "HUB_SECOND_PUBLISHER=takeover", "HUB_RECONNECT_WAIT=20s", "HUB_VIEWER_LATENCY=3s", "HUB_TRACK_WAIT=3s",
		"SIGNALING_POST_RATE_PER_SECOND=0", "SIGNALING_POST_RATE_BURST=1",
		"RTMP_WRITE_TIMEOUT=3s", "RTMP_UNPUBLISH_NOTIFY=30s", "RTSP_WRITE_TIMEOUT=3s", "RTSP_SESSION_TIMEOUT=20s", "RTSP_DESCRIBE_WAIT=30s",
		"HTTPFLV_WRITE_TIMEOUT=3s", "HTTPTS_WRITE_TIMEOUT=3s", "HTTPMP4_WRITE_TIMEOUT=3s",
		"RELAY_RETRY=500ms", "RELAY_RETRY_MAX=2s",
	}
	s := &soak{media: encode(t), began: time.Now(), tallies: map[string]*tally{}, records: t.TempDir(), hls: t.TempDir()}
	s.far = start(t, quick...)
	s.g = start(t, append(quick,
		"RECORD_DIR="+s.records, fmt.Sprintf("RECORD_KEEP_BYTES=%d", keepRecords),
		`RECORD_RULES=[{match: "live/*", formats: [flv, mpegts, fmp4, hls], segment_duration: 5s}]`, "HLS_TS_DIR="+s.hls,
		fmt.Sprintf(`RELAY_PULL=[{stream: live/pull0, url: "rtmp://%s/%s"}, {stream: live/pull1, url: "rtsp://%s/%s", transport: udp, on_demand: true}]`, s.far.rtmp, soakOrigin, s.far.rtsp, soakOrigin),
		fmt.Sprintf(`RELAY_PUSH=[{stream: "live/rtmp*", url: "rtmp://%s/push/{stream}"}, {stream: live/tcp0, url: "rtsp://%s/push/{stream}"}, {stream: live/udp0, url: "rtsp://%s/push/{stream}", transport: udp}]`,
			s.far.rtmp, s.far.rtsp, s.far.rtsp))...)
	much := source{"much", strings.Fields("-map 0 -map 1 -vf noise=alls=60:allf=t -c:v libx264 -preset ultrafast -tune zerolatency " +
		"-b:v 12M -maxrate 12M -bufsize 2M -g 30 -pix_fmt yuv420p -c:a aac -b:a 64k -ac 2")}
	s.big = much.make(t, "10")
	s.tape = taped(t, s.g, "bad0")
	ts := filepath.Join(t.TempDir(), "a.ts")
	ffmpeg(t, "-v", "error", "-t", "4", "-i", s.media.file, "-c", "copy", ts)
	var err error
	if s.ts, err = os.ReadFile(ts); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *soak) servers() []*gateway { return []*gateway{s.g, s.far} }

func (s *soak) usage() (list []usage) {
	for _, g := range s.servers() {
		list = append(list, g.usage())
	}
	return list
}

// tally is how the sessions of one kind went.
type tally struct {
	sessions, failed int
	slowest          time.Duration // from asking to the first media
	problems         []string
}

// note counts a session. first is how long it took to the first media.
func (s *soak) note(kind string, first time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.tallies[kind]
	if c == nil {
		c = &tally{}
		s.tallies[kind] = c
	}
	c.sessions++
	if err != nil {
		c.failed++
		problem := fmt.Sprintf("after %v: %v", time.Since(s.began).Round(time.Second), err)
		if len(c.problems) < 5 {
			c.problems = append(c.problems, problem)
		}
		fmt.Fprintf(os.Stderr, "soak: %s: %s\n", kind, problem)
		return
	}
	c.slowest = max(c.slowest, first)
}

// total returns how many sessions there were.
func (s *soak) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.tallies {
		n += c.sessions
	}
	return n
}

// quiet waits until all sessions are gone, but for the pull that waits for its
// stream.
func (s *soak) quiet() {
	for _, g := range s.servers() {
		g.t.Helper()
		g.until("all streams are gone", func() bool {
			http.DefaultClient.CloseIdleConnections()
			return !slices.ContainsFunc(g.streams(), func(l stream) bool { return l.Live || l.Name != soakOrigin || len(l.Viewers) > 1 })
		})
	}
}

// streams returns all that the API lists.
func (g *gateway) streams() (list []stream) {
	g.t.Helper()
	res, err := http.Get("http://" + g.api + "/api/v1/streams")
	if err != nil {
		g.t.Error(err)
		return nil
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		g.t.Error(err)
	}
	return list
}

// sample notes what the server holds, now and then, and has it read its
// configuration again, which nobody is to notice.
func (s *soak) sample(every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		_ = s.g.cmd.Process.Signal(syscall.SIGHUP)
		list := s.g.streams()
		viewers := 0
		for _, l := range list {
			viewers += len(l.Viewers)
		}
		u := s.g.usage()
		size, _ := stored(s.records)
		s.largest = max(s.largest, size)
		line := fmt.Sprintf("%v\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f", time.Since(s.began).Round(time.Second), s.total(), len(list), viewers,
			u.goroutines, u.descriptors, u.ports, float64(u.resident)/1e6, float64(u.heap)/1e6, float64(size)/1e6)
		s.samples = append(s.samples, line)
		fmt.Fprintln(os.Stderr, "soak:", strings.ReplaceAll(line, "\t", " "))
	}
}

// report prints the samples and how each kind of session went, and fails the
// test for those that got nothing.
func (s *soak) report(t *testing.T) {
	t.Helper()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\ntime\tsessions\tstreams\tviewers\tgoroutines\tdescriptors\tUDP ports\tresident MB\theap MB\trecords MB\t")
	for _, line := range s.samples {
		fmt.Fprintln(w, line+"\t")
	}
	fmt.Fprintln(w, "\nkind\tsessions\tfailed\tslowest first media\t")
	for _, kind := range slices.Sorted(maps.Keys(s.tallies)) {
		c := s.tallies[kind]
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t\n", kind, c.sessions, c.failed, c.slowest.Round(time.Millisecond))
		for _, p := range c.problems {
			t.Errorf("%s: %s", kind, p)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
}

// disk checks what is left on it.
func (s *soak) disk(t *testing.T) {
	t.Helper()
	// Old records are looked for once a minute; some six streams by four formats
	// write until then.
	info, err := os.Stat(s.media.file)
	if err != nil {
		t.Fatal(err)
	}
	aMinute := info.Size() * 6 * int64(len(soakStreams)) * 4
	t.Logf("records: %.1f MB at most, of which %.1f MB are kept and %.1f MB come in a minute", float64(s.largest)/1e6, float64(keepRecords)/1e6, float64(aMinute)/1e6)
	if s.largest > keepRecords+2*aMinute {
		t.Error("records grow beyond what they may")
	}
	s.g.until("no record is being written, and HLS has left no file", func() bool {
		_, unfinished := stored(s.records)
		left, _ := stored(s.hls)
		return unfinished == 0 && left == 0
	})
}
