// Package web serves the pages: what is live, watching a stream by WHEP, and publishing
// one by WHIP. It is pure presentation and imports nothing of the module; the pages
// reach the server through /{app}/{stream}/whep and .../whip like any other client.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

//go:embed assets pages
var files embed.FS

// assetPrefix is where scripts and styles are. "@" can't be in a stream name.
const assetPrefix = "/@/"

// Stream is a live stream in the list of the index page.
type Stream struct {
	// Name is the canonical name, for example "live/test110".
	Name string
	// Protocol is what it is published by, for example "rtmp". It may be empty.
	Protocol string
	// Codecs names its tracks, for example "H264", "AAC".
	Codecs []string
	// Viewers is how many watch it.
	Viewers int
}

// Options are what the pages need from the server.
type Options struct {
	// StreamName returns the canonical name of the stream whose path is given, with a
	// leading slash, or an error. Required.
	StreamName func(path string) (string, error)
	// Streams returns the live streams that the request may see, in order; nil lists
	// none.
	Streams func(r *http.Request) []Stream
	// SecurePort is the port of the HTTPS listener, which the publish page sends
	// people to whose browser gives no camera without HTTPS. "" is unknown.
	SecurePort string
	// Ports tells where other programs play streams; nil names no port.
	Ports func() Ports
	// ConnectSources are origins beside the page's own that it may send WHIP and WHEP
	// requests to, for servers that redirect to others.
	ConnectSources []string
}

// Ports are the ports of the listeners that are not HTTP; "" is one that is off.
type Ports struct{ RTMP, RTSP string }

// Handler serves the pages and their assets. It is safe for concurrent use.
type Handler struct {
	opts   Options
	pages  *template.Template
	assets map[string]asset
	csp    string
}

type asset struct {
	body []byte
	mime string
	etag string
}

var _ http.Handler = (*Handler)(nil)

// New returns a handler. It fails only if the embedded files are broken.
func New(opts Options) (*Handler, error) {
	pages, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	h := &Handler{opts: opts, pages: pages, assets: map[string]asset{}, csp: contentPolicy(opts.ConnectSources)}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	for _, e := range entries {
		body, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		sum := sha256.Sum256(body)
		h.assets[e.Name()] = asset{body: body, mime: typeOf(e.Name()), etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
	}
	return h, nil
}

// typeOf does not depend on the machine's MIME tables for the types that browsers
// insist on.
func typeOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}

// contentPolicy allows what the pages use: own scripts and styles, no inline ones.
func contentPolicy(connect []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; " +
		"connect-src " + strings.Join(append([]string{"'self'"}, connect...), " ") + "; base-uri 'none'; form-action 'none'"
}

// Match tells whether the request is for a page or an asset. Every GET of a path that
// is a stream's name is its watch page, so other services are asked first.
func (h *Handler) Match(r *http.Request) bool {
	p := r.URL.Path
	if p == "/" || strings.HasPrefix(p, assetPrefix) {
		return true
	}
	if p == "/favicon.ico" || p == "/robots.txt" {
		return false
	}
	_, _, ok := h.parse(p)
	return ok
}

// parse splits the path of a watch or publish page.
func (h *Handler) parse(p string) (stream, page string, ok bool) {
	page = "watch"
	if name, found := strings.CutSuffix(strings.TrimSuffix(p, "/"), "/publish"); found {
		p, page = name, "publish"
	}
	stream, err := h.opts.StreamName(p)
	return stream, page, err == nil
}

// ServeHTTP serves GET and HEAD of the pages and their assets.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this is a page: GET it", http.StatusMethodNotAllowed)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, assetPrefix); ok {
		h.serveAsset(w, r, name)
		return
	}
	data := pageData{Query: tokenQuery(r), SecurePort: h.opts.SecurePort}
	if r.URL.Path == "/" {
		if h.opts.Streams != nil {
			data.Streams = h.opts.Streams(r)
		}
		h.servePage(w, r, "index", data)
		return
	}
	stream, page, ok := h.parse(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	data.Stream, data.Title = stream, stream
	if h.opts.Ports != nil {
		data.Ports = h.opts.Ports()
	}
	h.servePage(w, r, page, data)
}

func (h *Handler) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := h.assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.mime)
	serve(w, r, a.body, a.etag)
}

// pageData is what the templates show.
type pageData struct {
	Title, Stream string
	// Query is "?token=..." for links that keep the token, or empty.
	Query      template.URL
	SecurePort string
	Ports      Ports
	Streams    []Stream
}

func (h *Handler) servePage(w http.ResponseWriter, r *http.Request, page string, data pageData) {
	var body bytes.Buffer
	if err := h.render(&body, page, data); err != nil {
		http.Error(w, "the page can't be shown", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", h.csp)
	header.Set("Referrer-Policy", "no-referrer")
	if page == "publish" {
		header.Set("Content-Security-Policy", h.csp+"; frame-ancestors 'self'")
		header.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self)")
	}
	sum := sha256.Sum256(body.Bytes())
	serve(w, r, body.Bytes(), `"`+hex.EncodeToString(sum[:12])+`"`)
}

func (h *Handler) render(w io.Writer, page string, data pageData) error {
	return h.pages.ExecuteTemplate(w, page+".html", data)
}

// serve writes body, or 304 if the client has it. Everything is checked again on each
// use, so that a new version of the server shows its own pages.
func serve(w http.ResponseWriter, r *http.Request, body []byte, etag string) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", etag)
	for _, have := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(have), "W/") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone misses it, which is no error
	}
}

// tokenQuery returns the query that passes the request's token on, or "".
func tokenQuery(r *http.Request) template.URL {
	token := r.URL.Query().Get("token")
	if token == "" {
		return ""
	}
	return template.URL("?" + url.Values{"token": {token}}.Encode())
}
