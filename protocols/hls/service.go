package hls

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"sluice/protocols/container/m3u8"
	"sluice/server/hub"
)

// Handler serves the playlists and what they list. It is a route of the shared
// HTTP listeners.
type Handler struct {
	cfg Config
	hub *hub.Hub
	log *slog.Logger

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	zip     compressor

	mu       sync.Mutex
	runs     map[form]*run
	sessions map[string]*session
}

// New returns a handler that runs until Stop.
func New(cfg Config, h *hub.Hub, log *slog.Logger) *Handler {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &Handler{
		cfg: cfg, hub: h, log: log, ctx: ctx, cancel: func() { cancel(hub.ErrShutdown) },
		runs: make(map[form]*run), sessions: make(map[string]*session),
	}
	if cfg.TS.Dir != "" {
		if err := finishRecords(cfg.TS.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Warn("records of before can't be finished", "dir", cfg.TS.Dir, "error", err)
		}
	}
	s.running.Go(s.sweep)
	if len(cfg.Always) > 0 || len(cfg.TS.Always) > 0 {
		w := h.Watch()
		s.running.Go(func() {
			defer w.Close()
			s.watch(w)
		})
	}
	return s
}

// Stop ends sessions and segmenters, and waits for them.
func (h *Handler) Stop(context.Context) error {
	h.mu.Lock()
	list := h.sessions
	h.sessions = nil // nothing begins any more
	h.mu.Unlock()
	h.cancel()
	h.running.Wait()
	for _, s := range list {
		s.close(hub.ErrShutdown)
	}
	return nil
}

// Match reports whether the path is a playlist's, or of what playlists list.
func (h *Handler) Match(r *http.Request) bool {
	_, ok := parsePath(r.URL.Path)
	return ok
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	setHeaders(rw.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		rw.WriteHeader(http.StatusNoContent)
		return
	default:
		rw.Header().Set("Allow", allow)
		http.Error(rw, "HLS can be played with GET only", http.StatusMethodNotAllowed)
		return
	}
	t, _ := parsePath(r.URL.Path)
	w := newWriter(rw, h.cfg.WriteTimeout)
	defer w.done()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(h.ctx, func() { cancel(hub.ErrShutdown) })()
	name, err := hub.ParseName(t.stream)
	switch {
	case err != nil:
	case t.session == "":
		err = h.multivariant(ctx, w, r, t, name)
	default:
		err = h.resource(ctx, cancel, w, r, t, name)
	}
	if err != nil {
		fail(w, err)
	}
}

func fail(w http.ResponseWriter, err error) {
	code := status(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Del("Etag")
	switch code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	http.Error(w, err.Error(), code)
}

var (
	errDirective = m3u8.ErrDirective
	errNoRecord  = errors.New("there is no record: hls.ts.mode is rolling")
)

// multivariant begins a session.
func (h *Handler) multivariant(ctx context.Context, w *writer, r *http.Request, t target, name string) error {
	if t.record && h.cfg.TS.Mode == Rolling {
		return errNoRecord
	}
	f := form{stream: name, ts: t.ts, opus: !t.ts && (h.cfg.Opus || r.URL.Query().Get("opus") == "1")}
	if r.Method == http.MethodHead {
		return h.head(w, r, f)
	}
	s, err := h.begin(r, f)
	if err != nil {
		return err
	}
	text, err := h.introduce(ctx, f, t, s.id)
	if err != nil {
		h.discard(s, err)
		return err
	}
	compressed := takesGzip(r)
	w.Header().Set("Vary", "Accept-Encoding")
	if compressed {
		text = h.zip.compress(text)
	}
	serveText(w, r, "", "no-store", compressed, text)
	s.sent(w.sent)
	return nil
}

// head answers a question for a multivariant playlist: it begins nothing, and waits
// for nothing.
func (h *Handler) head(w *writer, r *http.Request, f form) error {
	s, err := h.admit(r, f, "")
	if err != nil {
		return err
	}
	s.close(nil)
	if !h.live(f.stream) && !h.left(f) {
		return hub.ErrNoPublisher
	}
	w.Header().Set("Content-Type", playlistType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// introduce returns the multivariant playlist for a session.
func (h *Handler) introduce(ctx context.Context, f form, t target, id string) ([]byte, error) {
	if f.opus && !h.cfg.Opus {
		id += opusMark
	}
	prefix := t.prefix + "@" + id + "/"
	run := h.open(f)
	if run == nil { // nobody publishes, but there may be a record of before
		if t.record && h.recorded(f.stream) {
			m := m3u8.Multivariant{Variants: []m3u8.Variant{{URI: prefix + recordPlaylist, Bandwidth: 1_000_000}}}
			return m.Append(nil), nil
		}
		if run = h.await(f); run == nil {
			return nil, hub.ErrShutdown
		}
	}
	v, err := awaitView(ctx, run.scene, h.cfg.StartWait, (*view).begun)
	if errors.Is(err, errTooLong) && h.live(f.stream) {
		v, err = awaitView(ctx, run.scene, h.cfg.MaxSegmentDuration, (*view).begun)
	}
	if err != nil {
		if st := h.hub.Find(f.stream); st == nil || st.Publisher() == nil {
			h.abandon(run)
			return nil, hub.ErrNoPublisher
		}
		return nil, err
	}
	v = awaitLive(ctx, run, v)
	m := v.multivariant(prefix)
	if t.record {
		m.Variants[0].URI = prefix + recordPlaylist
	}
	return m.Append(nil), nil
}

// resource answers with a media playlist or a file of a session.
func (h *Handler) resource(ctx context.Context, cancel context.CancelCauseFunc, w *writer, r *http.Request, t target, name string) error {
	f := form{stream: name, ts: t.ts, opus: !t.ts && (h.cfg.Opus || t.opus)}
	s, err := h.session(r, f, t.session)
	if err != nil {
		return err
	}
	defer s.leave()
	if v := s.viewer(); v != nil {
		defer context.AfterFunc(v.Context(), func() {
			if cause := context.Cause(v.Context()); errors.Is(cause, hub.ErrKicked) {
				cancel(cause)
			}
		})()
	}
	defer func() { s.sent(w.sent) }()
	if t.name == recordPlaylist && f.ts {
		return h.serveRecord(w, r, f)
	}
	run := h.open(f)
	if run == nil {
		if f.ts {
			return h.serveStored(w, r, f, t.name)
		}
		return hub.ErrNoPublisher
	}
	defer run.touch()
	switch t.name {
	case videoPlaylist, audioPlaylist, livePlaylist:
		return h.servePlaylist(ctx, w, r, run, s, t.name)
	}
	file, err := awaitFile(ctx, run.scene, t.name)
	if errors.Is(err, errNoFile) {
		if old := run.left(t.name); old != nil {
			return serveFile(w, r, old)
		}
	}
	if errors.Is(err, errNoFile) && f.ts {
		return h.serveStored(w, r, f, t.name)
	} else if err != nil {
		return err
	}
	return serveFile(w, r, file)
}

// servePlaylist answers with a media playlist.
func (h *Handler) servePlaylist(ctx context.Context, w *writer, r *http.Request, run *run, s *session, name string) error {
	d, err := m3u8.ParseDirectives(r.URL.Query())
	if err != nil {
		return err
	}
	v, err := awaitView(ctx, run.scene, h.cfg.StartWait, func(v *view) bool { return v.playlists[name] != nil })
	if err != nil {
		return err
	}
	list := v.playlists[name]
	n, err := awaitSnapshot(ctx, list, d, h.cfg.StartWait)
	if err != nil {
		return err
	}
	if last, ok := s.look(name, n.next); ok && last == n.next && !d.Block && !d.Skip {
		n = awaitNews(ctx, list, n, last)
		s.look(name, n.next)
	}
	compressed := takesGzip(r)
	w.Header().Set("Vary", "Accept-Encoding")
	serveText(w, r, n.tag(run.life, d.Skip, compressed), "no-store", compressed, n.text(d.Skip, compressed))
	return nil
}

// watch keeps the segmenters running that always run.
func (h *Handler) watch(w *hub.Watcher) {
	for {
		names, err := w.Next(h.ctx)
		if err != nil {
			return
		}
		for _, name := range names {
			if st := h.hub.Find(name); st == nil || st.Publisher() == nil {
				continue
			}
			if matches(h.cfg.Always, name) {
				h.keep(form{stream: name, opus: h.cfg.Opus})
			}
			if matches(h.cfg.TS.Always, name) {
				h.keep(form{stream: name, ts: true})
			}
		}
	}
}

// checkPatterns returns the error of the first pattern that has one.
func checkPatterns(list []string) error {
	for _, p := range list {
		if err := hub.Pattern(p).Validate(); err != nil {
			return err
		}
	}
	return nil
}

// matches reports whether one of the patterns matches the stream's name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return hub.Pattern(p).Match(name) })
}

// sweepEvery is how often sessions and segmenters are looked after.
const sweepEvery = time.Second

func (h *Handler) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			now := time.Now()
			h.sweepSessions(now)
			h.sweepRuns(now)
		case <-h.ctx.Done():
			return
		}
	}
}
