package hls

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/protocols/container/m3u8"
)

const (
	allow        = "GET, HEAD, OPTIONS"
	playlistType = "application/vnd.apple.mpegurl"
	// forLong is for files, whose names are never used again.
	forLong = "public, max-age=31536000, immutable"
)

func setHeaders(header http.Header) {
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Methods", allow)
	header.Set("Access-Control-Allow-Headers", "Authorization, Range, If-None-Match")
	header.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, ETag, Date")
	header.Set("Access-Control-Max-Age", "86400")
}

// writer is a response whose reader must take each 64 KiB in time. It counts.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	sent    int
}

// slice is what one deadline is for.
const slice = 64 << 10

func newWriter(w http.ResponseWriter, timeout time.Duration) *writer {
	return &writer{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
}

func (w *writer) Write(b []byte) (n int, err error) {
	for chunk := range slices.Chunk(b, slice) {
		// A writer without deadlines has no slow readers either.
		_ = w.control.SetWriteDeadline(time.Now().Add(w.timeout))
		m, err := w.ResponseWriter.Write(chunk)
		n += m
		w.sent += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// done sends what is left, and leaves the connection to the next request.
func (w *writer) done() {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.timeout))
	_ = w.control.Flush()
	_ = w.control.SetWriteDeadline(time.Time{})
}

// serveText answers with a playlist.
func serveText(w http.ResponseWriter, r *http.Request, tag, cache string, compressed bool, pieces ...[]byte) {
	h := w.Header()
	h.Set("Content-Type", playlistType)
	h.Set("Cache-Control", cache)
	if tag != "" {
		h.Set("Etag", tag)
		if known(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if compressed {
		h.Set("Content-Encoding", "gzip")
	}
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	h.Set("Content-Length", strconv.Itoa(size))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return
		}
	}
}

// known reports whether a list of entity tags has the tag, weak or not: caches that
// change a text weaken its tag (RFC 9110 section 13.1.2).
func known(list, tag string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(t string) bool {
		t = strings.TrimSpace(t)
		return t == "*" || strings.TrimPrefix(t, "W/") == tag
	})
}

// takesGzip reports whether the client takes compressed text.
func takesGzip(r *http.Request) bool {
	for _, e := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(e), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}

// serveFile answers with a segment, a part or an initialisation segment, or with
// a range of it.
func serveFile(w http.ResponseWriter, r *http.Request, f *file) error {
	var content io.ReadSeeker
	if f.data == nil {
		on, err := os.Open(f.path)
		if err != nil {
			return err
		}
		defer on.Close()
		content = on
	} else {
		content = bytes.NewReader(f.data)
	}
	h := w.Header()
	h.Set("Cache-Control", forLong)
	h.Set("Etag", `"`+f.name+`"`)
	h.Set("Content-Type", contentType(f.name))
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".ts"):
		return "video/mp2t"
	case strings.HasSuffix(name, ".mp4"):
		return "video/mp4"
	default:
		return "video/iso.segment"
	}
}

var (
	errNoFile  = errors.New("no such file; the playlist tells which there are")
	errTooFar  = errors.New("_HLS_msn and _HLS_part are too far ahead of the playlist")
	errTooLong = errors.New("what was asked for has not come in time, try again")
)

// awaitSnapshot waits until the playlist has what the request wants: for three
// target durations (6.2.5.2), or until the first segment is there. Where the
// publisher is away it answers soon with what there is: hls.js waits for 0.8
// target durations only, and gives up when that has happened a few times.
func awaitSnapshot(ctx context.Context, s *shelf, d m3u8.Directives, start time.Duration) (*snapshot, error) {
	n := s.snap.Load()
	wait := start
	if n.begun() {
		if n.tooFar(d) {
			return nil, errTooFar
		}
		wait = partsListed * n.media.TargetDuration
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !n.begun() || !n.reached(d) {
		var patience <-chan time.Time
		if n.away && n.begun() {
			patience = time.After(n.media.TargetDuration / 2)
		}
		select {
		case <-n.changed:
			n = s.snap.Load()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-patience:
			return n, nil
		case <-timer.C:
			return nil, errTooLong
		}
	}
	return n, nil
}

// lateBy is by how much a segment may come later than its length says, on a busy
// machine or a bad line.
const lateBy = 2 * time.Second

// awaitNews waits, for a target duration and a little at most, until the playlist
// has a segment more than the player has seen: a player that asks so soon again
// would find nothing. Chromium, which reloads as soon as it begins to play, takes
// that for the end (kNoDataEverAppended). Where parts stop coming it waits no
// longer.
func awaitNews(ctx context.Context, s *shelf, n *snapshot, seen uint64) *snapshot {
	wait := n.media.TargetDuration + lateBy
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for n.next == seen && !n.media.End && !n.away {
		if n.media.PartTarget > 0 {
			wait = min(wait, 3*n.media.PartTarget)
		}
		select {
		case <-n.changed:
			n = s.snap.Load()
		case <-ctx.Done():
			return n
		case <-time.After(wait):
			return n
		case <-timer.C:
			return n
		}
	}
	return n
}

// awaitView waits until ok holds for what there is.
func awaitView(ctx context.Context, s *scene, wait time.Duration, ok func(*view) bool) (*view, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		v := s.view.Load()
		if ok(v) {
			return v, nil
		}
		if v.ended {
			return nil, errNoFile
		}
		changed := []<-chan struct{}{v.changed, nil, nil}
		for i, p := range []*shelf{v.lead, v.sound} {
			if p != nil {
				n := p.snap.Load()
				if !n.begun() {
					changed[i+1] = n.changed
				}
			}
		}
		if ok(v) { // a snapshot may have come just before it was looked at
			return v, nil
		}
		select {
		case <-changed[0]:
		case <-changed[1]:
		case <-changed[2]:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timer.C:
			return nil, errTooLong
		}
	}
}

// catchUp is how long a segmenter may take for what the hub held: some seconds of
// sound may have to be transcoded. Where the stream stands still it waits in vain.
const catchUp = 500 * time.Millisecond

// awaitLive waits until the segmenter is where the stream is, so that a player does
// not begin with what is old.
func awaitLive(ctx context.Context, r *run, v *view) *view {
	timer := time.NewTimer(catchUp)
	defer timer.Stop()
	select {
	case <-r.caught:
	case <-r.done:
	case <-ctx.Done():
		return v
	case <-timer.C:
	}
	if now := r.scene.view.Load(); now.begun() {
		return now
	}
	return v
}

// awaitFile waits for a part that a preload hint has named.
func awaitFile(ctx context.Context, s *scene, name string) (*file, error) {
	var timer *time.Timer
	for {
		v := s.view.Load()
		hint := v.hinted(name)
		if f := v.file(name); f != nil {
			return f, nil
		}
		if hint == nil || hint.media.End {
			return nil, errNoFile
		}
		if timer == nil {
			timer = time.NewTimer(partsListed * max(time.Second, hint.media.TargetDuration))
			defer timer.Stop()
		}
		select {
		case <-hint.changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timer.C:
			return nil, errTooLong
		}
	}
}
