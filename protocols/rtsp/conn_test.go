package rtsp

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// woken is a connection on which a read ends early, as where its deadline was
// changed under it.
type woken struct {
	net.Conn
	reads int
}

func (w *woken) SetReadDeadline(time.Time) error { return nil }

func (w *woken) Read([]byte) (int, error) {
	w.reads++
	if w.reads < 3 {
		return 0, os.ErrDeadlineExceeded
	}
	return 1, nil
}

// TestWoken: who is woken early while a change of patience takes effect has not
// waited in vain, and goes on.
func TestWoken(t *testing.T) {
	for name, c := range map[string]struct {
		patience patience
		reads    int
		err      error
	}{
		"of a set-up":   {patience{until: time.Now().Add(time.Hour)}, 3, nil},
		"of a session":  {patience{idle: time.Hour, alive: func(time.Time) bool { return false }}, 3, nil},
		"none any more": {noPatience(), 1, ErrTimeout},
	} {
		w := &woken{}
		conn := conn{net: w}
		conn.patience.Store(&c.patience)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, c.err) || w.reads != c.reads {
			t.Errorf("%s: %v after %d reads", name, err, w.reads)
		}
	}
}
