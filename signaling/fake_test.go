package signaling

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/signaling/sdpfrag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine answers every offer with pionAnswer, or fails with err.
type fakeEngine struct {
	err error
	// entered, if set, is sent to in each call, and release then received from.
	entered, release chan struct{}

	mu       sync.Mutex
	offers   []Offer
	actions  []Action
	sessions []*fakeSession
}

var _ Engine = (*fakeEngine)(nil)

func (e *fakeEngine) Publish(ctx context.Context, o Offer) (Session, Answer, error) {
	return e.answer(ctx, Publish, o)
}

func (e *fakeEngine) Play(ctx context.Context, o Offer) (Session, Answer, error) {
	return e.answer(ctx, Play, o)
}

func (e *fakeEngine) answer(_ context.Context, a Action, o Offer) (Session, Answer, error) {
	if e.entered != nil {
		e.entered <- struct{}{}
		<-e.release
	}
	if e.err != nil {
		return nil, Answer{}, e.err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &fakeSession{id: fmt.Sprintf("s%d", len(e.sessions)+1), ctx: ctx, cancel: cancel}
	e.offers, e.actions, e.sessions = append(e.offers, o), append(e.actions, a), append(e.sessions, s)
	return s, Answer{SDP: pionAnswer}, nil
}

func (e *fakeEngine) last() *fakeSession {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[len(e.sessions)-1]
}

// fakeSession records what it is told.
type fakeSession struct {
	id     string
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu                sync.Mutex
	trickled, restart []sdpfrag.Fragment
	err               error
}

var _ Session = (*fakeSession)(nil)

func (s *fakeSession) ID() string { return s.id }

func (s *fakeSession) AddCandidates(_ context.Context, f sdpfrag.Fragment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trickled = append(s.trickled, f)
	return s.err
}

func (s *fakeSession) Restart(_ context.Context, f sdpfrag.Fragment) (sdpfrag.Fragment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restart = append(s.restart, f)
	if s.err != nil {
		return sdpfrag.Fragment{}, s.err
	}
	n := len(s.restart)
	return sdpfrag.Fragment{
		Ufrag: fmt.Sprintf("server%d", n), Pwd: strings.Repeat("p", 24),
		Candidates: []sdpfrag.Candidate{
			{Foundation: "1", Component: 1, Transport: "tcp", Priority: 1, Address: "192.0.2.2", Port: 8000, Type: "host", Extensions: "tcptype passive"},
			{Foundation: "2", Component: 1, Transport: "udp", Priority: 2, Address: "192.0.2.2", Port: 8000, Type: "host"},
			{Foundation: "2", Component: 2, Transport: "udp", Priority: 2, Address: "192.0.2.2", Port: 8000, Type: "host"},
		},
	}, nil
}

func (s *fakeSession) Close(reason error)       { s.cancel(reason) }
func (s *fakeSession) Context() context.Context { return s.ctx }

// fakeName is the rule for stream names as far as these tests need it.
func fakeName(path string) (string, error) {
	name := strings.Trim(path, "/")
	if name == "" || strings.Contains(name, "..") || strings.Contains(name, "//") {
		return "", errors.New("bad name")
	}
	if !strings.Contains(name, "/") {
		name = "live/" + name
	}
	return name, nil
}

// bed is a server over a fake engine.
type bed struct {
	t      *testing.T
	engine *fakeEngine
	server *Server
	now    time.Time
}

// newBed returns a bed whose configuration and options edit may change.
func newBed(t *testing.T, edit func(*Config, *Options)) *bed {
	t.Helper()
	b := &bed{t: t, engine: &fakeEngine{}, now: time.Unix(1e9, 0)}
	cfg := DefaultConfig()
	opts := Options{
		Engine: b.engine, StreamName: fakeName,
		Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return b.now },
	}
	if edit != nil {
		edit(&cfg, &opts)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	b.server = New(cfg, opts)
	t.Cleanup(b.server.Close)
	return b
}

// do sends a request; header holds names and values in turn.
func (b *bed) do(method, url, body string, header ...string) *http.Response {
	b.t.Helper()
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	return w.Result()
}

func (b *bed) post(url, offer string, header ...string) *http.Response {
	b.t.Helper()
	return b.do("POST", url, offer, append([]string{"Content-Type", "application/sdp"}, header...)...)
}

func (b *bed) patch(url, frag string, header ...string) *http.Response {
	b.t.Helper()
	return b.do("PATCH", url, frag, append([]string{"Content-Type", sdpfrag.MediaType}, header...)...)
}

// publish makes a WHIP session from OBS's offer and returns its URL and ETag.
func (b *bed) publish() (url, etag string) {
	b.t.Helper()
	res := b.post("/live/x/whip", clientOffer(b.t, "whip-obs-30.2"))
	if res.StatusCode != http.StatusCreated {
		b.t.Fatalf("%s: %s", res.Status, text(b.t, res))
	}
	return res.Header.Get("Location"), res.Header.Get("ETag")
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantStatus(t *testing.T, res *http.Response, want int) {
	t.Helper()
	if res.StatusCode != want {
		t.Errorf("status %d, want %d: %s", res.StatusCode, want, text(t, res))
	}
}

func wantHeader(t *testing.T, res *http.Response, name, want string) {
	t.Helper()
	if got := res.Header.Get(name); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}
