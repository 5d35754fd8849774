package conns

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a connection that lasts until it is ended, or, if it is deaf, cut.
type fake struct {
	net   net.Conn
	deaf  bool
	cause atomic.Value
}

func (f *fake) End(cause error) {
	f.cause.Store(cause)
	if !f.deaf {
		f.Cut()
	}
}

func (f *fake) Cut() { f.net.Close() }

// server accepts fakes, two at most.
type server struct {
	Group[*fake]
	addr    string
	deaf    bool
	refused chan bool // full
	served  chan error
}

func serve(t *testing.T, deaf bool) *server {
	t.Helper()
	s := &server{deaf: deaf, refused: make(chan bool, 10), served: make(chan error, 1)}
	l, err := Listen(slog.New(slog.DiscardHandler), func(ln net.Listener) error {
		err := s.Serve(ln, s.accept, func(err error) { t.Error(err) })
		s.served <- err
		return err
	}, Address{Protocol: "off"}, Address{Protocol: "test", Addr: "127.0.0.1:0"})
	if err != nil || len(l.Addrs()) != 1 {
		t.Fatal(l, err)
	}
	t.Cleanup(l.Wait)
	s.addr = l.Addrs()[0].String()
	return s
}

func (s *server) accept(nc net.Conn) {
	c := &fake{net: nc, deaf: s.deaf}
	if full, ok := s.Add(c, 2); !ok {
		s.refused <- full
		nc.Close()
		return
	}
	go func() {
		defer s.Remove(c)
		nc.Read(make([]byte, 1))
	}()
}

func (s *server) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestGroup(t *testing.T) {
	s := serve(t, false)
	for range 3 {
		s.dial(t)
	}
	if full := <-s.refused; !full || s.Len() != 2 {
		t.Errorf("the third connection is refused for another reason than that there are two: %d", s.Len())
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-s.served; !errors.Is(err, ErrClosed) || s.Len() != 0 {
		t.Errorf("%v, %d connections", err, s.Len())
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln, s.accept, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("serves after Shutdown: %v", err)
	}
	a, b := net.Pipe()
	defer b.Close()
	if full, ok := s.Add(&fake{net: a}, 2); full || ok {
		t.Error("a connection is taken after Shutdown")
	}
	a.Close()
}

// TestCut shuts down while a connection does not end: it is cut in time.
func TestCut(t *testing.T) {
	s := serve(t, true)
	var open []net.Conn
	for range 3 { // the third is refused once two are on the list
		open = append(open, s.dial(t))
	}
	<-s.refused
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, c := range open {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is still open")
		}
	}
	<-s.served
}

func TestListenAllOrNone(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	if _, err := Listen(log, nil, Address{"a", addr, nil}, Address{"b", taken.Addr().String(), nil}); err == nil {
		t.Fatal("an address that is taken is no error")
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the first address stays taken: %v", err)
	}
	again.Close()
}
