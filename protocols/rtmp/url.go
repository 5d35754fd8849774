package rtmp

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"sluice/server/redact"
)

// splitQuery parts a path or name from its query. Encoders append a query to
// what already has one, so every further question mark counts as "&".
func splitQuery(s string) (path, query string) {
	path, query, _ = strings.Cut(s, "?")
	return path, strings.ReplaceAll(query, "?", "&")
}

// joinPath joins the app and the name of a stream to a path. Either may be
// empty: rtmp://host/test110 has its stream's name as app.
func joinPath(app, name string) string {
	app, name = strings.Trim(app, "/"), strings.Trim(name, "/")
	for _, kind := range []string{"flv:", "mp4:", "mp3:"} {
		name = strings.TrimPrefix(name, kind) // Flash's names for file formats
	}
	switch {
	case app == "":
		return name
	case name == "":
		return app
	}
	return app + "/" + name
}

// mergeQueries parses queries; of a parameter that comes in several, the
// first query wins. What can't be parsed is left out.
func mergeQueries(queries ...string) url.Values {
	all := url.Values{}
	for _, q := range queries {
		values, _ := url.ParseQuery(q)
		for k, v := range values {
			if !all.Has(k) {
				all[k] = v
			}
		}
	}
	return all
}

// target is what a client's URL asks for.
type target struct {
	tls      bool
	host     string // with port
	app      string // with its query, if it has one
	name     string // with its query
	user     string
	password string
}

// defaultPorts by scheme.
var defaultPorts = map[string]string{"rtmp": "1935", "rtmps": "443"}

// parseURL reads rtmp[s]://[user:password@]host[:port]/app[/instance]/name,
// each of app and name with a query of its own, if any. With one segment only
// it is the app. The text of a path is sent as it stands, nothing is
// unescaped: names with "?", "=" or "/" in their query work as they do in
// other clients.
func parseURL(raw string) (target, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	port, known := defaultPorts[strings.ToLower(scheme)]
	if !ok || !known {
		return target{}, fmt.Errorf("rtmp: %q is not an rtmp:// or rtmps:// URL", redact.URL(raw))
	}
	authority, path, _ := strings.Cut(rest, "/")
	u, err := url.Parse("rtmp://" + authority)
	if err != nil || u.Hostname() == "" {
		return target{}, fmt.Errorf("rtmp: %q has no valid host", redact.URL(raw))
	}
	t := target{tls: strings.EqualFold(scheme, "rtmps"), user: u.User.Username()}
	t.password, _ = u.User.Password()
	if u.Port() != "" {
		port = u.Port()
	}
	t.host = net.JoinHostPort(u.Hostname(), port)
	t.app, t.name = splitPath(path)
	return t, nil
}

// splitPath splits at the last slash before the query; where the path before
// the query is the app alone, as in "live?key=1/name", at the last slash of
// the whole.
func splitPath(path string) (app, name string) {
	end := strings.IndexByte(path, '?')
	if end < 0 {
		end = len(path)
	}
	i := strings.LastIndexByte(path[:end], '/')
	if i < 0 {
		i = strings.LastIndexByte(path, '/')
	}
	if i < 0 {
		return path, ""
	}
	return path[:i], path[i+1:]
}

// tcURL is the address that the connect command names: no credentials, no
// stream.
func (t target) tcURL() string {
	scheme := "rtmp"
	if t.tls {
		scheme = "rtmps"
	}
	host, port, _ := net.SplitHostPort(t.host)
	at := t.host
	if port == defaultPorts[scheme] {
		at = strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	}
	return scheme + "://" + at + "/" + t.app
}

// redirected returns the target with the address of a redirect, which names
// an app, and may name the stream as well.
func (t target) redirected(raw string) (target, error) {
	next, err := parseURL(raw)
	if err != nil {
		return target{}, err
	}
	name, _ := splitQuery(t.name)
	if last, _ := splitQuery(next.name); last != name || name == "" {
		next.app = strings.Trim(next.app+"/"+next.name, "/")
	}
	next.name = t.name
	if next.user == "" {
		next.user, next.password = t.user, t.password
	}
	return next, nil
}
