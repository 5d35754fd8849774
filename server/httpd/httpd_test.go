package httpd

import (
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/server/tlscert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// suffix is a route that answers paths with its suffix.
type suffix string

func (s suffix) Match(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, string(s)) }

func (s suffix) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("wait") {
		<-r.Context().Done()
	}
	_, _ = io.WriteString(w, string(s))
}

func start(t *testing.T) *Server {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	cert, err := tlscert.New(tlscert.Config{}, logger)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Config{Listen: "127.0.0.1:0", ListenTLS: "127.0.0.1:0"}, cert.TLS(), []Route{suffix(".flv"), suffix("v")}, logger)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRoutes(t *testing.T) {
	s := start(t)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the server signs itself
	client := &http.Client{Transport: tr}
	for url, want := range map[string]string{
		"http://" + s.Addrs()[0].String() + "/a.flv":  ".flv",
		"https://" + s.Addrs()[1].String() + "/a.flv": ".flv",
		"http://" + s.Addrs()[0].String() + "/v":      "v",
		"http://" + s.Addrs()[0].String() + "/":       "nothing here",
	} {
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.HasPrefix(string(body), want) {
			t.Errorf("%s: %q", url, body)
		}
	}
	tr.CloseIdleConnections()
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStopEndsRequestsThatStream(t *testing.T) {
	s := start(t)
	done := make(chan error, 1)
	entered := make(chan struct{})
	go func() {
		conn, err := net.Dial("tcp", s.Addrs()[0].String())
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /a.flv?wait HTTP/1.1\r\nHost: x\r\n\r\n")
		close(entered)
		_, err = io.Copy(io.Discard, conn)
		done <- err
	}()
	<-entered
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Log(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the request goes on after Stop")
	}
}

func TestBodiesThatDoNotArriveEndTheConnection(t *testing.T) {
	srv := httptest.NewServer(boundBody(suffix("v"), 100*time.Millisecond))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("got %q and %v, want an answer and the end of the connection", answer, err)
	}
}

func TestPanicsAreLogged(t *testing.T) {
	var text strings.Builder
	logger := slog.New(slog.NewTextHandler(&text, nil))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("ouch") }))
	srv.Config.ErrorLog = log.New(errorLog{logger}, "", 0)
	srv.Start()
	if _, err := http.Get(srv.URL); err == nil {
		t.Error("a panic was answered")
	}
	srv.Close()
	if !strings.Contains(text.String(), "ouch") {
		t.Errorf("the log says %q", text.String())
	}
	srv.Config.ErrorLog.Print("http: TLS handshake error from 192.0.2.1: EOF")
	if strings.Contains(text.String(), "192.0.2.1") {
		t.Errorf("a client's affair is logged: %q", text.String())
	}
}

func TestAddressInUse(t *testing.T) {
	s := start(t)
	defer s.Stop(t.Context())
	taken := s.Addrs()[0].String()
	if _, err := Start(Config{Listen: taken}, nil, nil, slog.Default()); err == nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("Start on a taken port: %v", err)
	}
}

func TestSlot(t *testing.T) {
	var s Slot
	r := httptest.NewRequest(http.MethodGet, "/a.flv", nil)
	answer := func() int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	if s.Match(r) || answer() != http.StatusServiceUnavailable {
		t.Error("an empty slot serves")
	}
	s.Set(suffix(".flv"))
	if !s.Match(r) || answer() != http.StatusOK {
		t.Error("a full slot does not serve")
	}
	s.Set(nil)
	if s.Match(r) {
		t.Error("an emptied slot matches")
	}
}
