package signaling

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"sluice/signaling/sdpfrag"
)

// errDeleted is why a session ends that its client deleted.
var errDeleted = errors.New("signaling: the client ended the session")

// session is a WHIP or WHEP session resource.
type session struct {
	target target
	engine Session
	near   netip.Addr
	// answered is the server's ICE part of the answer: what a restart repeats.
	answered sdpfrag.Fragment

	// mu makes PATCH requests take turns. It guards what follows.
	mu sync.Mutex
	// etag names the ICE session; a restart draws a new one.
	etag string
	// ufrag and pwd are the client's credentials, oldUfrag those that the last restart
	// replaced.
	ufrag, pwd, oldUfrag string
}

// newSession returns the resource of an engine's session and the finished answer.
func newSession(t target, engine Session, raw string, offered sdpfrag.Fragment, near netip.Addr) (*session, string, error) {
	answer, err := FinishAnswer(t.action, raw, near)
	if err != nil {
		return nil, "", err
	}
	answered, err := sdpfrag.FromSDP(answer)
	if err != nil {
		return nil, "", err
	}
	t.id = newSecret()
	return &session{
		target: t, engine: engine, near: near, answered: answered,
		etag: newSecret(), ufrag: offered.Ufrag, pwd: offered.Pwd,
	}, answer, nil
}

// quotedETag returns the entity-tag as a header value. Before the session is
// registered no lock is needed; later the caller holds mu.
func (ss *session) quotedETag() string { return `"` + ss.etag + `"` }

// logAttrs names the session in the log, without its secret.
func (ss *session) logAttrs() []any {
	return []any{"protocol", ss.target.action.endpoint(), "stream", ss.target.stream, "session", ss.engine.ID()}
}

// serveSession serves /{stream}/whip/{id} and /{stream}/whep/{id}.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request, t target) {
	switch r.Method {
	case http.MethodOptions:
		s.serveOptions(w, r, t)
	case http.MethodDelete:
		s.delete(w, r, t)
	case http.MethodGet, http.MethodHead, http.MethodPatch:
		if s.limited(w, s.patches, clientAddr(r, s.cfg.TrustedProxies)) {
			return
		}
		ss, ok := s.find(t)
		switch {
		case !ok:
			s.refuse(w, &Error{Code: CodeSessionEnded, Detail: "there is no such session, or it has ended; POST a new offer"})
		case r.Method == http.MethodPatch:
			s.patch(w, r, ss)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	default:
		s.methodNotAllowed(w, sessionMethods)
	}
}

// delete ends the session. It is 200 for one that has ended, too: OBS and browsers
// close their peer connection first, which may end the session before their DELETE
// arrives, and OBS warns its user of anything but a 200.
func (s *Server) delete(w http.ResponseWriter, r *http.Request, t target) {
	if s.limited(w, s.deletes, clientAddr(r, s.cfg.TrustedProxies)) {
		return
	}
	if ss, ok := s.find(t); ok {
		ss.engine.Close(errDeleted)
	}
	send(w, http.StatusOK, nil)
}

// patch trickles candidates or restarts ICE (RFC 9725 section 4.3).
func (s *Server) patch(w http.ResponseWriter, r *http.Request, ss *session) {
	if !hasType(r, fragmentType) {
		w.Header().Set("Accept-Patch", fragmentType)
		writeProblem(w, http.StatusUnsupportedMediaType, "bad-type",
			"send an ICE fragment with Content-Type: "+fragmentType+"; a new offer needs a new session")
		return
	}
	body, ok := s.readBody(w, r)
	if !ok {
		return
	}
	frag, err := sdpfrag.Parse(body)
	if err != nil {
		s.refuse(w, &Error{Code: CodeBadOffer, Detail: "the body is not a valid ICE fragment: " + err.Error()})
		return
	}
	frag.Candidates = slices.DeleteFunc(frag.Candidates, func(c sdpfrag.Candidate) bool { return !c.Usable() })

	ss.mu.Lock()
	defer ss.mu.Unlock()
	if !precondition(w, r, ss.etag) {
		return
	}
	if frag.Ufrag == "" || frag.Ufrag == ss.ufrag && frag.Pwd == ss.pwd {
		s.trickle(w, r, ss, frag)
		return
	}
	if frag.Ufrag == ss.oldUfrag {
		writeProblem(w, http.StatusPreconditionFailed, "stale", "a later ICE restart replaced these credentials; use the newest ones")
		return
	}
	s.restart(w, r, ss, frag)
}

func (s *Server) trickle(w http.ResponseWriter, r *http.Request, ss *session, frag sdpfrag.Fragment) {
	if len(frag.Candidates) > 0 || frag.End {
		if err := ss.engine.AddCandidates(r.Context(), frag); err != nil {
			s.refusePatch(w, ss, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) restart(w http.ResponseWriter, r *http.Request, ss *session, frag sdpfrag.Fragment) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	own, err := ss.engine.Restart(ctx, frag)
	if err != nil {
		s.refusePatch(w, ss, err)
		return
	}
	ss.etag, ss.oldUfrag, ss.ufrag, ss.pwd = newSecret(), ss.ufrag, frag.Ufrag, frag.Pwd
	s.opts.Log.Info("ICE restarted", ss.logAttrs()...)

	reply := ss.answered
	reply.Ufrag, reply.Pwd = own.Ufrag, own.Pwd
	reply.Candidates = SortCandidates(own.Candidates, ss.near)
	h := w.Header()
	h.Set("Content-Type", fragmentType)
	h.Set("ETag", ss.quotedETag())
	send(w, http.StatusOK, reply.Append(nil))
}

// refusePatch answers for err and logs it. The session goes on.
func (s *Server) refusePatch(w http.ResponseWriter, ss *session, err error) {
	e := asError(err)
	s.opts.Log.Info("PATCH refused", append(ss.logAttrs(), "code", e.Code, "err", err)...)
	s.refuse(w, e)
}

// precondition answers 428 or 412 and returns false unless If-Match names the ICE
// session (RFC 9110 section 13.1.1). RFC 9725 section 4.3.3 writes a restart's "*" in
// quotes in its example, so that is taken too.
func precondition(w http.ResponseWriter, r *http.Request, etag string) bool {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		writeProblem(w, http.StatusPreconditionRequired, "precondition-required",
			"send If-Match with the ETag of the 201 or of the last ICE restart; to restart ICE send If-Match: *")
		return false
	}
	for _, v := range strings.Split(strings.Join(values, ","), ",") {
		// Opaque tags hold no comma and no quote here, so trimming is exact.
		if v = strings.Trim(strings.TrimSpace(v), `"`); v == "*" || v == etag {
			return true
		}
	}
	writeProblem(w, http.StatusPreconditionFailed, "precondition-failed",
		"the ETag is not that of the current ICE session; use the one of the last ICE restart, or restart ICE with If-Match: *")
	return false
}
