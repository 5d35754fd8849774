package record

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"sluice/server/bearer"
	"sluice/server/httpd"
	"sluice/server/hub"
)

// Prefix begins the URL paths of finished records. A stream of an app of this name
// can't be played over HTTP.
const Prefix = "/records/"

const (
	playlistName = "index.m3u8"
	// stall is how long a client may take no data before its download ends.
	stall = 30 * time.Second
	// chunk is what is sent under one deadline.
	chunk = 1 << 20
)

// contentTypes are those of the files of a record, by extension.
var contentTypes = map[string]string{
	".flv": "video/x-flv", ".ts": "video/mp2t", ".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl",
}

// Files serves finished records over HTTP: the files at Prefix and their path, a
// list as JSON at Prefix itself. Who may play a stream may play its records.
type Files struct {
	service   *Service
	authorize func(ctx context.Context, a hub.Action, s hub.Session) error
}

// Files returns the route of the shared listeners.
func (s *Service) Files(authorize func(ctx context.Context, a hub.Action, s hub.Session) error) *Files {
	return &Files{service: s, authorize: authorize}
}

// Match reports whether the path begins as those of records do.
func (f *Files) Match(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, Prefix) || r.URL.Path == strings.TrimSuffix(Prefix, "/")
}

// ServeHTTP serves a file, or the list.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const allow = "GET, HEAD, OPTIONS"
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", allow)
	h.Set("Access-Control-Allow-Headers", "Authorization, Range, If-Range")
	h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Accept-Ranges, ETag")
	h.Set("Access-Control-Max-Age", "86400")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", allow)
		http.Error(w, "records can be read only; the API deletes them", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	if name == "" || !strings.HasPrefix(r.URL.Path, Prefix) {
		f.list(w, r)
		return
	}
	f.file(w, r, name)
}

// may returns nil, or why the request's token may not play the stream.
func (f *Files) may(r *http.Request, stream string) error {
	return f.authorize(r.Context(), hub.ActionPlay, hub.Session{
		Stream: stream, Protocol: "record", Remote: r.RemoteAddr, UserAgent: r.UserAgent(), Token: bearer.Token(r), Query: r.URL.Query(),
	})
}

// list shows the records that the token may play; ?stream= those of one stream,
// ?limit= and ?before= a page of them.
func (f *Files) list(w http.ResponseWriter, r *http.Request) {
	limit, older, err := f.service.page(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stream := r.URL.Query().Get("stream")
	allowed := make(map[string]bool)
	list := newest(older, limit, func(rec Record) bool {
		if stream != "" && rec.Stream != stream {
			return false
		}
		ok, known := allowed[rec.Stream]
		if !known {
			ok = f.may(r, rec.Stream) == nil
			allowed[rec.Stream] = ok
		}
		return ok
	})
	w.Header().Set("Cache-Control", "no-cache")
	httpd.JSON(w, http.StatusOK, list)
}

func (f *Files) file(w http.ResponseWriter, r *http.Request, name string) {
	rec, rest, ok := f.service.ledger.at(name)
	if ok {
		if err := f.may(r, rec.Stream); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
	}
	if !ok || rec.Format.folder() && !ownFile(rest) {
		http.Error(w, "no such record; "+Prefix+" lists them", http.StatusNotFound)
		return
	}
	root, err := f.service.store.open()
	var file *os.File
	if err == nil {
		file, err = root.Open(name)
	}
	var st os.FileInfo
	if err == nil {
		defer file.Close()
		st, err = file.Stat()
	}
	if err == nil && !st.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "the record's file is gone", http.StatusNotFound)
		return
	case err != nil:
		f.service.log.Warn("record can't be read", "file", name, "error", err)
		http.Error(w, "the record can't be read", http.StatusInternalServerError)
		return
	}
	ext := path.Ext(name)
	w.Header().Set("Content-Type", contentTypes[ext])
	w.Header().Set("Cache-Control", "private, max-age=86400, immutable")
	if r.URL.Query().Has("download") {
		// The names need no quotes: see checkPath.
		w.Header().Set("Content-Disposition", `attachment; filename="`+path.Base(name)+`"`)
	}
	token := r.URL.Query().Get("token")
	if ext == ".m3u8" && token != "" {
		f.playlist(w, r, file, st, token)
		return
	}
	w.Header().Set("ETag", `"`+rec.ID+"-"+strings.TrimSuffix(rest, ext)+`"`)
	http.ServeContent(paced{w, http.NewResponseController(w)}, r, "", st.ModTime(), file)
}

// playlist serves a playlist whose files are asked for with the same token.
func (f *Files) playlist(w http.ResponseWriter, r *http.Request, file io.Reader, st os.FileInfo, token string) {
	text, err := io.ReadAll(file)
	if err != nil {
		http.Error(w, "the record can't be read", http.StatusInternalServerError)
		return
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if l != "" && l[0] != '#' {
			lines[i] = l + "?token=" + url.QueryEscape(token)
		}
	}
	body := strings.NewReader(strings.Join(lines, "\n"))
	http.ServeContent(paced{w, http.NewResponseController(w)}, r, "", st.ModTime(), body)
}

// ownFile reports whether a file in a record's folder is one of its own.
func ownFile(name string) bool {
	return name == playlistName || strings.HasSuffix(name, ".ts") && checkPath(name) == nil
}

// paced gives each part of a download its own deadline, so that a client that
// reads on may take its time and one that has stopped may not.
type paced struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p paced) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

// ReadFrom keeps the kernel's way from file to socket, chunk by chunk.
func (p paced) ReadFrom(src io.Reader) (n int64, err error) {
	to, ok := p.ResponseWriter.(io.ReaderFrom)
	whole, limited := src.(*io.LimitedReader)
	if !ok || !limited {
		return io.Copy(struct{ io.Writer }{p}, src)
	}
	for whole.N > 0 && err == nil {
		if err = p.control.SetWriteDeadline(time.Now().Add(stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return n, err
		}
		part := io.LimitedReader{R: whole.R, N: min(whole.N, chunk)}
		var m int64
		m, err = to.ReadFrom(&part)
		n, whole.N = n+m, whole.N-m
		if err == nil && m == 0 {
			break // the file is shorter than it was
		}
	}
	return n, err
}
