package rtsp

import (
	"strings"
	"testing"

	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
)

var closed = auth.Config{
	PublishTokens: []string{"pub"}, PlayTokens: []string{"watch"},
	Users: []auth.User{{Name: "ann", Password: "secret", Play: true}},
}

// challenges asks without credentials and returns what is asked for.
func (c *rawClient) challenges(method wire.Method, url string, body []byte) []wire.Challenge {
	c.t.Helper()
	res := c.do(wire.Unauthorized, method, url, body)
	return wire.ParseChallenges(res.Header.Values(wire.HeaderWWWAuthenticate))
}

func TestChallenges(t *testing.T) {
	f := startService(t, closed)
	list := f.dial(t).challenges(wire.Describe, f.url("live/test"), nil)
	if len(list) != 3 || list[0].Algorithm != wire.SHA256 || list[1].Algorithm != wire.MD5 || list[2].Scheme != wire.Basic {
		t.Errorf("%v", list)
	}
	if list[0].Nonce == f.dial(t).challenges(wire.Describe, f.url("live/test"), nil)[0].Nonce {
		t.Error("two connections have one nonce")
	}
}

// login is how a client of the tests authenticates itself.
type login struct {
	name       string
	user, pass string
	pick       int // of the challenges: SHA-256, MD5, Basic
	token      string
}

// header returns the Authorization header for a request.
func (l login) header(c *rawClient, list []wire.Challenge, method wire.Method, url string) string {
	if l.token != "" {
		return "X-No: credentials"
	}
	cred := wire.Login{User: l.user, Password: l.pass}.Answer(list[l.pick], method, url, 1, "abc")
	return "Authorization: " + cred.Header()
}

// TestAuth plays and publishes with every sort of credentials, each of which
// every request must bring.
func TestAuth(t *testing.T) {
	f := startService(t, closed)
	for _, l := range []login{
		{name: "sha256", user: "any", pass: "pub", pick: 0},
		{name: "md5", user: "any", pass: "pub", pick: 1},
		{name: "basic", user: "any", pass: "pub", pick: 2},
		{name: "token", token: "?token=pub"},
	} {
		t.Run("publish "+l.name, func(t *testing.T) {
			c := f.dial(t)
			url := f.url("live/" + l.name)
			body := describe(testAudio)
			list := c.challenges(wire.Announce, url, body)
			url += l.token
			c.do(wire.OK, wire.Announce, url, body, l.header(c, list, wire.Announce, url))
			setup := url + "/streamid=1"
			if l.token == "" {
				c.do(wire.Unauthorized, wire.Setup, setup, nil, tcp01+";mode=record")
			}
			c.do(wire.OK, wire.Setup, setup, nil, tcp01+";mode=record", l.header(c, list, wire.Setup, setup))
			if l.token == "" {
				c.do(wire.Unauthorized, wire.Record, url, nil)
			}
			c.do(wire.OK, wire.Record, url, nil, l.header(c, list, wire.Record, url))
			newSourceOf(c).run(t)
			for _, p := range []login{
				{name: "sha256", user: "ann", pass: "secret", pick: 0},
				{name: "md5", user: "ann", pass: "secret", pick: 1},
				{name: "basic", user: "ann", pass: "secret", pick: 2},
				{name: "token as password", user: "x", pass: "watch", pick: 0},
				{name: "token", token: "?token=watch"},
			} {
				t.Run("play "+p.name, func(t *testing.T) { playWith(t, f, "live/"+l.name, p) })
			}
		})
	}
}

// newSourceOf is a source of sound alone, on the first track.
func newSourceOf(c *rawClient) *source {
	s := newSource(c)
	s.send = func(track int, packet []byte) {
		if track == 1 {
			_, _ = c.conn.Write(wire.AppendFrame(nil, 0, packet))
		}
	}
	return s
}

func playWith(t *testing.T, f *fixture, path string, l login) {
	c := f.dial(t)
	url := f.url(path)
	list := c.challenges(wire.Describe, url, nil)
	url += l.token
	c.do(wire.OK, wire.Describe, url, nil, l.header(c, list, wire.Describe, url))
	setup := url + "/trackID=1"
	if l.token == "" {
		c.do(wire.Unauthorized, wire.Setup, setup, nil, tcp01)
	}
	c.do(wire.OK, wire.Setup, setup, nil, tcp01, l.header(c, list, wire.Setup, setup))
	if l.token == "" {
		c.do(wire.Unauthorized, wire.Play, url, nil)
	}
	c.do(wire.OK, wire.Play, url, nil, l.header(c, list, wire.Play, url))
	c.packet()
}

// TestWrongCredentials: none of these gets in.
func TestWrongCredentials(t *testing.T) {
	f := startService(t, closed)
	url := f.url("live/test")
	digest := func(list []wire.Challenge, change func(*wire.Credentials)) string {
		cred := wire.Login{User: "ann", Password: "secret"}.Answer(list[1], wire.Describe, url, 1, "abc")
		change(&cred)
		return cred.Header()
	}
	other := f.dial(t).challenges(wire.Describe, url, nil)
	for _, c := range []struct {
		name   string
		header func(list []wire.Challenge) string
		stale  bool
	}{
		{"wrong password", func(l []wire.Challenge) string {
			return wire.Login{User: "ann", Password: "x"}.Answer(l[1], wire.Describe, url, 1, "abc").Header()
		}, false},
		{"basic with a wrong password", func(l []wire.Challenge) string {
			return wire.Login{User: "ann", Password: "x"}.Answer(l[2], wire.Describe, url, 1, "abc").Header()
		}, false},
		{"another method", func(l []wire.Challenge) string {
			return wire.Login{User: "ann", Password: "secret"}.Answer(l[1], wire.Setup, url, 1, "abc").Header()
		}, false},
		{"another stream", func(l []wire.Challenge) string {
			return wire.Login{User: "ann", Password: "secret"}.Answer(l[1], wire.Describe, f.url("live/mine"), 1, "abc").Header()
		}, false},
		{"another realm", func(l []wire.Challenge) string {
			return digest(l, func(c *wire.Credentials) { c.Realm = "x" })
		}, false},
		{"another connection's nonce", func([]wire.Challenge) string {
			return wire.Login{User: "ann", Password: "secret"}.Answer(other[1], wire.Describe, url, 1, "abc").Header()
		}, true},
		{"nonsense", func([]wire.Challenge) string { return "Digest of a book" }, false},
		{"an empty password", func(l []wire.Challenge) string {
			return wire.Login{User: "ann"}.Answer(l[2], wire.Describe, url, 1, "abc").Header()
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := f.dial(t)
			list := client.challenges(wire.Describe, url, nil)
			res := client.do(wire.Unauthorized, wire.Describe, url, nil, "Authorization: "+c.header(list))
			stale := strings.Contains(strings.Join(res.Header.Values(wire.HeaderWWWAuthenticate), ";"), "stale=true")
			if stale != c.stale {
				t.Errorf("stale: %v", stale)
			}
		})
	}
}

// TestOpenServer: where nothing is demanded, credentials do no harm.
func TestOpenServer(t *testing.T) {
	f := startService(t, auth.Config{})
	f.publishTCP(t, "live/test").run(t)
	for _, h := range []string{"Authorization: Basic YTpi", `Authorization: Digest username="a", realm="b", nonce="c", uri="d", response="e"`} {
		f.dial(t).do(wire.OK, wire.Describe, f.url("live/test"), nil, h)
	}
}
