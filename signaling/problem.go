package signaling

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problem is an RFC 9457 body. Its type is about:blank: the status says what kind of
// problem it is, detail what to do about it, and code is for programs.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code,omitempty"`
}

// codes gives each Code its status, its name in a problem body, and whether the answer
// says when to try again.
var codes = map[Code]struct {
	status int
	name   string
	retry  bool
}{
	CodeInternal:        {http.StatusInternalServerError, "internal", false},
	CodeBadOffer:        {http.StatusBadRequest, "bad-offer", false},
	CodeUnauthorized:    {http.StatusUnauthorized, "unauthorized", false},
	CodeForbidden:       {http.StatusForbidden, "forbidden", false},
	CodeNotFound:        {http.StatusNotFound, "not-found", false},
	CodeSessionEnded:    {http.StatusNotFound, "session-ended", false},
	CodeNoPublisher:     {http.StatusConflict, "no-publisher", true},
	CodePublisherExists: {http.StatusConflict, "publisher-exists", true},
	CodeUnsupported:     {http.StatusUnprocessableEntity, "unsupported", false},
	CodeOverloaded:      {http.StatusServiceUnavailable, "overloaded", true},
}

// String returns the code's name in problem bodies, for example "no-publisher".
func (c Code) String() string { return codes[c].name }

// refuse answers with the status and the body for e.
func (s *Server) refuse(w http.ResponseWriter, e *Error) {
	c, ok := codes[e.Code]
	if !ok {
		c = codes[CodeInternal]
	}
	if c.retry {
		after := e.RetryAfter
		if after == 0 {
			after = s.cfg.RetryAfter
		}
		setRetryAfter(w.Header(), after)
	}
	if e.Code == CodeUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
	}
	writeProblem(w, c.status, c.name, e.Detail)
}

func setRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

func writeProblem(w http.ResponseWriter, status int, code, detail string) {
	body, err := json.Marshal(problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code,
	})
	if err != nil {
		body = nil
	}
	w.Header().Set("Content-Type", "application/problem+json")
	send(w, status, body)
}

// send writes status and body. A client that has gone misses them, which is no error.
func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
