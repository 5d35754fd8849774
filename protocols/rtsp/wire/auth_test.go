package wire

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var challenges = []struct {
	name   string
	values []string
	list   []Challenge
	write  []string // nil: as values
}{
	{
		name: "a camera", values: []string{`Digest realm="IP Camera(12345)", nonce="a7f2", stale="FALSE"`, `Basic realm="IP Camera(12345)"`},
		list:  []Challenge{{Scheme: Digest, Realm: "IP Camera(12345)", Nonce: "a7f2"}, {Scheme: Basic, Realm: "IP Camera(12345)"}},
		write: []string{`Digest realm="IP Camera(12345)", nonce="a7f2"`, `Basic realm="IP Camera(12345)"`},
	},
	{
		name: "several in one", values: []string{`Bearer x="1", digest Realm = "a, b" ,nonce=n,algorithm=sha-256,qop="auth-int, auth",opaque="o\"",stale=true,basic realm=c`},
		list: []Challenge{
			{Scheme: Digest, Realm: "a, b", Nonce: "n", Algorithm: SHA256, QOP: true, Opaque: `o"`, Stale: true},
			{Scheme: Basic, Realm: "c"},
		},
		write: []string{`Digest realm="a, b", nonce="n", opaque="o\"", algorithm=SHA-256, qop="auth", stale=true`, `Basic realm="c"`},
	},
	{name: "unknown", values: []string{`Negotiate abc`, ``, `realm="x"`}},
}

func TestChallenges(t *testing.T) {
	for _, c := range challenges {
		t.Run(c.name, func(t *testing.T) {
			got := ParseChallenges(c.values)
			if diff := cmp.Diff(c.list, got); diff != "" {
				t.Fatal(diff)
			}
			for i, g := range got {
				if g.String() != c.write[i] {
					t.Errorf("written as %s", g)
				}
			}
		})
	}
}

func TestStrongest(t *testing.T) {
	for _, c := range []struct {
		list []Challenge
		want Algorithm
		ok   bool
	}{
		{[]Challenge{{Scheme: Basic}, {Scheme: Digest, Algorithm: MD5}, {Scheme: Digest, Algorithm: SHA256}}, SHA256, true},
		{[]Challenge{{Scheme: Digest, Algorithm: "SHA-512-256"}, {Scheme: Digest, Algorithm: MD5}}, MD5, true},
		{[]Challenge{{Scheme: Digest, Algorithm: "MD5-SESS"}}, "", false},
		{nil, "", false},
	} {
		if got, ok := Strongest(c.list); got.Algorithm != c.want || ok != c.ok {
			t.Errorf("%v: %v %v", c.list, got, ok)
		}
	}
}

// TestDigestOfTheRFCs has the examples of RFC 7616 3.9.1 and RFC 2617 3.5,
// whose method is HTTP's.
func TestDigestOfTheRFCs(t *testing.T) {
	login := Login{"Mufasa", "Circle of Life"}
	c := Challenge{
		Scheme: Digest, Realm: "http-auth@example.org", Nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
		Opaque: "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", QOP: true,
	}
	const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	for alg, want := range map[Algorithm]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c.Algorithm = alg
		got := login.Answer(c, "GET", "/dir/index.html", 1, cnonce)
		if got.Response != want {
			t.Errorf("%s: %s", alg, got.Response)
		}
		if !got.Matches("GET", login.Password) || got.Matches("PUT", login.Password) || got.Matches("GET", "x") {
			t.Errorf("%s: does not match itself", alg)
		}
	}
	old := Login{"Mufasa", "Circle Of Life"}.Answer(Challenge{
		Scheme: Digest, Realm: "testrealm@host.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", QOP: true,
	}, "GET", "/dir/index.html", 1, "0a4f113b")
	if old.Response != "6629fae49393a05397450978507c4ef1" {
		t.Error(old.Response)
	}
}

var credentials = []struct {
	text, want string // want "": as text
	c          Credentials
}{
	{text: "Basic dXNlcjpwYTpzcw==", c: Credentials{Scheme: Basic, User: "user", Password: "pa:ss"}},
	{text: "bearer  abc.def", want: "Bearer abc.def", c: Credentials{Scheme: Bearer, Token: "abc.def"}},
	{
		text: `Digest username="u\"x", realm="r, s", nonce="n", uri="rtsp://h/a,b", response="00ff"`,
		c:    Credentials{Scheme: Digest, User: `u"x`, Realm: "r, s", Nonce: "n", URI: "rtsp://h/a,b", Response: "00ff"},
	},
	{
		text: `Digest username="u", realm="r", nonce="n", uri="/a", response="ff", opaque="o", algorithm=SHA-256, qop=auth, nc=0000001f, cnonce="c"`,
		c: Credentials{
			Scheme: Digest, User: "u", Realm: "r", Nonce: "n", URI: "/a", Response: "ff", Opaque: "o",
			Algorithm: SHA256, QOP: true, NC: 31, CNonce: "c",
		},
	},
}

func TestCredentials(t *testing.T) {
	for _, c := range credentials {
		got, err := ParseCredentials(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.c, got); diff != "" {
			t.Error(diff)
		}
		want := c.want
		if want == "" {
			want = c.text
		}
		if got.Header() != want {
			t.Errorf("written as %s", got.Header())
		}
		if s := got.String(); strings.Contains(s, "pa:ss") || strings.Contains(s, "abc.def") || strings.Contains(s, "00ff") {
			t.Errorf("a secret in %s", s)
		}
	}
	for _, s := range []string{"", "Basic", "Basic !", "Basic YWJj", "Digest nc=zz", "Digest qop=auth-int", "Other abc", "Di gest"} {
		if c, err := ParseCredentials(s); err == nil && c.Matches("PLAY", "x") {
			t.Errorf("%q: %v", s, c)
		}
	}
}

func TestGuard(t *testing.T) {
	start := time.Unix(1e9, 0)
	login := Login{"user", "secret"}
	lookup := func(u string) (string, bool) { return "secret", u == "user" }
	const url = "rtsp://host:5544/live/a"
	ask := func(c Challenge, l Login, uri string, nc uint32) *Request {
		r := &Request{Method: Describe, URL: url}
		r.Header.Set(HeaderAuthorization, l.Answer(c, Describe, uri, nc, "cn").Header())
		return r
	}
	for _, qop := range []bool{false, true} {
		g := &Guard{Realm: "Sluice", QOP: qop}
		if _, err := g.Check(&Request{Method: Describe, URL: url}, start, lookup); !errors.Is(err, ErrNoCredentials) {
			t.Errorf("nothing: %v", err)
		}
		list := g.Challenges(start, ErrNoCredentials)
		if len(list) != 3 || list[0].Algorithm != SHA256 || list[1].Algorithm != MD5 || list[2].Scheme != Basic || list[0].Stale {
			t.Fatalf("%v", list)
		}
		nc := uint32(0)
		for _, c := range list {
			nc++
			for uri, want := range map[string]error{
				url: nil, "rtsp://other/live/a/": nil, "/live/a": nil, url + "?x": nil, "rtsp://host/live": nil,
				"rtsp://host:5544/live/b": ErrCredentials, "": ErrCredentials, "rtsp://host/live/a/trackID=0": ErrCredentials,
			} {
				nc++
				if c.Scheme == Basic {
					want = nil
				}
				user, err := g.Check(ask(c, login, uri, nc), start, lookup)
				if !errors.Is(err, want) || (want == nil && user != "user") {
					t.Errorf("%s of %q: %v, want %v", c.Algorithm, uri, err, want)
				}
			}
			for _, l := range []Login{{"user", "wrong"}, {"other", "secret"}, {"", ""}} {
				nc++
				if _, err := g.Check(ask(c, l, url, nc), start, lookup); !errors.Is(err, ErrCredentials) {
					t.Errorf("%v: %v", l, err)
				}
			}
		}
		digest := list[0]
		nc++
		_, err := g.Check(ask(digest, login, url, nc), start, lookup)
		if err != nil {
			t.Errorf("once: %v", err)
		}
		_, err = g.Check(ask(digest, login, url, nc), start, lookup)
		if errors.Is(err, ErrStale) != qop {
			t.Errorf("used twice with qop %v: %v", qop, err)
		}
		foreign := (&Guard{Realm: "Sluice"}).Challenges(start, nil)[0]
		if _, err := g.Check(ask(foreign, login, url, 1), start, lookup); !errors.Is(err, ErrStale) {
			t.Errorf("a nonce of another connection: %v", err)
		}
		late := start.Add(DefaultLifetime)
		if _, err := g.Check(ask(digest, login, url, nc+1), late, lookup); !errors.Is(err, ErrStale) {
			t.Errorf("late: %v", err)
		}
		fresh := g.Challenges(late, ErrStale)[0]
		if !fresh.Stale || fresh.Nonce == digest.Nonce {
			t.Errorf("%v", fresh)
		}
		if _, err := g.Check(ask(fresh, login, url, 1), late, lookup); err != nil {
			t.Errorf("with the new nonce: %v", err)
		}
	}
	strict := &Guard{Realm: "Sluice", NoBasic: true, NoMD5: true}
	weak := Challenge{Scheme: Digest, Realm: "Sluice", Nonce: strict.Challenges(start, nil)[0].Nonce}
	for _, c := range []Challenge{{Scheme: Basic}, weak} {
		if _, err := strict.Check(ask(c, login, url, 1), start, lookup); !errors.Is(err, ErrCredentials) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func FuzzAuth(f *testing.F) {
	for _, c := range challenges {
		for _, v := range c.values {
			f.Add(v)
		}
	}
	for _, c := range credentials {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list := ParseChallenges([]string{s})
		if len(list) > maxChallenges {
			t.Fatalf("%d challenges", len(list))
		}
		for _, c := range list {
			again := ParseChallenges([]string{c.String()})
			if c.Algorithm == "" || isToken(string(c.Algorithm)) {
				if len(again) != 1 || again[0] != c {
					t.Fatalf("%q: %#v, again %#v", s, c, again)
				}
			}
		}
		c, err := ParseCredentials(s)
		if err != nil {
			return
		}
		if c.Scheme == Digest && c.Matches(Play, "x") {
			t.Fatalf("%q is a password guessed", s)
		}
	})
}
