package rtsp

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"sluice/protocols/rtsp/wire"
	"sluice/server/redact"
)

// clientTarget is what a client's URL asks for.
type clientTarget struct {
	tls   bool
	host  string // with port
	url   string // as requests name it: without user and password
	login wire.Login
	// challenge is one that a connection before this has brought, to be answered
	// at once.
	challenge wire.Challenge
}

// defaultPorts by scheme (RFC 2326 3.2, RFC 7826 4.2).
var defaultPorts = map[string]string{"rtsp": "554", "rtsps": "322"}

// parseClientURL reads rtsp[s]://[user:password@]host[:port][/path]. The path is
// sent as it stands. Passwords may have any characters but "/", escaped or not.
func parseClientURL(raw string) (clientTarget, error) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(raw), "://")
	scheme = strings.ToLower(scheme)
	port, known := defaultPorts[scheme]
	if !ok || !known {
		return clientTarget{}, fmt.Errorf("rtsp: %q is not an rtsp:// or rtsps:// URL", redact.URL(raw))
	}
	end := strings.IndexAny(rest, "/")
	if end < 0 {
		end = len(rest)
		if i := strings.LastIndexByte(rest, '@'); strings.Contains(rest[i+1:], "?") {
			end = i + 1 + strings.IndexByte(rest[i+1:], '?')
		}
	}
	authority, path := rest[:end], rest[end:]
	t := clientTarget{tls: scheme == "rtsps"}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, password, _ := strings.Cut(authority[:i], ":")
		t.login = wire.Login{User: unescape(user), Password: unescape(password)}
		authority = authority[i+1:]
	}
	u, err := url.Parse("rtsp://" + authority)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(path, "\r\n") {
		return clientTarget{}, fmt.Errorf("rtsp: %q has no valid host", redact.URL(raw))
	}
	t.host, t.url = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), scheme+"://"+authority+path
	return t, nil
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// redirected returns the target of a redirect. Credentials go along to the same
// host only, and never from TLS to none.
func (t clientTarget) redirected(location string) (clientTarget, error) {
	next, err := parseClientURL(location)
	if err != nil {
		return clientTarget{}, err
	}
	from, _, _ := net.SplitHostPort(t.host)
	to, _, _ := net.SplitHostPort(next.host)
	if next.login == (wire.Login{}) && strings.EqualFold(from, to) && (next.tls || !t.tls) {
		next.login = t.login
	}
	return next, nil
}
