package rtsp

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/protocols/rtsp/wire"
)

func TestClientPlays(t *testing.T) {
	for _, lower := range []Lower{ByTCP, ByUDP} {
		t.Run(string(lower), func(t *testing.T) {
			f := serveFake(t, fakeScript{packets: 50, timeout: ";timeout=30", odd: true})
			r := &clientRecorder{}
			if err := clientPlay(t, &Client{}, f.url(""), lower, r); !isEOF(err) {
				t.Fatalf("ended with %v", err)
			}
			if len(r.packets) != 50 {
				t.Errorf("%d packets", len(r.packets))
			}
			for i, p := range r.packets {
				if p.Sequence != 65530+uint16(i) {
					t.Errorf("packet %d has number %d", i, p.Sequence)
				}
			}
			if r.recording.Ordered != (lower == ByTCP) {
				t.Error("the order is told wrong")
			}
			ctx, cancel := context.WithTimeout(t.Context(), testPatience)
			defer cancel()
			f.await(ctx, func() bool { return len(f.seen(wire.Teardown)) == 1 })
			setup := f.seen(wire.Setup)
			if len(setup) != 1 || setup[0].URL != "rtsp://10.255.255.1/live/cam?channel=1/trackID=1" {
				t.Errorf("SETUP of %v", setup)
			}
			if p := f.seen(wire.Play); len(p) != 1 || p[0].Header.Get("Session") != "abc" || p[0].URL != "rtsp://10.255.255.1/live/cam?channel=1/" {
				t.Errorf("PLAY: %v", p)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if lower == ByUDP && (f.punched == 0 || f.reports == 0) {
				t.Errorf("%d and %d packets to open the way", f.punched, f.reports)
			}
		})
	}
}

func TestClientAuthenticates(t *testing.T) {
	login := wire.Login{User: "us@er", Password: "p:a s%s@"}
	for _, c := range []struct {
		name     string
		script   fakeScript
		userinfo string
		ok       bool
	}{
		{"strongest of three", fakeScript{login: login}, "us%40er:p%3Aa%20s%25s%40@", true},
		{"SHA-256 only", fakeScript{login: login, strongly: true}, "us@er:p:a s%25s@@", true},
		{"wrong password", fakeScript{login: login}, "us%40er:x@", false},
		{"none", fakeScript{login: login}, "", false},
		{"a connection for each challenge", fakeScript{login: login, oneshot: true}, "us%40er:p%3Aa%20s%25s%40@", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.script.packets = 3
			f := serveFake(t, c.script)
			err := clientPlay(t, &Client{}, f.url(c.userinfo), ByTCP, &clientRecorder{})
			if c.ok != isEOF(err) || (!c.ok && !isAnswer(err, wire.Unauthorized)) {
				t.Errorf("ended with %v", err)
			}
			for _, r := range f.seen(wire.Describe) {
				if a := r.Header.Get("Authorization"); strings.HasPrefix(a, "Basic") || strings.Contains(r.URL, "@") {
					t.Errorf("%s with %s", r.URL, a)
				}
			}
			if contains(err, login.Password) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestClientFollowsRedirects(t *testing.T) {
	login := wire.Login{User: "u", Password: "p"}
	end := serveFake(t, fakeScript{packets: 3, login: login})
	hop := serveFake(t, fakeScript{redirect: end.url("")})
	if err := clientPlay(t, &Client{}, hop.url("u:p@"), ByTCP, &clientRecorder{}); !isEOF(err) {
		t.Errorf("ended with %v", err)
	}
	loop := serveFake(t, fakeScript{})
	loop.redirect = loop.url("")
	if err := clientPlay(t, &Client{}, loop.url(""), ByTCP, &clientRecorder{}); !contains(err, "redirects") {
		t.Errorf("a loop: %v", err)
	}
	bad := serveFake(t, fakeScript{redirect: "http://u:secret@host/"})
	if err := clientPlay(t, &Client{}, bad.url(""), ByTCP, &clientRecorder{}); err == nil || contains(err, "secret") {
		t.Errorf("to another protocol: %v", err)
	}
}

func TestCredentialsStayWithTheHost(t *testing.T) {
	from, err := parseClientURL("rtsps://u:p@host/a")
	if err != nil {
		t.Fatal(err)
	}
	for to, keep := range map[string]bool{
		"rtsps://HOST:99/b": true, "rtsp://host/b": false, "rtsps://other/b": false, "rtsps://x:y@other/b": false,
	} {
		next, err := from.redirected(to)
		if err != nil || (next.login == from.login) != keep {
			t.Errorf("%s: %v, %v", to, next.login, err)
		}
	}
}

func TestClientURL(t *testing.T) {
	for _, c := range []struct{ raw, host, url, user, password string }{
		{"rtsp://h/a", "h:554", "rtsp://h/a", "", ""},
		{"RTSPS://h:1/a?b=c", "h:1", "rtsps://h:1/a?b=c", "", ""},
		{"rtsps://[::1]", "[::1]:322", "rtsps://[::1]", "", ""},
		{"rtsp://u:p@h/a@b", "h:554", "rtsp://h/a@b", "u", "p"},
		{"rtsp://admin:p#?@x@h:88/cam/realmonitor?channel=1&subtype=0", "h:88", "rtsp://h:88/cam/realmonitor?channel=1&subtype=0", "admin", "p#?@x"},
		{"rtsp://u@h?x=1", "h:554", "rtsp://h?x=1", "u", ""},
		{"rtsp://u%40:%2F%zz@h/", "h:554", "rtsp://h/", "u@", "%2F%zz"},
	} {
		got, err := parseClientURL(c.raw)
		if err != nil || got.host != c.host || got.url != c.url || got.login != (wire.Login{User: c.user, Password: c.password}) {
			t.Errorf("%s: %+v, %v", c.raw, got, err)
		}
	}
	for _, s := range []string{"", "h/a", "http://h/a", "rtsp:///a", "rtsp://u:secret@/a", "rtsp://u:secret@h:x/a", "rtsp://h/a\r\nX: y", "xrtsp://u:secret@h/secret?secret"} {
		if got, err := parseClientURL(s); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

// TestClientKeepsAlive: requests in half the time that the server gives, by the
// method that it has.
func TestClientKeepsAlive(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]wire.Method{"OPTIONS, GET_PARAMETER": wire.GetParameter, "": wire.Options} {
		f := serveFake(t, fakeScript{packets: 3, hold: true, public: public, timeout: ";timeout=1"})
		ctx, cancel := context.WithTimeout(t.Context(), testPatience)
		before := 0
		if want == wire.Options {
			before = 1 // the first request of all
		}
		done := make(chan error)
		go func() { done <- clientPlay(t, &Client{}, f.url(""), ByTCP, &clientRecorder{ctx: ctx}) }()
		f.await(ctx, func() bool { return len(f.seen(want)) >= before+2 })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if n := len(f.seen(wire.Teardown)); n != 1 {
			t.Errorf("%d TEARDOWN", n)
		}
	}
}

// TestClientKeepAliveRefused: a server that refuses each keep-alive with another
// nonce is not asked again and again.
func TestClientKeepAliveRefused(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	requests := make(chan int, 1)
	go func() {
		n := 0
		for in := wire.NewReader(there); ; n++ {
			if _, err := in.Read(); err != nil {
				requests <- n
				return
			}
		}
	}()
	target := clientTarget{url: "rtsp://h/a", login: wire.Login{User: "u", Password: "p"}}
	r := &runner{clientConn: newClientConn(t.Context(), &Client{}, target, here)}
	r.control = target.url
	for i := range 5 {
		refusal := &wire.Response{Status: wire.Unauthorized}
		refusal.Header.Add("WWW-Authenticate", wire.Challenge{Scheme: wire.Digest, Nonce: strconv.Itoa(i)}.String())
		if err := r.response(refusal); err != nil {
			t.Fatal(err)
		}
	}
	there.Close()
	if n := <-requests; n != 1 {
		t.Errorf("%d keep-alives for one", n)
	}
}

// TestClientKeepAliveAnswers: what the next keep-alive is after an answer to one.
func TestClientKeepAliveAnswers(t *testing.T) {
	for status, want := range map[wire.Status]wire.Method{
		wire.OK: wire.GetParameter, wire.InternalServerError: wire.GetParameter, wire.SessionNotFound: "",
		wire.BadRequest: wire.Options, wire.MethodNotAllowed: wire.Options, wire.NotImplemented: wire.Options, wire.ParameterUnknown: wire.Options,
	} {
		here, there := net.Pipe()
		r := &runner{clientConn: newClientConn(t.Context(), &Client{}, clientTarget{url: "rtsp://h/a"}, here)}
		r.public = wire.Methods{wire.GetParameter}
		err := r.response(&wire.Response{Status: status})
		if want == "" {
			if !isAnswer(err, status) {
				t.Errorf("%d: the session goes on: %v", status, err)
			}
		} else if next := r.keepAliveMethod(); err != nil || next != want {
			t.Errorf("%d: %s comes next, want %s; %v", status, next, want, err)
		}
		here.Close()
		there.Close()
	}
}

func TestClientSessionEnds(t *testing.T) {
	t.Run("the server hangs up", func(t *testing.T) {
		f := serveFake(t, fakeScript{packets: 3, hangup: true})
		err := clientPlay(t, &Client{}, f.url(""), ByTCP, &clientRecorder{})
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		f := serveFake(t, fakeScript{packets: 3, hold: true})
		if err := clientPlay(t, &Client{IdleTimeout: 50 * time.Millisecond}, f.url(""), ByTCP, &clientRecorder{}); !errors.Is(err, errNoPackets) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("the recorder has enough", func(t *testing.T) {
		f := serveFake(t, fakeScript{packets: 9, hold: true})
		if err := clientPlay(t, &Client{}, f.url(""), ByTCP, &clientRecorder{enough: 5}); !errors.Is(err, errEnough) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("cancelled while it connects", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errEnough)
		f := serveFake(t, fakeScript{})
		if _, err := (&Client{}).Describe(ctx, f.url("")); err == nil {
			t.Error("no error")
		}
	})
	t.Run("no answer", func(t *testing.T) {
		f := serveFake(t, fakeScript{sdp: "nonsense"})
		if err := clientPlay(t, &Client{}, f.url(""), ByTCP, &clientRecorder{}); err == nil || isEOF(err) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		f := serveFake(t, fakeScript{noUDP: true})
		if err := clientPlay(t, &Client{}, f.url(""), ByUDP, &clientRecorder{}); !isAnswer(err, wire.UnsupportedTransport) || !isFallback(err) {
			t.Errorf("ended with %v", err)
		}
	})
}
