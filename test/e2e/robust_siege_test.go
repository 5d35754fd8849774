package e2e

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// siege is a server under attack, with bystanders.
type siege struct {
	*gateway
	by   *bystanders
	base usage
}

// besiege starts a server that is quick to give up on clients.
func besiege(t *testing.T) *siege {
	t.Helper()
	g := start(t, "LOG_LEVEL=info", "RTMP_SETUP_TIMEOUT=2s", "RTMP_IDLE_TIMEOUT=5s", "SIGNALING_REQUEST_TIMEOUT=2s", "SIGNALING_POST_RATE_PER_SECOND=0",
		"SIGNALING_POST_RATE_BURST=1", "WEBRTC_CONNECT_TIMEOUT=3s", "HUB_VIEWER_WAIT=1s", "HUB_VIEWER_LATENCY=30s")
	s := &siege{gateway: g, by: bystand(t, g)}
	s.base = s.usage()
	t.Logf("in the beginning: %v", s.base)
	return s
}

// attack runs f as a subtest, and then expects that the server is as it was,
// that the bystanders play on and that the log has at most so many lines for
// each of the sessions that f says it has made.
func (s *siege) attack(t *testing.T, name string, linesPerSession int, f func(t *testing.T) (sessions int)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		outer := s.t
		s.t = t
		defer func() { s.t = outer }()
		before := s.log.count()
		began := time.Now()
		n := f(t)
		took := time.Since(began)
		s.alive()
		peak := s.usage()
		after := s.settled(s.base)
		s.by.playOn()
		lines := s.log.count() - before
		t.Logf("%d sessions in %v, %d lines of log; at the end %v, then %v", n, took.Round(time.Millisecond), lines, peak, after)
		if lines > n*linesPerSession+20 {
			t.Errorf("%d lines of log for %d sessions", lines, n)
		}
	})
}

// atOnce runs f for 0 to n-1, some at a time.
func atOnce(n, workers int, f func(i int)) {
	work := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range work {
				f(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
}

// throw opens a connection, writes b, ends its own side, and waits for the
// server to do the same. It reports whether the server did.
func throw(addr string, secure bool, b []byte) bool {
	conn, err := dial(addr, secure)
	if err != nil {
		return true
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(b)
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	return ended(conn)
}

// ended reads until the server closes, and reports whether it did in time.
func ended(conn net.Conn) bool {
	_, err := io.Copy(io.Discard, conn)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// garbage returns reproducible noise.
func garbage(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// renamed is a recording in which the stream has another name of the same
// length.
func renamed(recording []byte, from, to string) []byte {
	return bytes.ReplaceAll(recording, []byte(from), []byte(to))
}
