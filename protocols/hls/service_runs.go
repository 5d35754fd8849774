package hls

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/server/hub"
)

// live reports whether somebody publishes the stream.
func (h *Handler) live(name string) bool {
	st := h.hub.Find(name)
	return st != nil && st.Publisher() != nil
}

// open returns the segmenter of a form, which it starts if there is none and
// the stream is live; one that has ended gives way to a new one then. It is nil
// where there is nothing.
func (h *Handler) open(f form) *run {
	live := h.live(f.stream)
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.runs[f]
	if live && (r == nil || r.ended()) {
		return h.replace(f, false)
	}
	if r != nil {
		r.touch()
	}
	return r
}

// await is open for a stream that is not live yet.
func (h *Handler) await(f form) *run {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.runs[f]; r != nil && !r.ended() {
		r.touch()
		return r
	}
	return h.replace(f, false)
}

// keep makes the form's segmenter one that always runs.
func (h *Handler) keep(f form) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.runs[f]; r != nil && !r.ended() {
		r.always = true
		return
	}
	h.replace(f, true)
}

// replace starts a segmenter; it is nil where the handler has stopped. Under
// h.mu.
func (h *Handler) replace(f form, always bool) *run {
	if h.sessions == nil {
		return nil
	}
	old := h.runs[f]
	r := h.start(f, old, always)
	h.runs[f] = r
	return r
}

// abandon ends a segmenter that has found no stream.
func (h *Handler) abandon(r *run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.runs[r.form] == r && !r.always && r.scene.view.Load().lead == nil {
		r.cancel()
		delete(h.runs, r.form)
	}
}

// sweepRuns ends the segmenters that nobody asks anything of, and forgets what
// is over.
func (h *Handler) sweepRuns(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f, r := range h.runs {
		h.sweepPrior(r, now)
		idle := now.Sub(time.Unix(0, r.used.Load()))
		if !r.ended() {
			if idle > h.cfg.IdleTimeout && !r.always {
				r.cancel()
			}
			continue
		}
		if r.over(now) && idle > h.cfg.IdleTimeout {
			delete(h.runs, f)
			h.clear(r)
		}
	}
}

// sweepPrior forgets the lives before a run that are over. Each ended before the one
// after it.
func (h *Handler) sweepPrior(r *run, now time.Time) {
	for p := r.prior.Load(); p != nil; r, p = p, p.prior.Load() {
		if p.over(now) {
			r.prior.Store(nil)
			h.clear(p)
			return
		}
	}
}

// clear removes from the disk what a segmenter, and those before it, have left
// there, if that is not to be kept.
func (h *Handler) clear(r *run) {
	if r.folder == nil || h.cfg.TS.Mode == Keep {
		return
	}
	h.running.Go(func() {
		for ; r != nil; r = r.prior.Load() {
			<-r.done
			r.folder.clear(r.life)
		}
	})
}

// recorded reports whether there is a record of the stream on disk.
func (h *Handler) recorded(stream string) bool {
	_, err := os.Stat(h.stored(stream, recordPlaylist))
	return h.cfg.TS.Dir != "" && err == nil
}

// left reports whether there is something to play of a stream that nobody
// publishes.
func (h *Handler) left(f form) bool {
	h.mu.Lock()
	r := h.runs[f]
	h.mu.Unlock()
	return r != nil && r.scene.view.Load().begun() || f.ts && h.recorded(f.stream)
}

// stored is where a file of a stream lies on disk. The stream's name is
// canonical, so it stays in the folder.
func (h *Handler) stored(stream, name string) string {
	return filepath.Join(h.cfg.TS.Dir, filepath.FromSlash(stream), name)
}

// serveRecord answers with the record's playlist.
func (h *Handler) serveRecord(w *writer, r *http.Request, f form) error {
	if h.cfg.TS.Mode == Rolling {
		return errNoRecord
	}
	compressed := takesGzip(r)
	w.Header().Set("Vary", "Accept-Encoding")
	if run := h.open(f); run != nil {
		if v := run.scene.view.Load(); v.record != nil && v.record.snap.Load() != nil {
			n := v.record.snap.Load()
			pieces, tag := n.pieces(), n.tag(run.life, compressed)
			if compressed {
				pieces = [][]byte{h.zip.compress(pieces...)}
			}
			serveText(w, r, tag, "no-cache", compressed, pieces...)
			return nil
		}
	}
	if !h.recorded(f.stream) {
		return hub.ErrNoPublisher
	}
	text, err := os.ReadFile(h.stored(f.stream, recordPlaylist))
	if err != nil {
		return err
	}
	text = finished(text)
	if compressed {
		text = h.zip.compress(text)
	}
	serveText(w, r, "", "no-cache", compressed, text)
	return nil
}

// serveStored answers with a segment of a life that is over.
func (h *Handler) serveStored(w *writer, r *http.Request, f form, name string) error {
	if h.cfg.TS.Dir == "" || !segmentName(name) {
		return errNoFile
	}
	err := serveFile(w, r, &file{name: name, path: h.stored(f.stream, name)})
	if os.IsNotExist(err) {
		return errNoFile
	}
	return err
}

// segmentName reports whether a name is one that a transport's segment has.
func segmentName(name string) bool {
	life, ok := strings.CutSuffix(name, ".ts")
	if !ok || life == "" {
		return false
	}
	for _, c := range []byte(life) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
