package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/protocols/rtmp/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// relay is a handler that passes what is published on to who plays it, from
// the time at which the player comes.
type relay struct {
	connect func(*ConnectInfo) error
	publish func(*PublishSession) error

	mu      sync.Mutex
	changed *sync.Cond
	players map[string][]*relayed
	live    map[string]int
	seen    []Request
}

// relayed is what one player is to be sent; it is closed at the end.
type relayed struct {
	session  *PlaySession
	messages chan message.Message
}

func newRelay() *relay {
	r := &relay{players: make(map[string][]*relayed), live: make(map[string]int)}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func (r *relay) HandleConnect(_ context.Context, info *ConnectInfo) error {
	if r.connect != nil {
		return r.connect(info)
	}
	return nil
}

func (r *relay) HandlePublish(_ context.Context, s *PublishSession) error {
	path := s.Request.Path
	r.note(s.Request)
	if r.publish != nil {
		if err := r.publish(s); err != nil {
			return err
		}
	}
	r.count(path, 1)
	defer r.count(path, -1)
	defer r.end(path)
	for {
		m, err := s.Read()
		if err != nil {
			return err
		}
		r.mu.Lock()
		for _, p := range r.players[path] {
			p.messages <- m
		}
		r.mu.Unlock()
	}
}

func (r *relay) HandlePlay(ctx context.Context, s *PlaySession) error {
	r.note(s.Request)
	if s.Request.Path == "live/none" {
		return &StatusError{CodePlayStreamNotFound, "there is no such stream here"}
	}
	p := &relayed{session: s, messages: make(chan message.Message, 1<<16)}
	if err := s.Accept(); err != nil {
		return err
	}
	r.mu.Lock()
	r.players[s.Request.Path] = append(r.players[s.Request.Path], p)
	r.changed.Broadcast()
	r.mu.Unlock()
	for {
		select {
		case m, ok := <-p.messages:
			if !ok {
				return nil
			}
			if err := s.Write(m); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *relay) note(req Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, req)
}

func (r *relay) count(path string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[path] += n
	r.changed.Broadcast()
}

// end ends the players of a stream.
func (r *relay) end(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.players[path] {
		close(p.messages)
	}
	delete(r.players, path)
}

// wait waits until ok, which is called under the relay's lock.
func (r *relay) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.AfterFunc(20*time.Second, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})
	defer late.Stop()
	deadline := time.Now().Add(20 * time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
		r.changed.Wait()
	}
}

func (r *relay) waitPlayers(t *testing.T, path string, n int) {
	t.Helper()
	r.wait(t, "players", func() bool { return len(r.players[path]) == n })
}

// player waits for the one player of a stream.
func (r *relay) player(t *testing.T, path string) *PlaySession {
	t.Helper()
	r.waitPlayers(t, path, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.players[path][0].session
}

func (r *relay) requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

func (r *relay) waitLive(t *testing.T, path string, n int) {
	t.Helper()
	r.wait(t, "publishers", func() bool { return r.live[path] == n })
}

// server is a Server under test with what it listens on.
type server struct {
	*Server
	addr, tlsAddr string
}

// startServer serves on loopback, RTMP and RTMPS, until the test ends.
func startServer(t *testing.T, h Handler, change ...func(*Server)) *server {
	t.Helper()
	s := &server{Server: &Server{Handler: h, Options: DefaultOptions(), Log: testLog(t)}}
	for _, f := range change {
		f(s.Server)
	}
	plain, secure := listen(t), listen(t)
	s.addr, s.tlsAddr = plain.Addr().String(), secure.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() { s.check(t, s.Serve(plain)) })
	serving.Go(func() {
		s.check(t, s.ServeTLS(secure, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}))
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		serving.Wait()
	})
	return s
}

func (s *server) check(t *testing.T, err error) {
	if !errors.Is(err, ErrServerClosed) {
		t.Errorf("serve: %v", err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// testClient is a client that trusts the tests' certificates.
func testClient() *Client {
	c := NewClient()
	c.TLS = &tls.Config{InsecureSkipVerify: true}
	return c
}

// testContext ends with the test, well before the test binary's own timeout.
func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// readAll reads until the player ends.
func readAll(p *Player) (list []message.Message, err error) {
	for {
		m, err := p.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, m)
	}
}
