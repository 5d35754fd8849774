package record

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/server/hub"
)

// shelf is a recorder with one record of each format, and its listeners.
func shelf(t *testing.T) (svc *Service, files, api *httptest.Server) {
	t.Helper()
	cfg := rules(FLV, MPEGTS, FMP4, HLS)
	cfg.Dir = t.TempDir()
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, made(0, 9*time.Second, h264Track, aacTrack))
		p.Close(nil)
	})
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	svc, err := Start(cfg, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	authorize := func(_ context.Context, a hub.Action, s hub.Session) error {
		if a != hub.ActionPlay || s.Stream != "live/a" || s.Token != "secret" {
			return hub.ErrUnauthorized
		}
		return nil
	}
	files, api = httptest.NewServer(svc.Files(authorize)), httptest.NewServer(svc.API())
	t.Cleanup(func() {
		files.Close()
		api.Close()
		http.DefaultClient.CloseIdleConnections()
		if err := svc.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		h.Close()
	})
	return svc, files, api
}

func ask(t *testing.T, method, url string, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, got
}

// TestPages: before and limit lead through all finished records, in the API and
// over HTTP.
func TestPages(t *testing.T) {
	_, files, api := shelf(t)
	for url, unwrap := range map[string]func(text []byte) (list []listed, err error){
		api.URL + "/api/v1/records?limit=3": func(text []byte) ([]listed, error) {
			var all struct{ Finished []listed }
			err := json.Unmarshal(text, &all)
			return all.Finished, err
		},
		files.URL + "/records/?token=secret&limit=3": func(text []byte) (list []listed, err error) {
			err = json.Unmarshal(text, &list)
			return list, err
		},
	} {
		seen := map[string]bool{}
		sizes := []int{}
		for before := ""; ; {
			res, text := ask(t, "GET", url+before, "")
			list, err := unwrap(text)
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("%s: %s, %v", url+before, res.Status, err)
			}
			sizes = append(sizes, len(list))
			if len(list) == 0 {
				break
			}
			for _, r := range list {
				seen[r.ID] = true
			}
			before = "&before=" + list[len(list)-1].ID
		}
		if len(seen) != 4 || fmt.Sprint(sizes) != "[3 1 0]" {
			t.Errorf("%s: %d records in pages of %v", url, len(seen), sizes)
		}
		if res, _ := ask(t, "GET", url+"&before=X", ""); res.StatusCode != 400 {
			t.Errorf("before a record that is not there: %s", res.Status)
		}
	}
}

// TestDownload: a browser saves the file by its name if the URL asks for it.
func TestDownload(t *testing.T) {
	svc, server, _ := shelf(t)
	for _, r := range svc.Records() {
		url := server.URL + urlOf(r) + "?token=secret"
		plain, _ := ask(t, "GET", url, "")
		saved, _ := ask(t, "GET", url+"&download", "")
		want := `attachment; filename="` + path.Base(urlOf(r)) + `"`
		if got := saved.Header.Get("Content-Disposition"); got != want || plain.Header.Get("Content-Disposition") != "" || saved.StatusCode != 200 {
			t.Errorf("%s: %s, want %s", r.File, got, want)
		}
	}
}

func TestFilesAreServed(t *testing.T) {
	svc, server, _ := shelf(t)
	var list []listed
	res, text := ask(t, "GET", server.URL+"/records/?stream=live/a&token=secret", "")
	if err := json.Unmarshal(text, &list); err != nil || res.StatusCode != 200 || len(list) != 4 {
		t.Fatalf("%d: %s", res.StatusCode, text)
	}
	for _, r := range list {
		url := server.URL + r.URL
		if r.Format.folder() {
			checkHLS(t, url)
			continue
		}
		want, err := os.ReadFile(filepath.Join(svc.Dir(), r.File))
		if err != nil {
			t.Fatal(err)
		}
		res, got := ask(t, "GET", url+"?token=secret", "")
		if res.StatusCode != 200 || !bytes.Equal(got, want) || res.Header.Get("Content-Type") != contentTypes[r.Format.ext()] ||
			res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%s: %d, %d bytes of %d, %v", url, res.StatusCode, len(got), len(want), res.Header)
		}
		tag := res.Header.Get("ETag")
		if res, got := ask(t, "GET", url, "", "Range", "bytes=100-1099", "Authorization", "Bearer secret"); res.StatusCode != 206 || !bytes.Equal(got, want[100:1100]) {
			t.Errorf("%s: a range is %d with %d bytes", url, res.StatusCode, len(got))
		}
		if res, got := ask(t, "GET", url+"?token=secret", "", "Range", "bytes=-10", "If-Range", tag); res.StatusCode != 206 || !bytes.Equal(got, want[len(want)-10:]) {
			t.Errorf("%s: the end is %d with %d bytes", url, res.StatusCode, len(got))
		}
		if res, got := ask(t, "GET", url+"?token=secret", "", "Range", "bytes=99999999-"); res.StatusCode != 416 {
			t.Errorf("%s: beyond the end is %d with %d bytes", url, res.StatusCode, len(got))
		}
		if res, _ := ask(t, "GET", url+"?token=secret", "", "If-None-Match", tag); res.StatusCode != 304 || tag == "" {
			t.Errorf("%s: unchanged is %d", url, res.StatusCode)
		}
		if res, got := ask(t, "HEAD", url+"?token=secret", ""); res.StatusCode != 200 || res.ContentLength != int64(len(want)) || len(got) != 0 {
			t.Errorf("%s: HEAD is %d with %d", url, res.StatusCode, res.ContentLength)
		}
		if res, _ := ask(t, "POST", url+"?token=secret", ""); res.StatusCode != 405 {
			t.Errorf("%s: POST is %d", url, res.StatusCode)
		}
		if res, _ := ask(t, "OPTIONS", url, ""); res.StatusCode != 204 {
			t.Errorf("%s: OPTIONS is %d", url, res.StatusCode)
		}
		for _, token := range []string{"", "?token=wrong"} {
			if res, got := ask(t, "GET", url+token, ""); res.StatusCode != 401 || len(got) > 200 {
				t.Errorf("%s%s: %d", url, token, res.StatusCode)
			}
		}
	}
	if _, text := ask(t, "GET", server.URL+"/records/", ""); string(text) != "[]\n" {
		t.Errorf("without a token the list is %s", text)
	}
}

// checkHLS follows the playlist as a player does.
func checkHLS(t *testing.T, playlist string) {
	t.Helper()
	res, text := ask(t, "GET", playlist+"?token=secret", "")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/vnd.apple.mpegurl" || !strings.Contains(string(text), "#EXT-X-ENDLIST") {
		t.Fatalf("%s: %d\n%s", playlist, res.StatusCode, text)
	}
	segments := 0
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		segments++
		base := playlist[:strings.LastIndexByte(playlist, '/')+1]
		if res, got := ask(t, "GET", base+line, ""); res.StatusCode != 200 || len(got)%188 != 0 || len(got) == 0 {
			t.Errorf("%s: %d with %d bytes", line, res.StatusCode, len(got))
		}
	}
	if segments != 2 {
		t.Errorf("%d segments", segments)
	}
	if _, text := ask(t, "GET", playlist, "", "Authorization", "Bearer secret"); strings.Contains(string(text), "token") {
		t.Error("a token in the playlist that was not in the URL")
	}
}

// TestNothingElseIsServed asks for what lies in the folder, and beyond.
func TestNothingElseIsServed(t *testing.T) {
	svc, server, _ := shelf(t)
	outside := filepath.Join(t.TempDir(), "secret.flv")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(svc.Dir(), "foreign.flv"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range svc.Records() {
		name := filepath.Join(svc.Dir(), r.File)
		if r.Format == HLS {
			// A link in a record's folder, and a file that is not its own.
			if err := os.Symlink(outside, filepath.Join(name, "00009.ts")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(name, "notes.txt"), []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if r.Format == FLV {
			// A link in a record's place.
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, name); err != nil {
				t.Fatal(err)
			}
		}
		for _, rest := range []string{"/00009.ts", "/notes.txt", "/../foreign.flv", "/", "/x/y", ".part"} {
			checkRefused(t, server, "/records/"+r.File+rest)
		}
		if r.Format == FLV || r.Format == HLS {
			checkRefused(t, server, "/records/"+r.File)
		}
	}
	for _, path := range []string{
		"/records/foreign.flv", "/records/../secret", "/records/%2e%2e/secret", "/records/..%2fsecret", "/records//etc/passwd",
		"/records/.sluice/" + svc.Records()[0].ID + ".json", "/records/live", "/records/live/a/", "/records/live/a/..%00.flv", `/records/..\x`,
	} {
		checkRefused(t, server, path)
	}
}

// checkRefused sends the path as it is: net/http's client would clean it.
func checkRefused(t *testing.T, server *httptest.Server, path string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+path+"?token=secret HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(text, []byte("HTTP/1.0 2")) || bytes.Contains(text, []byte("\r\nsecret")) {
		t.Errorf("%s: %s", path, text[:min(len(text), 100)])
	}
}

func TestAPI(t *testing.T) {
	svc, _, server := shelf(t)
	const all = "/api/v1/records"
	json1 := []string{"Content-Type", "application/json"}
	for body, want := range map[string]int{
		`{"stream":"live/b","format":"flv","segment_duration":"1h","segment_size":"1GiB","duration":"2h","path":"{stream}"}`: 201,
		`{"stream":"live/c","format":"hls"}`:                          201,
		`{"stream":"../c","format":"hls"}`:                            400,
		`{"stream":"live/c","format":"avi"}`:                          400,
		`{"stream":"live/c","format":"flv","duration":"long"}`:        400,
		`{"stream":"live/c","format":"flv","path":"../../x"}`:         400,
		`{"stream":"live/c","format":"flv","segment_size":"big"}`:     400,
		`{"stream":"live/c","format":"flv","segment_duration":"1ms"}`: 400,
		`{"stream":"live/c","format":"flv","what":1}`:                 400,
		`{`: 400,
		`{"stream":"` + strings.Repeat("a", maxRequest) + `"}`: 400,
	} {
		res, text := ask(t, "POST", server.URL+all, body, json1...)
		if res.StatusCode != want || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%.90s: %d %s", body, res.StatusCode, text)
		}
	}
	if res, _ := ask(t, "POST", server.URL+all, `{"stream":"live/c","format":"hls"}`, "Content-Type", "text/plain"); res.StatusCode != 415 {
		t.Errorf("as a form of a page could send it: %d", res.StatusCode)
	}
	var got struct {
		Running  []Status
		Finished []listed
	}
	list := func(query string) {
		t.Helper()
		got.Running, got.Finished = nil, nil
		res, text := ask(t, "GET", server.URL+all+query, "")
		if err := json.Unmarshal(text, &got); err != nil || res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, text)
		}
	}
	if list(""); len(got.Running) != 2 || len(got.Finished) != 4 {
		t.Fatalf("got %+v", got)
	}
	if r := got.Finished[0]; r.Size == 0 || r.Duration < 8 || r.Start.IsZero() || len(r.Tracks) != 2 || !strings.HasPrefix(r.URL, Prefix) {
		t.Errorf("a record is %+v", r)
	}
	if list("?stream=live/c"); len(got.Running) != 1 || got.Running[0].Stream != "live/c" || len(got.Finished) != 0 {
		t.Errorf("of one stream: %+v", got)
	}
	if list("?limit=3"); len(got.Finished) != 3 {
		t.Errorf("with a limit: %+v", got)
	}
	if res, _ := ask(t, "GET", server.URL+all+"?limit=x", ""); res.StatusCode != 400 {
		t.Errorf("with a bad limit: %d", res.StatusCode)
	}
	list("")
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/" + got.Running[0].ID + "/stop", 204},
		{"DELETE", "/" + got.Running[1].ID, 204},
		{"POST", "/" + got.Finished[0].ID + "/stop", 404},
		{"DELETE", "/" + got.Finished[0].ID, 204},
		{"DELETE", "/" + got.Finished[0].ID, 404},
		{"DELETE", "/nonsense", 404},
		{"PUT", "", 405},
	} {
		if res, text := ask(t, c.method, server.URL+all+c.path, ""); res.StatusCode != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.path, res.StatusCode, text)
		}
	}
	if _, err := os.Stat(filepath.Join(svc.Dir(), got.Finished[0].File)); !os.IsNotExist(err) {
		t.Errorf("the deleted file: %v", err)
	}
	if list(""); len(got.Finished) != 3 {
		t.Errorf("after the deletion: %+v", got.Finished)
	}
}

// TestAStalledDownloadIsCut: a client that takes nothing holds nobody up.
func TestPacedWritesHaveADeadline(t *testing.T) {
	var deadline time.Time
	w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder(), set: func(at time.Time) { deadline = at }}
	p := paced{w, http.NewResponseController(w)}
	if _, err := p.Write([]byte("x")); err != nil || time.Until(deadline) > stall || time.Until(deadline) < stall/2 {
		t.Errorf("the deadline is in %v, %v", time.Until(deadline), err)
	}
	deadline = time.Time{}
	src := io.LimitedReader{R: strings.NewReader(strings.Repeat("y", 3*chunk)), N: 2*chunk + 1}
	n, err := p.ReadFrom(&src)
	if err != nil || n != 2*chunk+1 || w.Body.Len() != 2*chunk+2 || deadline.IsZero() {
		t.Errorf("%d bytes, %v, deadline %v", n, err, deadline)
	}
	short := io.LimitedReader{R: strings.NewReader("zz"), N: 100}
	if n, err := p.ReadFrom(&short); n != 2 || err != nil {
		t.Errorf("of a file that was cut: %d, %v", n, err)
	}
}

type deadlineRecorder struct {
	*httptest.ResponseRecorder
	set func(time.Time)
}

func (d *deadlineRecorder) SetWriteDeadline(t time.Time) error {
	d.set(t)
	return nil
}

func (d *deadlineRecorder) ReadFrom(r io.Reader) (int64, error) { return io.Copy(d.Body, r) }
