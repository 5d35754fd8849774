package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPostClients sends every real client's offer to its endpoint.
func TestPostClients(t *testing.T) {
	b := newBed(t, nil)
	for name, offer := range clientOffers(t) {
		t.Run(name, func(t *testing.T) {
			a := actionOf(name)
			res := b.post("/live/x/"+a.endpoint(), offer, "User-Agent", name, "Accept", "*/*")
			wantStatus(t, res, http.StatusCreated)
			wantHeader(t, res, "Content-Type", "application/sdp")
			wantHeader(t, res, "Accept-Patch", "application/trickle-ice-sdpfrag")
			wantHeader(t, res, "Access-Control-Allow-Origin", "*")
			// OBS takes a Location that does not begin with http as an absolute path.
			if l := res.Header.Get("Location"); !strings.HasPrefix(l, "/live/x/"+a.endpoint()+"/") || strings.Contains(l, "?") {
				t.Errorf("Location %q", l)
			}
			if e := res.Header.Get("ETag"); len(e) < 12 || e[0] != '"' || e[len(e)-1] != '"' {
				t.Errorf("ETag %q is no strong entity-tag", e)
			}
			answer := text(t, res)
			// FFmpeg takes a body that begins with v= and is shorter than 8 KiB.
			if !strings.HasPrefix(answer, "v=0\r\n") || len(answer) > 8<<10 {
				t.Errorf("answer of %d bytes: %s", len(answer), answer)
			}
			got := b.engine.offers[len(b.engine.offers)-1]
			if b.engine.actions[len(b.engine.actions)-1] != a || got.Stream != "live/x" || got.UserAgent != name || !got.Remote.IsValid() {
				t.Errorf("engine got %v of %s, %q, %v", a, got.Stream, got.UserAgent, got.Remote)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	b := newBed(t, nil)
	offer := clientOffer(t, "whep-chromium-156")
	for path, stream := range map[string]string{
		"/live/x/whep":      "live/x",
		"/live/x/whep/":     "live/x",
		"/x/whep":           "live/x",
		"/a/b/c/d/whep":     "a/b/c/d",
		"/whip/whep/whep":   "whip/whep",
		"/live/x/whep?q=1":  "live/x",
		"/live/x%2Dy/whep":  "live/x-y",
		"/live/x/whep?a=b&": "live/x",
	} {
		res := b.post(path, offer)
		wantStatus(t, res, http.StatusCreated)
		if got := b.engine.offers[len(b.engine.offers)-1].Stream; got != stream {
			t.Errorf("%s: stream %q, want %q", path, got, stream)
		}
		del := b.do("DELETE", res.Header.Get("Location"), "")
		wantStatus(t, del, http.StatusOK)
	}
	id := strings.Repeat("A", idLen)
	for path, want := range map[string]bool{
		"/live/x/whip": true, "/live/x/whep": true, "/x/whep/": true,
		"/live/x/whip/" + id: true, "/live/x/whip/" + strings.ToLower(id): false, "/live/x/whip/short": false,
		"/": false, "/whep": false, "/live/x": false, "/live/x.flv": false, "/live/../whep": false,
		"/live/x/publish": false, "/live/x/whip2": false, "//whip": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://h/", nil)
		r.URL.Path = path
		if got := b.server.Match(r); got != want {
			t.Errorf("Match(%s) = %v", path, got)
		}
	}
	wantStatus(t, b.do("POST", "/live/x", ""), http.StatusNotFound)
}

func TestGetHeadOptions(t *testing.T) {
	b := newBed(t, nil)
	session, _ := b.publish()
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/live/x/whip", 204},
		{"HEAD", "/live/x/whip", 204},
		{"GET", "/live/x/whep", 200},
		{"HEAD", "/live/x/whep", 200},
		{"GET", session, 204},
		{"HEAD", session, 204},
		{"OPTIONS", "/live/x/whip", 200},
		{"OPTIONS", "/live/x/whep", 200},
		{"OPTIONS", session, 200},
		{"PUT", "/live/x/whip", 405},
		{"PATCH", "/live/x/whip", 405},
		{"DELETE", "/live/x/whep", 405},
		{"POST", session, 405},
		{"PUT", session, 405},
	} {
		res := b.do(tc.method, tc.path, "")
		wantStatus(t, res, tc.status)
		if tc.status < 300 && text(t, res) != "" {
			t.Errorf("%s %s has a body", tc.method, tc.path)
		}
		if tc.status == 405 || tc.method == "OPTIONS" {
			if res.Header.Get("Allow") == "" {
				t.Errorf("%s %s: no Allow", tc.method, tc.path)
			}
		}
	}
	wantHeader(t, b.do("HEAD", "/live/x/whep", ""), "Content-Type", "application/sdp")
	wantHeader(t, b.do("OPTIONS", "/live/x/whep", ""), "Accept-Post", "application/sdp")
	wantHeader(t, b.do("OPTIONS", session, ""), "Accept-Patch", "application/trickle-ice-sdpfrag")
}

func TestCORS(t *testing.T) {
	b := newBed(t, nil)
	res := b.do("OPTIONS", "/live/x/whip", "", "Origin", "https://a.example", "Access-Control-Request-Method", "POST")
	wantStatus(t, res, 200)
	wantHeader(t, res, "Access-Control-Allow-Origin", "*")
	for name, wants := range map[string][]string{
		"Access-Control-Allow-Methods":  {"POST"},
		"Access-Control-Allow-Headers":  {"Authorization", "Content-Type", "If-Match"},
		"Access-Control-Expose-Headers": {"Location", "Link", "ETag", "Accept-Post", "Accept-Patch", "Retry-After"},
	} {
		for _, w := range wants {
			if !strings.Contains(res.Header.Get(name), w) {
				t.Errorf("%s lacks %s: %q", name, w, res.Header.Get(name))
			}
		}
	}
	one := newBed(t, func(c *Config, _ *Options) { c.AllowOrigins = []string{"https://a.example"} })
	res = one.do("GET", "/live/x/whip", "", "Origin", "https://a.example")
	wantHeader(t, res, "Access-Control-Allow-Origin", "https://a.example")
	res = one.do("GET", "/live/x/whip", "", "Origin", "https://b.example")
	wantHeader(t, res, "Access-Control-Allow-Origin", "")
	wantHeader(t, res, "Vary", "Origin")
}

func TestPostTypes(t *testing.T) {
	b := newBed(t, nil)
	offer := clientOffer(t, "whip-obs-30.2")
	for _, tc := range []struct {
		contentType, accept string
		status              int
	}{
		{"application/sdp", "", 201},
		{"Application/SDP; charset=utf-8", "application/sdp", 201},
		{"application/sdp", "text/html, application/*;q=0.1", 201},
		{"application/sdp", "application/json", 406},
		{"application/sdp", "*/*;q=0", 406},
		{"application/json", "", 415},
		{"", "", 415},
		{"application/sdp;;", "", 415},
	} {
		res := b.do("POST", "/live/x/whip", offer, "Content-Type", tc.contentType, "Accept", tc.accept)
		wantStatus(t, res, tc.status)
	}
	wantHeader(t, b.do("POST", "/live/x/whip", offer), "Accept-Post", "application/sdp")
	wantStatus(t, b.post("/live/x/whip", strings.Repeat("a", 1<<17)), http.StatusRequestEntityTooLarge)
}

// TestProblems checks status, Retry-After and body of each kind of refusal.
func TestProblems(t *testing.T) {
	for code, c := range codes {
		b := newBed(t, nil)
		b.engine.err = &Error{Code: code, Detail: "what to do"}
		res := b.post("/live/x/whep", clientOffer(t, "whep-safari-18"))
		wantStatus(t, res, c.status)
		wantHeader(t, res, "Content-Type", "application/problem+json")
		wantHeader(t, res, "Access-Control-Allow-Origin", "*")
		if (res.Header.Get("Retry-After") == "2") != c.retry {
			t.Errorf("%v: Retry-After %q", code, res.Header.Get("Retry-After"))
		}
		var p problem
		if err := json.Unmarshal([]byte(text(t, res)), &p); err != nil {
			t.Fatal(err)
		}
		want := problem{Type: "about:blank", Title: http.StatusText(c.status), Status: c.status, Detail: "what to do", Code: c.name}
		if p != want {
			t.Errorf("got %+v, want %+v", p, want)
		}
	}
	b := newBed(t, nil)
	b.engine.err = &Error{Code: CodeNoPublisher, Detail: "x", RetryAfter: 1500 * time.Millisecond}
	wantHeader(t, b.post("/live/x/whep", clientOffer(t, "whep-safari-17")), "Retry-After", "2")
	b.engine.err = errors.New("secret cause")
	res := b.post("/live/x/whep", clientOffer(t, "whep-safari-17"))
	wantStatus(t, res, 500)
	if strings.Contains(text(t, res), "secret") {
		t.Error("an internal error reached the client")
	}
	wantStatus(t, b.post("/live/x/whip", "v=0\r\n"), 400)
	wantStatus(t, b.post("/live/x/whip", clientOffer(t, "whep-safari-17")), 422)
}

func TestAuthorization(t *testing.T) {
	var got Access
	b := newBed(t, func(c *Config, o *Options) {
		c.ICEServers = []ICEServer{{URL: "turn:turn.example:3478", Username: "u", Credential: "c"}}
		o.Authorizer = AuthorizerFunc(func(_ context.Context, a Access) error {
			got = a
			if a.Token == "good" {
				return nil
			}
			return &Error{Code: CodeUnauthorized, Detail: "send a token"}
		})
	})
	offer := clientOffer(t, "whip-obs-30.2")
	for _, tc := range []struct {
		url, auth string
		status    int
	}{
		{"/live/x/whip", "", 401},
		{"/live/x/whip", "Bearer bad", 401},
		{"/live/x/whip", "Bearer good", 201},
		{"/live/x/whip", "bearer  good", 201},
		{"/live/x/whip?token=good", "", 201},
		{"/live/x/whip?token=good", "Bearer bad", 401},
		{"/live/x/whip", "Basic dTpnb29k", 201}, // u:good
	} {
		res := b.post(tc.url, offer, "Authorization", tc.auth)
		wantStatus(t, res, tc.status)
		if tc.status == 401 {
			wantHeader(t, res, "WWW-Authenticate", `Bearer realm="sluice"`)
		}
	}
	want := Access{Action: Publish, Stream: "live/x", Token: "good", Remote: netip.MustParseAddr("192.0.2.1")}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b.post("/live/x/whip?token=good&layer=1", offer)
	if o := b.engine.offers[len(b.engine.offers)-1]; o.Token != "good" || o.Query.Encode() != "layer=1" {
		t.Errorf("engine got token %q and query %v", o.Token, o.Query)
	}
	// The session's URL needs no token, and TURN credentials are not for strangers.
	res := b.post("/live/x/whip?token=good", offer)
	wantStatus(t, b.do("DELETE", res.Header.Get("Location"), ""), 200)
	if l := b.do("OPTIONS", "/live/x/whip", "").Header.Get("Link"); l != "" {
		t.Errorf("Link without a token: %q", l)
	}
	if l := b.do("OPTIONS", "/live/x/whip?token=good", "").Header.Get("Link"); l == "" {
		t.Error("no Link with a token")
	}
}

func TestICEServerLinks(t *testing.T) {
	b := newBed(t, func(c *Config, _ *Options) {
		c.ICEServers = []ICEServer{
			{URL: "stun:stun.example"},
			{URL: "turns:turn.example?transport=tcp", Username: "us\"er", Credential: `p\w`},
		}
	})
	want := []string{
		`<stun:stun.example>; rel="ice-server"`,
		`<turns:turn.example?transport=tcp>; rel="ice-server"; username="us\"er"; credential="p\\w"; credential-type="password"`,
	}
	if got := b.post("/x/whep", clientOffer(t, "whep-gstreamer-1.24")).Header.Values("Link"); !slices.Equal(got, want) {
		t.Errorf("201: %q", got)
	}
	if got := b.do("OPTIONS", "/x/whep", "").Header.Values("Link"); !slices.Equal(got, want) {
		t.Errorf("OPTIONS: %q", got)
	}
	preflight := b.do("OPTIONS", "/x/whep", "", "Origin", "https://a.example", "Access-Control-Request-Method", "POST")
	if got := preflight.Header.Values("Link"); got != nil {
		t.Errorf("preflight: %q", got)
	}
}

func TestRedirect(t *testing.T) {
	b := newBed(t, func(_ *Config, o *Options) {
		o.Redirector = RedirectorFunc(func(_ context.Context, a Action, stream string) *url.URL {
			if a == Play && stream == "live/x" {
				return &url.URL{Scheme: "https", Host: "edge2.example:4433"}
			}
			return nil
		})
	})
	res := b.post("/live/x/whep?token=t%26", clientOffer(t, "whep-firefox-128"))
	wantStatus(t, res, http.StatusTemporaryRedirect)
	wantHeader(t, res, "Location", "https://edge2.example:4433/live/x/whep?token=t%26")
	wantStatus(t, b.post("/live/y/whep", clientOffer(t, "whep-firefox-128")), http.StatusCreated)
}

func TestOverload(t *testing.T) {
	b := newBed(t, func(c *Config, _ *Options) { c.MaxNegotiations = 1 })
	b.engine.entered, b.engine.release = make(chan struct{}), make(chan struct{})
	done := make(chan *http.Response)
	go func() { done <- b.post("/live/x/whip", clientOffer(t, "whip-obs-30.2")) }()
	<-b.engine.entered
	res := b.post("/live/x/whip", clientOffer(t, "whip-obs-30.2"))
	wantStatus(t, res, http.StatusServiceUnavailable)
	wantHeader(t, res, "Retry-After", "2")
	b.engine.release <- struct{}{}
	wantStatus(t, <-done, http.StatusCreated)
}

// TestClientGone ends the session of a client that left before its answer.
func TestClientGone(t *testing.T) {
	b := newBed(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "POST", "/live/x/whip", strings.NewReader(clientOffer(t, "whip-obs-30.2")))
	r.Header.Set("Content-Type", "application/sdp")
	b.engine.entered, b.engine.release = make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() { b.server.ServeHTTP(httptest.NewRecorder(), r); close(done) }()
	<-b.engine.entered
	cancel()
	b.engine.release <- struct{}{}
	<-done
	if b.engine.last().ctx.Err() == nil || b.server.Sessions() != 0 {
		t.Error("the session lives on")
	}
}

func TestClose(t *testing.T) {
	b := newBed(t, nil)
	session, _ := b.publish()
	b.server.Close()
	if got := context.Cause(b.engine.last().ctx); !errors.Is(got, errShutdown) {
		t.Errorf("cause %v", got)
	}
	wantStatus(t, b.do("GET", session, ""), 404)
	wantStatus(t, b.post("/live/x/whip", clientOffer(t, "whip-obs-30.2")), 503)
	if b.server.Sessions() != 0 {
		t.Error("sessions left")
	}
}

// TestOverHTTP runs one exchange over a socket: the answer's first candidate is the
// address that the request came in at, which a recorder can't show.
func TestOverHTTP(t *testing.T) {
	b := newBed(t, nil)
	srv := httptest.NewServer(b.server)
	defer srv.Close()
	client := srv.Client()
	defer client.CloseIdleConnections()
	res, err := client.Post(srv.URL+"/live/x/whip", "application/sdp", strings.NewReader(clientOffer(t, "whip-ffmpeg-8")))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	wantStatus(t, res, 201)
	if got := candidatesOf(t, text(t, res))[0]; got != "udp 127.0.0.1" {
		t.Errorf("first candidate %s", got)
	}
	loc, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest(http.MethodDelete, loc.String(), nil)
	req.Header.Set("If-Match", `"whatever"`)
	del, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	del.Body.Close()
	wantStatus(t, del, 200)
}

// TestSlowBodyEndsTheConnection sends a part of an offer and no more. The server must
// not wait for the rest after it has answered.
func TestSlowBodyEndsTheConnection(t *testing.T) {
	b := newBed(t, func(c *Config, _ *Options) { c.RequestTimeout = 50 * time.Millisecond })
	srv := httptest.NewServer(b.server)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /live/x/whip HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 1000\r\n\r\nv=0\r\n")
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(time.Minute))
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
		t.Errorf("got %q and %v, want 408 and the end of the connection", answer, err)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for want, edit := range map[string]func(*Config){
		"retry_after":      func(c *Config) { c.RetryAfter = 0 },
		"request_timeout":  func(c *Config) { c.RequestTimeout = 0 },
		"max_negotiations": func(c *Config) { c.MaxNegotiations = 0 },
		"post_rate":        func(c *Config) { c.PostRate = Rate{PerSecond: 1} },
		"patch_rate":       func(c *Config) { c.PatchRate = Rate{PerSecond: -1} },
		"url":              func(c *Config) { c.ICEServers = []ICEServer{{URL: "http://x"}} },
		"username":         func(c *Config) { c.ICEServers = []ICEServer{{URL: "turn:x"}} },
		"control":          func(c *Config) { c.ICEServers = []ICEServer{{URL: "turn:x", Username: "a\r\n", Credential: "b"}} },
		"allow_origins[0]": func(c *Config) { c.AllowOrigins = []string{"example.com"} },
	} {
		c := DefaultConfig()
		edit(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
