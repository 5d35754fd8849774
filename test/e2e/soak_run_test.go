package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// TestSoak has publishers and viewers come and go every few seconds, in order
// and by crashes, by every protocol, for as long as SOAK says. Each of them
// must get its media, and the server must end with what it began with. `make
// soak` runs it.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Logf("nothing done: SOAK=30m says how long to soak (%v)", err)
		return
	}
	g := start(t, "LOG_LEVEL=info", "HUB_SECOND_PUBLISHER=takeover", "WEBRTC_PEER_TIMEOUT=3s", "SIGNALING_POST_RATE_PER_SECOND=0", "SIGNALING_POST_RATE_BURST=1")
	s := &soak{g: g, media: encode(t), began: time.Now(), tallies: map[string]*tally{}}
	cold := g.usage()
	s.run(t.Context(), 20*time.Second) // what is made once, on first use, is no leak
	s.quiet()
	base := g.usage()
	t.Logf("cold: %v", cold)
	t.Logf("warm: %v", base)

	done := make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() { s.sample(min(30*time.Second, length/10), done) })
	s.run(t.Context(), length)
	close(done)
	sampling.Wait()
	s.quiet()
	end := g.settled(base)
	s.report(t)
	t.Logf("after the warm-up: %v", base)
	t.Logf("in the end:        %v", end)
	if end.goroutines > base.goroutines+2 || end.descriptors > base.descriptors+2 || end.heap > base.heap+2<<20 {
		t.Error("the server keeps something of the sessions")
	}
}

// soak is a server with those who come and go.
type soak struct {
	g     *gateway
	media clip
	began time.Time

	mu      sync.Mutex
	tallies map[string]*tally // by kind of session
	samples []string
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
		if len(c.problems) < 5 {
			c.problems = append(c.problems, fmt.Sprintf("after %v: %v", time.Since(s.began).Round(time.Second), err))
		}
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

// quiet waits until all sessions are gone.
func (s *soak) quiet() {
	s.g.t.Helper()
	s.g.until("all streams are gone", func() bool {
		http.DefaultClient.CloseIdleConnections()
		return len(s.g.streams()) == 0
	})
}

// sample notes what the server holds, now and then.
func (s *soak) sample(every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		list := s.g.streams()
		viewers := 0
		for _, l := range list {
			viewers += len(l.Viewers)
		}
		u := s.g.usage()
		line := fmt.Sprintf("%v\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f", time.Since(s.began).Round(time.Second), s.total(), len(list), viewers,
			u.goroutines, u.descriptors, float64(u.resident)/1e6, float64(u.heap)/1e6)
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
	fmt.Fprintln(w, "\ntime\tsessions\tstreams\tviewers\tgoroutines\tdescriptors\tresident MB\theap MB\t")
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
