package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/server/httpd"
)

// Operations of the control API, as net/http patterns. API serves them.
const (
	opList   = "GET /api/v1/records"
	opStart  = "POST /api/v1/records"
	opStop   = "POST /api/v1/records/{id}/stop"
	opDelete = "DELETE /api/v1/records/{id}"
)

// Patterns are what API serves.
func Patterns() []string { return []string{opList, opStart, opStop, opDelete} }

// request is the body of a start.
type request struct {
	Stream string `json:"stream"`
	Format Format `json:"format"`
	// Path, the template of the names, and the rest may be left out. Durations
	// are as 1h30m, sizes as 2GiB.
	Path            string `json:"path"`
	SegmentDuration string `json:"segment_duration"`
	SegmentSize     Bytes  `json:"segment_size"`
	Duration        string `json:"duration"`
}

// listed is a finished record as the API and the HTTP listing show it.
type listed struct {
	Record
	URL string `json:"url"`
}

// maxRequest bounds the body of a start, maxListed what one answer lists.
const (
	maxRequest = 16 << 10
	maxListed  = 10000
)

// API returns the handler of the control API. Who may use it is for its caller to
// say.
func (s *Service) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(opList, s.serveList)
	mux.HandleFunc(opStart, s.serveStart)
	mux.HandleFunc(opStop, func(w http.ResponseWriter, r *http.Request) {
		if !s.End(r.PathValue("id")) {
			httpd.Fail(w, http.StatusNotFound, "no running record has this id; GET /api/v1/records lists them")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc(opDelete, func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if !s.End(id) && !s.Delete(id) {
			httpd.Fail(w, http.StatusNotFound, "no record has this id; GET /api/v1/records lists them")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// serveList lists running and finished records, the newest finished first.
func (s *Service) serveList(w http.ResponseWriter, r *http.Request) {
	limit, before, err := s.page(r)
	if err != nil {
		httpd.Fail(w, http.StatusBadRequest, err.Error())
		return
	}
	stream := r.URL.Query().Get("stream")
	running := []Status{}
	for _, j := range s.Jobs() {
		if stream == "" || j.Stream == stream {
			running = append(running, j)
		}
	}
	finished := newest(before, limit, func(r Record) bool { return stream == "" || r.Stream == stream })
	httpd.JSON(w, http.StatusOK, map[string]any{"running": running, "finished": finished})
}

// page returns what part of the finished records a request asks for: at most limit
// of those that are older than the one that before names.
func (s *Service) page(r *http.Request) (limit int, older []Record, err error) {
	q := r.URL.Query()
	limit, older = maxListed, s.Records()
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return 0, nil, errors.New("limit is a number")
		}
		limit = min(n, maxListed)
	}
	if id := q.Get("before"); id != "" {
		i := slices.IndexFunc(older, func(r Record) bool { return r.ID == id })
		if i < 0 {
			return 0, nil, errors.New("before: no finished record has this id")
		}
		older = older[:i]
	}
	return limit, older, nil
}

// newest returns the last records that ok takes, the newest first.
func newest(all []Record, limit int, ok func(Record) bool) []listed {
	list := []listed{}
	for i := len(all) - 1; i >= 0 && len(list) < limit; i-- {
		if ok(all[i]) {
			list = append(list, listed{all[i], urlOf(all[i])})
		}
	}
	return list
}

// urlOf returns the path at which the shared listeners serve a record.
func urlOf(r Record) string {
	name := r.File
	if r.Format.folder() {
		name = path.Join(name, playlistName)
	}
	return Prefix + (&url.URL{Path: name}).EscapedPath()
}

func (s *Service) serveStart(w http.ResponseWriter, r *http.Request) {
	// A page of another origin can't send this type without being allowed to.
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		httpd.Fail(w, http.StatusUnsupportedMediaType, "send Content-Type: application/json")
		return
	}
	var q request
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		httpd.Fail(w, http.StatusBadRequest, err.Error())
		return
	}
	o := Order{Stream: q.Stream, Format: q.Format, Path: q.Path, SegmentSize: q.SegmentSize}
	var err error
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{{"segment_duration", q.SegmentDuration, &o.SegmentDuration}, {"duration", q.Duration, &o.Duration}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = time.ParseDuration(d.text); err != nil {
			httpd.Fail(w, http.StatusBadRequest, fmt.Sprintf("%s: %q is no duration, as 1h30m", d.name, d.text))
			return
		}
	}
	st, err := s.Record(o)
	switch {
	case errors.Is(err, ErrClosing):
		httpd.Fail(w, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		httpd.Fail(w, http.StatusBadRequest, err.Error())
	default:
		httpd.JSON(w, http.StatusCreated, st)
	}
}
