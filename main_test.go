package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is written by the program and read by the test.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// until waits for a text to be said.
func (b *buffer) until(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !strings.Contains(b.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q is not said in\n%s", text, b.String())
		}
	}
}

func TestCommands(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("hub:\n  nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	relays := filepath.Join(t.TempDir(), "relays.yaml")
	if err := os.WriteFile(relays, []byte("relay: {pull: [{stream: live/a, url: 'srt://h/a'}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args      []string
		out, fail string
	}{
		{[]string{"version"}, "sluice dev", ""},
		{[]string{"help"}, "check-config", ""},
		{[]string{"check-config"}, "good", ""},
		{[]string{"check-config", "-c", "conf/sluice.yaml"}, "good", ""},
		{[]string{"check-config", "-c", bad}, "", "nonsense"},
		{[]string{"check-config", "-c", relays}, "", "srt"},
		{[]string{"serve", "-c", bad}, "", "nonsense"},
		{[]string{"-c", bad}, "", "nonsense"},
		{[]string{"sing"}, "", "sluice help"},
		{[]string{"check-config", "--nonsense"}, "", "nonsense"},
		{[]string{"healthcheck", "-url", "http://127.0.0.1:1/healthz"}, "", "refused"},
	} {
		var out buffer
		err := run(t.Context(), c.args, &out, &buffer{})
		if c.fail == "" && err != nil || c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)) {
			t.Errorf("%v: %v", c.args, err)
		}
		if !strings.Contains(out.String(), c.out) {
			t.Errorf("%v says %q", c.args, out.String())
		}
	}
}

// TestServe starts everything, changes the configuration under it, and stops.
func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	config := func(more string) {
		text := "http: {listen: '127.0.0.1:0', listen_tls: '127.0.0.1:0'}\n" +
			"rtmp: {listen: '127.0.0.1:0', listen_tls: ''}\n" +
			"rtsp: {listen: '', listen_tls: ''}\n" +
			"webrtc: {listen_udp: '127.0.0.1:0', listen_tcp: ''}\n" +
			"hls: {always: ['*'], ts: {always: ['*']}}\n" +
			"api: {listen: ''}\n" + more
		// All at once: half a file is another configuration.
		if err := errors.Join(os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	config("")
	var out, log buffer
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"serve", "-c", file, "--demo"}, &out, &log) }()
	out.until(t, "live/demo.mp4")
	if s := out.String(); strings.Contains(s, "rtsp://") || !strings.Contains(s, "rtmp://127.0.0.1") {
		t.Errorf("not the addresses that are listened on:\n%s", s)
	}

	config("log: {level: debug}\nhub: {max_viewers: 7}\n")
	log.until(t, "configuration reloaded")
	if strings.Contains(log.String(), "at the start only") {
		t.Error("a change that is in force is called one that is not")
	}
	config("transcode: {opus_bitrate: 64000}\n")
	log.until(t, "at the start only")
	config("hub: {max_viewers: many}\n")
	log.until(t, "reload failed")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s := log.String(); strings.Contains(s, "context canceled") || !strings.Contains(s, "hls-segmenter") {
		t.Errorf("sessions end without a reason:\n%s", s)
	}
	if n := strings.Count(log.String(), "publish start"); n != 1 {
		t.Errorf("the demo was published %d times: a reload touched it", n)
	}
	http.DefaultClient.CloseIdleConnections()
}
