package webrtc

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"sluice/signaling"
	"sluice/signaling/sdpfrag"
	"sluice/webrtc/transport"
)

// session is what publishers and viewers have in common. It implements
// signaling.Session.
type session struct {
	id        string
	log       *slog.Logger
	ctx       context.Context
	cancel    context.CancelCauseFunc
	done      chan struct{} // closed when nothing of the session runs any more
	transport *transport.Transport
	locate    *locator
	remote    netip.Addr // of the HTTP client
	started   time.Time
	offered   atomic.Pointer[[]string] // our candidates, as the peer knows them
}

var _ signaling.Session = (*session)(nil)

// ID implements signaling.Session.
func (s *session) ID() string { return s.id }

// Context implements signaling.Session.
func (s *session) Context() context.Context { return s.ctx }

// Close implements signaling.Session.
func (s *session) Close(reason error) {
	if reason == nil {
		reason = transport.ErrClosed
	}
	s.cancel(reason)
	<-s.done
}

// AddCandidates implements signaling.Session.
func (s *session) AddCandidates(_ context.Context, frag sdpfrag.Fragment) error {
	if s.ctx.Err() != nil {
		return ended(s.ctx)
	}
	s.transport.AddCandidates(remoteCandidates(frag.Candidates))
	return nil
}

// Restart implements signaling.Session.
func (s *session) Restart(_ context.Context, frag sdpfrag.Fragment) (sdpfrag.Fragment, error) {
	if s.ctx.Err() != nil {
		return sdpfrag.Fragment{}, ended(s.ctx)
	}
	local, err := s.transport.Restart(frag.Ufrag, frag.Pwd, remoteCandidates(frag.Candidates))
	if err != nil {
		if s.ctx.Err() != nil {
			return sdpfrag.Fragment{}, ended(s.ctx)
		}
		return sdpfrag.Fragment{}, &signaling.Error{
			Code: signaling.CodeUnsupported, Detail: "the ICE restart failed, the session goes on as it was", Err: err,
		}
	}
	out := sdpfrag.Fragment{
		Ufrag: local.Ufrag, Pwd: local.Pwd, Options: []string{"trickle"}, MID: frag.MID, Media: frag.Media, End: true,
	}
	for _, line := range s.candidates() {
		c, err := sdpfrag.ParseCandidate(line)
		if err != nil {
			return sdpfrag.Fragment{}, err
		}
		out.Candidates = append(out.Candidates, c)
	}
	return out, nil
}

// candidates returns the candidates to offer, and keeps them for the log and the API.
func (s *session) candidates() []string {
	list := s.locate.candidates(s.remote, time.Now())
	s.offered.Store(&list)
	return list
}

// local returns the candidates that were offered last.
func (s *session) local() []string {
	if list := s.offered.Load(); list != nil {
		return *list
	}
	return nil
}

func ended(ctx context.Context) error {
	return &signaling.Error{Code: signaling.CodeSessionEnded, Detail: "the session has ended", Err: context.Cause(ctx)}
}

// maxCandidates bounds what a client may have tried at a time.
const maxCandidates = 64

// remoteCandidates returns those that the transport can use. mDNS names are left
// out: the client's own checks tell its address soon enough.
func remoteCandidates(list []sdpfrag.Candidate) []transport.Candidate {
	var out []transport.Candidate
	for _, c := range list {
		addr, err := netip.ParseAddr(c.Address)
		if err != nil || !c.Usable() || len(out) == maxCandidates || c.Port <= 0 {
			continue
		}
		tcp := c.Transport == "tcp"
		if tcp && strings.Contains(c.Extensions, "tcptype active") {
			continue
		}
		out = append(out, transport.Candidate{
			TCP: tcp, Addr: netip.AddrPortFrom(addr.Unmap(), uint16(c.Port)), Priority: c.Priority, Type: c.Type,
		})
	}
	return out
}

// remoteOf returns the peer's side of the transport.
func remoteOf(frag sdpfrag.Fragment, setup string, fingerprints []string) transport.Remote {
	r := transport.Remote{
		Ufrag: frag.Ufrag, Pwd: frag.Pwd, Lite: frag.Lite, Candidates: remoteCandidates(frag.Candidates),
		Passive: setup == "passive",
	}
	for _, f := range fingerprints {
		hash, value, _ := strings.Cut(f, " ")
		r.Fingerprints = append(r.Fingerprints, transport.Fingerprint{Hash: hash, Value: strings.TrimSpace(value)})
	}
	return r
}
