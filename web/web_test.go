package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fakeName is the rule for stream names as far as these tests need it.
func fakeName(path string) (string, error) {
	name := strings.Trim(path, "/")
	if !regexp.MustCompile(`^[\w.~-]+(/[\w.~-]+)*$`).MatchString(name) {
		return "", errors.New("bad name")
	}
	if !strings.Contains(name, "/") {
		name = "live/" + name
	}
	return name, nil
}

func newHandler(t *testing.T, streams ...Stream) *Handler {
	t.Helper()
	h, err := New(Options{
		StreamName: fakeName, SecurePort: "4433", Ports: func() Ports { return Ports{RTMP: "1935", RTSP: "5544"} }, ConnectSources: []string{"https://edge.example"},
		Streams: func(*http.Request) []Stream { return streams },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	h := newHandler(t)
	for url, want := range map[string][]string{
		"/":                           {"Nobody is live", "<title>Sluice</title>"},
		"/live/x":                     {`data-stream="live/x"`, "<title>live/x · Sluice</title>", "watch.js", "playsinline", "muted", "autoplay", `data-rtmp="1935"`, `data-rtsp="5544"`},
		"/x/":                         {`data-stream="live/x"`, "watch.js"},
		"/a/b/c/d":                    {`data-stream="a/b/c/d"`},
		"/live/x/publish":             {`data-stream="live/x"`, "publish.js", `data-port="4433"`, `href="/live/x"`},
		"/live/x/publish?token=a%22b": {`href="/live/x?token=a%22b"`},
		"/?token=secret":              {`href="/?token=secret"`},
	} {
		w := get(h, "GET", url)
		if w.Code != 200 {
			t.Errorf("%s: %d", url, w.Code)
		}
		for _, s := range want {
			if !strings.Contains(w.Body.String(), s) {
				t.Errorf("%s lacks %q:\n%s", url, s, w.Body)
			}
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", url, name, got)
			}
		}
		csp := w.Header().Get("Content-Security-Policy")
		for _, s := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self' https://edge.example;"} {
			if !strings.Contains(csp, s) {
				t.Errorf("%s: policy %q lacks %s", url, csp, s)
			}
		}
	}
}

// TestNothingInline checks what the policy would block: inline scripts, styles and
// handlers. Everything that a page refers to exists.
func TestNothingInline(t *testing.T) {
	h := newHandler(t, Stream{Name: "live/x"})
	for _, url := range []string{"/", "/live/x", "/live/x/publish"} {
		page := get(h, "GET", url).Body.String()
		if m := regexp.MustCompile(`<style|<script[^>]*>[^<]|\son\w+=|\sstyle=`).FindString(page); m != "" {
			t.Errorf("%s has inline code: %s", url, m)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="(/@/[^"]*)"`).FindAllStringSubmatch(page, -1) {
			if w := get(h, "GET", m[1]); w.Code != 200 {
				t.Errorf("%s refers to %s: %d", url, m[1], w.Code)
			}
		}
	}
	imports := regexp.MustCompile(`from '\./([^']+)'`)
	for name, a := range h.assets {
		for _, m := range imports.FindAllStringSubmatch(string(a.body), -1) {
			if _, ok := h.assets[m[1]]; !ok {
				t.Errorf("%s imports %s", name, m[1])
			}
		}
	}
}

func TestAssets(t *testing.T) {
	h := newHandler(t)
	w := get(h, "GET", "/@/watch.js")
	etag := w.Header().Get("ETag")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" || len(etag) < 10 || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for have, want := range map[string]int{etag: 304, `"other"`: 200, `"a", W/` + etag: 304} {
		if w := get(h, "GET", "/@/watch.js", "If-None-Match", have); w.Code != want || (want == 304) != (w.Body.Len() == 0) {
			t.Errorf("If-None-Match %s: %d", have, w.Code)
		}
	}
	if w := get(h, "HEAD", "/@/base.css"); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := get(h, "GET", "/@/icon.svg"); w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %v", w.Header())
	}
	for url, want := range map[string]int{"/@/none": 404, "/@/": 404, "/@/../web.go": 404, "/bad name": 404} {
		if w := get(h, "GET", strings.ReplaceAll(url, " ", "%20")); w.Code != want {
			t.Errorf("%s: %d", url, w.Code)
		}
	}
	if w := get(h, "POST", "/live/x"); w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestIndex(t *testing.T) {
	h := newHandler(t,
		Stream{Name: "live/a", Protocol: "rtmp", Codecs: []string{"H264", "AAC"}, Viewers: 1},
		Stream{Name: `x"><script>`, Viewers: 2},
	)
	w := get(h, "GET", "/?token=t")
	page := w.Body.String()
	for _, s := range []string{`href="/live/a?token=t"`, "H264 + AAC by rtmp", "1 viewer<", "2 viewers"} {
		if !strings.Contains(page, s) {
			t.Errorf("no %q in\n%s", s, page)
		}
	}
	if strings.Contains(page, `"><script>`) {
		t.Error("a name is not escaped")
	}
	if h2 := get(h, "GET", "/?token=t", "If-None-Match", w.Header().Get("ETag")); h2.Code != 304 {
		t.Errorf("unchanged page: %d", h2.Code)
	}
}

func TestMatch(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string]bool{
		"/": true, "/live/x": true, "/x": true, "/live/x/publish": true, "/@/base.css": true, "/@/none": true,
		"/favicon.ico": false, "/robots.txt": false, "//": false, "/a b": false, "/publish": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://h/", nil)
		r.URL.Path = path
		if got := h.Match(r); got != want {
			t.Errorf("Match(%s) = %v", path, got)
		}
	}
}

func TestPublishIsNotFramed(t *testing.T) {
	w := get(newHandler(t), "GET", "/live/x/publish")
	if !strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'self'") || !strings.Contains(w.Header().Get("Permissions-Policy"), "camera=(self)") {
		t.Errorf("%v", w.Header())
	}
}

// TestScripts runs the scripts' own tests and parses every module.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("install Node.js 20 or newer: it tests the pages' scripts")
	}
	if out, err := exec.CommandContext(t.Context(), node, "--test", "testdata/").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	scripts, _ := filepath.Glob("assets/*.js")
	for _, s := range scripts {
		cmd := exec.CommandContext(t.Context(), node, "--input-type=module", "--check")
		cmd.Stdin = strings.NewReader(string(mustRead(t, s)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s, err, out)
		}
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := files.ReadFile(filepath.ToSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
