// Package e2e drives the built binary with the programs that users have:
// ffmpeg, ffprobe and Chromium.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long any one thing may take before a test gives up. It is
// far beyond what is expected: the machine may be busy.
const patience = 60 * time.Second

// gateway is a running sluice.
type gateway struct {
	t           *testing.T
	cmd         *exec.Cmd
	log         *logBuffer
	ended       chan error // how the process ended
	http, https string
	rtmp, rtmps string
	rtsp, rtsps string
	api, webrtc string
}

// start runs the binary on free ports of loopback. Each env is KEY=VALUE
// without the prefix.
func start(t *testing.T, env ...string) *gateway {
	t.Helper()
	return startWith(t, nil, env...)
}

func startWith(t *testing.T, args []string, env ...string) *gateway {
	t.Helper()
	bin := os.Getenv("SLUICE_BIN")
	if bin == "" {
		t.Fatal("SLUICE_BIN is not set; run `make e2e`")
	}
	p, media := freePorts(t, 8), freeRange(t, 100)
	g := &gateway{
		t: t, log: &logBuffer{}, ended: make(chan error, 1), http: p[0], https: p[1], rtmp: p[2], rtmps: p[3], api: p[4], webrtc: p[5],
		rtsp: p[6], rtsps: p[7],
		cmd: exec.Command(bin, append([]string{"serve"}, args...)...),
	}
	g.cmd.Env = append(environ(),
		"SLUICE_HTTP_LISTEN="+g.http, "SLUICE_HTTP_LISTEN_TLS="+g.https,
		"SLUICE_RTMP_LISTEN="+g.rtmp, "SLUICE_RTMP_LISTEN_TLS="+g.rtmps,
		"SLUICE_RTSP_LISTEN="+g.rtsp, "SLUICE_RTSP_LISTEN_TLS="+g.rtsps, fmt.Sprintf("SLUICE_RTSP_UDP_PORTS=%d-%d", media, media+99),
		"SLUICE_API_LISTEN="+g.api, "SLUICE_WEBRTC_LISTEN_UDP="+g.webrtc, "SLUICE_WEBRTC_LISTEN_TCP="+g.webrtc,
		"SLUICE_LOG_LEVEL=debug")
	for _, e := range env {
		g.cmd.Env = append(g.cmd.Env, "SLUICE_"+e)
	}
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { g.ended <- g.cmd.Wait() }()
	t.Cleanup(g.stop)
	g.until("the server is up", func() bool {
		select {
		case err := <-g.ended:
			g.ended <- err
			t.Fatalf("sluice ended at once: %v", err)
		default:
		}
		res, err := http.Get("http://" + g.api + "/readyz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	return g
}

// environ is this process's environment without what would configure the server.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "SLUICE_") })
}

// stop ends the server and expects it to end well.
func (g *gateway) stop() {
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-g.ended:
		if err != nil {
			g.t.Errorf("sluice ended with %v", err)
		}
	case <-time.After(patience):
		_ = g.cmd.Process.Signal(syscall.SIGQUIT) // a goroutine dump into the log
		<-g.ended
		g.t.Error("sluice does not stop")
	}
	if g.t.Failed() {
		g.t.Logf("sluice said:\n%s", g.log.String())
	}
}

// in is the gateway as a subtest of the one that started it sees it.
func (g *gateway) in(t *testing.T) *gateway {
	sub := *g
	sub.t = t
	return &sub
}

// until waits for a condition.
func (g *gateway) until(what string, ok func() bool) {
	g.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			g.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// stream is what the API says of a stream.
type stream struct {
	Name   string `json:"name"`
	Live   bool   `json:"live"`
	Tracks []struct {
		Kind, Codec string
		SampleRate  int `json:"sample_rate"`
		Channels    int
	} `json:"tracks"`
	Viewers []struct {
		Protocol string `json:"protocol"`
		Remote   string `json:"remote_addr"`
		Bytes    int64  `json:"bytes"`
		Jumps    int64  `json:"jumps"`
	} `json:"viewers"`
}

// stream returns what the API says of a stream; the zero value if it's not there.
func (g *gateway) stream(name string) stream {
	g.t.Helper()
	res, err := http.Get("http://" + g.api + "/api/v1/streams")
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	var list []stream
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		g.t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == name {
			return s
		}
	}
	return stream{}
}

// live waits until the stream has that many tracks.
func (g *gateway) live(name string, tracks int) {
	g.t.Helper()
	g.until(fmt.Sprintf("%s is live with %d tracks", name, tracks), func() bool {
		s := g.stream(name)
		return s.Live && len(s.Tracks) == tracks
	})
}

// freePorts returns n addresses of loopback whose ports are free, for TCP and
// for UDP.
func freePorts(t *testing.T, n int) (addrs []string) {
	t.Helper()
	for len(addrs) < n {
		addr := fmt.Sprintf("127.0.0.1:%d", freeRange(t, 1))
		if !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// freeRange returns the first, which is even, of n ports in a row that are free.
// They are none of those that the system gives out, which any socket may get
// before they are taken.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for range 1000 {
		if first := 11000 + 2*rand.IntN(10500); isFree(first, n) {
			return first
		}
	}
	t.Fatalf("no %d ports in a row are free", n)
	return 0
}

func isFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		l.Close()
		p, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		p.Close()
	}
	return true
}

// logBuffer keeps the end of what a process says.
type logBuffer struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	lines int      // all that were said
	alarm []string // lines of errors, races and panics, the first of them
}

const (
	maxLog   = 256 << 10
	maxAlarm = 20
)

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() > maxLog {
		b.buf.Next(b.buf.Len() - maxLog/2)
	}
	b.lines += bytes.Count(p, []byte("\n"))
	for line := range bytes.Lines(p) {
		if len(b.alarm) < maxAlarm && (bytes.Contains(line, []byte("level=ERROR")) || bytes.Contains(line, []byte("DATA RACE")) || bytes.HasPrefix(line, []byte("panic"))) {
			b.alarm = append(b.alarm, string(line))
		}
	}
	return b.buf.Write(p)
}

// alarming returns the lines that no server should say.
func (b *logBuffer) alarming() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.alarm)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
