package signaling

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/signaling/sdpfrag"
)

// Media types of WHIP and WHEP.
const (
	offerType    = "application/sdp"
	fragmentType = sdpfrag.MediaType
)

// maxUserAgent bounds what is kept of a User-Agent, in bytes.
const maxUserAgent = 256

// serveEndpoint serves /{stream}/whip and /{stream}/whep.
func (s *Server) serveEndpoint(w http.ResponseWriter, r *http.Request, t target) {
	switch r.Method {
	case http.MethodPost:
		s.post(w, r, t)
	case http.MethodOptions:
		s.serveOptions(w, r, t)
	case http.MethodGet, http.MethodHead:
		w.Header().Set("Accept-Post", offerType)
		if t.action == Publish {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		// A HEAD with this type is how a client finds out that a URL speaks WHEP.
		w.Header().Set("Content-Type", offerType)
		send(w, http.StatusOK, nil)
	default:
		s.methodNotAllowed(w, endpointMethods)
	}
}

// post makes a session out of an offer.
func (s *Server) post(w http.ResponseWriter, r *http.Request, t target) {
	client := clientAddr(r, s.cfg.TrustedProxies)
	if s.limited(w, s.posts, client) || !s.acceptable(w, r) {
		return
	}
	access := accessOf(r, t, client.Addr())
	if err := s.authorize(r.Context(), access); err != nil {
		s.refusePost(w, t, client, err)
		return
	}
	if s.redirected(w, r, t) {
		return
	}
	body, ok := s.readBody(w, r)
	if !ok {
		return
	}
	ss, answer, err := s.negotiate(r, t, body, Offer{
		Stream: t.stream, Remote: client, UserAgent: userAgent(r), Token: access.Token, Query: queryOf(r),
	})
	if err != nil {
		s.refusePost(w, t, client, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", offerType)
	h.Set("Location", strings.TrimSuffix(r.URL.EscapedPath(), "/")+"/"+ss.target.id)
	h.Set("ETag", ss.quotedETag())
	h.Set("Accept-Patch", fragmentType)
	s.setLinks(h)
	send(w, http.StatusCreated, []byte(answer))
}

// negotiate checks the body, has the engine answer the offer that it completes, and
// registers the session.
func (s *Server) negotiate(r *http.Request, t target, body []byte, offer Offer) (*session, string, error) {
	parsed, err := ParseOffer(t.action, body)
	if err != nil {
		return nil, "", err
	}
	select {
	case s.negotiations <- struct{}{}:
		defer func() { <-s.negotiations }()
	default:
		return nil, "", &Error{Code: CodeOverloaded, Detail: "the server is busy with other offers; try again shortly"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	offer.SDP = parsed.SDP
	run := s.opts.Engine.Publish
	if t.action == Play {
		run = s.opts.Engine.Play
	}
	engine, raw, err := run(ctx, offer)
	if err != nil {
		return nil, "", err
	}
	ss, answer, err := newSession(t, engine, raw.SDP, parsed.ICE, localAddr(r))
	if err == nil {
		err = context.Cause(r.Context())
	}
	if err == nil {
		err = s.add(ss)
	}
	if err != nil {
		engine.Close(err)
		return nil, "", err
	}
	s.opts.Log.Info("session began", append(ss.logAttrs(), "remote", offer.Remote, "agent", offer.UserAgent)...)
	return ss, answer, nil
}

// refusePost answers for err and logs it.
func (s *Server) refusePost(w http.ResponseWriter, t target, client netip.AddrPort, err error) {
	e := asError(err)
	s.opts.Log.Info("offer refused", "protocol", t.action.endpoint(), "stream", t.stream, "remote", client, "code", e.Code, "err", err)
	s.refuse(w, e)
}

func (s *Server) authorize(ctx context.Context, a Access) error {
	if s.opts.Authorizer == nil {
		return nil
	}
	return s.opts.Authorizer.Authorize(ctx, a)
}

// redirected answers 307 and returns true if another server takes the client.
func (s *Server) redirected(w http.ResponseWriter, r *http.Request, t target) bool {
	if s.opts.Redirector == nil {
		return false
	}
	base := s.opts.Redirector.Redirect(r.Context(), t.action, t.stream)
	if base == nil {
		return false
	}
	u := base.JoinPath(r.URL.EscapedPath())
	u.RawQuery = r.URL.RawQuery
	w.Header().Set("Location", u.String())
	send(w, http.StatusTemporaryRedirect, nil)
	return true
}

// acceptable answers 415 or 406 and returns false if the request is not of an SDP offer
// by a client that takes an SDP answer.
func (s *Server) acceptable(w http.ResponseWriter, r *http.Request) bool {
	if !hasType(r, offerType) {
		w.Header().Set("Accept-Post", offerType)
		writeProblem(w, http.StatusUnsupportedMediaType, "bad-type", "send the SDP offer with Content-Type: "+offerType)
		return false
	}
	if !accepts(r.Header.Values("Accept"), offerType) {
		writeProblem(w, http.StatusNotAcceptable, "not-acceptable", "the answer is "+offerType+"; allow it in Accept, or leave Accept out")
		return false
	}
	return true
}

// readBody reads a bounded body in bounded time. It answers and returns false if that
// fails. The deadline then stays: net/http would wait for the rest without one.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	rc := http.NewResponseController(w)
	// A writer without deadlines, such as a test's recorder, has no slow clients either.
	_ = rc.SetReadDeadline(time.Now().Add(s.cfg.RequestTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, sdpfrag.MaxSize))
	var tooBig *http.MaxBytesError
	switch {
	case err == nil:
		_ = rc.SetReadDeadline(time.Time{})
	case errors.As(err, &tooBig):
		writeProblem(w, http.StatusRequestEntityTooLarge, "too-big", "the body has more than "+strconv.Itoa(sdpfrag.MaxSize)+" bytes")
	default:
		writeProblem(w, http.StatusRequestTimeout, "incomplete", "the body did not arrive in time")
	}
	return body, err == nil
}

// hasType tells whether the request's Content-Type is want, with any parameters.
func hasType(r *http.Request, want string) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == want
}

// accepts tells whether the values of an Accept header field allow typ (RFC 9110
// section 12.5.1).
func accepts(values []string, typ string) bool {
	major, _, _ := strings.Cut(typ, "/")
	anything := true
	for _, item := range strings.Split(strings.Join(values, ","), ",") {
		t, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		anything = false
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		if t == typ || t == major+"/*" || t == "*/*" {
			return true
		}
	}
	return anything
}

// localAddr returns the server's address that the request arrived at, invalid if that
// is not known.
func localAddr(r *http.Request) netip.Addr {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap.Addr().Unmap()
}

func userAgent(r *http.Request) string {
	ua := r.UserAgent()
	return ua[:min(len(ua), maxUserAgent)]
}

// queryOf returns the URL's parameters without the token.
func queryOf(r *http.Request) url.Values {
	q := r.URL.Query()
	q.Del("token")
	return q
}

// newSecret returns 26 characters that hold 130 random bits.
func newSecret() string { return rand.Text() }
