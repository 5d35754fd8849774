package wire

import (
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// Errors of Guard.Check. The answer to each is Unauthorized with the Guard's
// challenges.
var (
	// ErrNoCredentials: the request has none that can be read.
	ErrNoCredentials = errors.New("rtsp: no credentials")
	// ErrStale: they are right, for a nonce that is out of date.
	ErrStale = errors.New("rtsp: credentials for an old nonce")
	// ErrCredentials: they are wrong.
	ErrCredentials = errors.New("rtsp: wrong credentials")
)

// DefaultLifetime is how long a nonce is good unless told otherwise.
const DefaultLifetime = 5 * time.Minute

// Guard is the server's side of authentication on one connection. Its nonces
// are good on that connection only, so that nothing that was overheard can be
// used on another. It is for one goroutine.
type Guard struct {
	// Realm is shown to people who are asked for a password.
	Realm string
	// NoBasic, NoMD5 and NoSHA256 leave a way out.
	NoBasic, NoMD5, NoSHA256 bool
	// QOP offers the quality "auth", with which each answer is good once. Not
	// all clients can read it.
	QOP bool
	// Lifetime is how long a nonce is good; 0 means DefaultLifetime.
	Lifetime time.Duration

	nonce   string
	expires time.Time
	nc      uint32 // the highest that came
}

// Challenges returns what goes into the WWW-Authenticate headers of a
// Unauthorized response, one each: the strongest first, as clients take the
// first that they know. err is what Check returned.
func (g *Guard) Challenges(now time.Time, err error) []Challenge {
	g.renew(now)
	var list []Challenge
	digest := Challenge{
		Scheme: Digest, Realm: g.Realm, Nonce: g.nonce, QOP: g.QOP, Stale: errors.Is(err, ErrStale),
	}
	if !g.NoSHA256 {
		digest.Algorithm = SHA256
		list = append(list, digest)
	}
	if !g.NoMD5 {
		digest.Algorithm = MD5
		list = append(list, digest)
	}
	if !g.NoBasic {
		list = append(list, Challenge{Scheme: Basic, Realm: g.Realm})
	}
	return list
}

// renew makes a nonce where there is none that is good.
func (g *Guard) renew(now time.Time) {
	if g.nonce != "" && now.Before(g.expires) {
		return
	}
	lifetime := g.Lifetime
	if lifetime <= 0 {
		lifetime = DefaultLifetime
	}
	g.nonce, g.expires, g.nc = rand.Text(), now.Add(lifetime), 0
}

// Check checks the credentials of a request. password returns that of a user;
// false for one that is not known. It returns the user.
func (g *Guard) Check(r *Request, now time.Time, password func(user string) (string, bool)) (user string, err error) {
	c, err := ParseCredentials(r.Header.Get(HeaderAuthorization))
	if err != nil || c.Scheme == Bearer {
		return "", ErrNoCredentials
	}
	secret, known := password(c.User)
	if !g.takes(c) || !c.Matches(r.Method, secret) || !known {
		return "", ErrCredentials
	}
	if c.Scheme == Basic {
		return c.User, nil
	}
	switch {
	case c.Realm != g.Realm || !covers(c.URI, r.URL):
		return "", ErrCredentials
	case c.Nonce != g.nonce || !now.Before(g.expires):
		return "", ErrStale
	case c.QOP && c.NC <= g.nc:
		return "", ErrStale // used before
	}
	if c.QOP {
		g.nc = c.NC
	}
	return c.User, nil
}

// takes reports whether the way of the credentials is one of the Guard's.
func (g *Guard) takes(c Credentials) bool {
	switch {
	case c.Scheme == Basic:
		return !g.NoBasic
	case c.Algorithm == SHA256:
		return !g.NoSHA256
	default:
		return !g.NoMD5
	}
}

// covers reports whether credentials for uri may serve a request for url: they
// should be the same, but some clients leave out host, query, the last slash,
// or what names the track.
func covers(uri, url string) bool {
	uri, url = resourcePath(uri), resourcePath(url)
	rest, ok := strings.CutPrefix(url, uri)
	return uri == url || (ok && uri != "" && strings.HasPrefix(rest, "/"))
}

// resourcePath returns the path of a URL without its last slash.
func resourcePath(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		s = "/" + path
	}
	s, _, _ = strings.Cut(s, "?")
	return strings.TrimRight(s, "/")
}
