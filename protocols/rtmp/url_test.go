package rtmp

import (
	"testing"
)

func TestPathOfRequest(t *testing.T) {
	for _, c := range []struct {
		app, name, tcURL string
		path, token      string
	}{
		{"live", "test110", "rtmp://h/live", "live/test110", ""},
		{"live", "test110?token=x", "", "live/test110", "x"},
		{"live?token=x", "test110", "", "live/test110", "x"},
		{"live?vhost=a?token=x", "test110", "", "live/test110", "x"},
		{"live?token=x", "test110?token=y", "", "live/test110", "y"},
		{"live", "test110?a=1?token=x", "", "live/test110", "x"},
		{"live", "test110", "rtmp://h/live?token=x", "live/test110", "x"},
		{"test110", "", "rtmp://h/test110", "test110", ""},
		{"test110?token=x", "", "", "test110", "x"},
		{"", "test110", "", "test110", ""},
		{"/live/", "/test110/", "", "live/test110", ""},
		{"a/b", "c", "", "a/b/c", ""},
		{"live", "mp4:test110", "", "live/test110", ""},
		{"live", "..", "", "live/..", ""},
		{"live", "test?token=%zz&b=1", "", "live/test", ""},
	} {
		r := newRequest(&ConnectInfo{App: c.app, TCURL: c.tcURL}, c.name)
		if r.Path != c.path || r.Query.Get("token") != c.token {
			t.Errorf("%q + %q: path %q, token %q; want %q, %q", c.app, c.name, r.Path, r.Query.Get("token"), c.path, c.token)
		}
	}
}

func TestParseURL(t *testing.T) {
	for _, c := range []struct {
		url   string
		want  target
		tcURL string
	}{
		{"rtmp://h/live/test", target{host: "h:1935", app: "live", name: "test"}, "rtmp://h/live"},
		{"rtmps://h/live/test", target{tls: true, host: "h:443", app: "live", name: "test"}, "rtmps://h/live"},
		{"RTMP://h:1936/a/b/c?k=v", target{host: "h:1936", app: "a/b", name: "c?k=v"}, "rtmp://h:1936/a/b"},
		{"rtmp://u:p%40@h/live/s?a=b/c", target{host: "h:1935", app: "live", name: "s?a=b/c", user: "u", password: "p@"}, "rtmp://h/live"},
		{"rtmp://h/live?key=1/s", target{host: "h:1935", app: "live?key=1", name: "s"}, "rtmp://h/live?key=1"},
		{"rtmp://h/live?vhost=v?key=1/s?b=2", target{host: "h:1935", app: "live?vhost=v?key=1", name: "s?b=2"}, "rtmp://h/live?vhost=v?key=1"},
		{"rtmp://[::1]:1935/live/s", target{host: "[::1]:1935", app: "live", name: "s"}, "rtmp://[::1]/live"},
		{"rtmp://h/s", target{host: "h:1935", app: "s"}, "rtmp://h/s"},
		{"rtmp://h", target{host: "h:1935"}, "rtmp://h/"},
	} {
		got, err := parseURL(c.url)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.url, got, err, c.want)
		}
		if got := got.tcURL(); got != c.tcURL {
			t.Errorf("%s: tcUrl %s, want %s", c.url, got, c.tcURL)
		}
	}
	for _, bad := range []string{"", "h/live", "http://h/live", "rtmp:///live/s", "rtmp://h:x/live"} {
		if got, err := parseURL(bad); err == nil {
			t.Errorf("%q: no error but %+v", bad, got)
		}
	}
}

func TestRedirect(t *testing.T) {
	from, err := parseURL("rtmp://u:p@h/live/s?k=v")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ to, host, app string }{
		{"rtmp://other:1936/live", "other:1936", "live"},
		{"rtmp://other/edge/live", "other:1935", "edge/live"},
		{"rtmp://other/live/s", "other:1935", "live"},
		{"rtmp://other/live/s?k=v", "other:1935", "live"},
	} {
		got, err := from.redirected(c.to)
		want := target{host: c.host, app: c.app, name: "s?k=v", user: "u", password: "p"}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", c.to, got, err, want)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("rtmp://u:p@h:1935/live?a=b?c=d/s?e=f", "live?x=1", "s?y=2?z=3")
	f.Fuzz(func(t *testing.T, raw, app, name string) {
		if u, err := parseURL(raw); err == nil {
			if _, err := parseURL(u.tcURL()); err != nil {
				t.Fatalf("%q: tcUrl %q: %v", raw, u.tcURL(), err)
			}
		}
		newRequest(&ConnectInfo{App: app, TCURL: raw}, name)
	})
}
