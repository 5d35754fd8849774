package webrtc

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
	"sluice/signaling/sdpfrag"
	"sluice/webrtc/icemux"
	"sluice/webrtc/negotiate"
	"sluice/webrtc/transport"
)

// Service makes WebRTC sessions for the streams of a hub. It implements
// signaling.Engine.
type Service struct {
	cfg          Config
	hub          *hub.Hub
	log          *slog.Logger
	mux          *icemux.Mux
	locate       *locator
	transport    transport.Config
	video, audio []media.Codec // that publishers may send, best first

	stop   context.CancelFunc
	wg     sync.WaitGroup
	trains sync.Pool // of *icemux.Train: a viewer needs one for a moment only

	mu       sync.Mutex
	closed   bool
	sessions map[peer]struct{}
}

// peer is a publisher's or a viewer's session.
type peer interface {
	Close(reason error)
	info() SessionInfo
}

var _ signaling.Engine = (*Service)(nil)

// Open opens the ports and makes ready for sessions. cfg must be valid; log may
// be nil.
func Open(cfg Config, h *hub.Hub, log *slog.Logger) (*Service, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	mux, err := listen(cfg, log)
	if err != nil {
		return nil, err
	}
	s, err := newService(cfg, h, log, mux)
	if err != nil {
		mux.Close()
		return nil, err
	}
	return s, nil
}

// newService takes over the mux, unless it returns an error.
func newService(cfg Config, h *hub.Hub, log *slog.Logger, mux *icemux.Mux) (*Service, error) {
	ctx, stop := context.WithCancel(context.Background())
	public, err := resolve(ctx, cfg.PublicAddresses)
	if err != nil {
		stop()
		return nil, err
	}
	cert, err := transport.NewCertificate()
	if err != nil {
		stop()
		return nil, err
	}
	s := &Service{
		cfg: cfg, hub: h, log: log, mux: mux, stop: stop, sessions: make(map[peer]struct{}),
		locate: &locator{
			udp: mux.UDPAddrs(), tcp: mux.TCPAddrs(), public: public,
			interfaces: cfg.Interfaces, networks: cfg.Networks, hosts: hostAddresses,
		},
		transport: transport.Config{
			Mux: mux, Certificate: cert, ConnectTimeout: cfg.ConnectTimeout, PeerTimeout: cfg.PeerTimeout, Log: log,
		},
	}
	s.video, _ = named(cfg.VideoCodecs, videoCodecs())
	s.audio, _ = named(cfg.AudioCodecs, audioCodecs())
	s.wg.Go(func() { s.discover(ctx) })
	return s, nil
}

// Close ends all sessions, closes the ports, and returns when nothing of the
// service runs any more.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	list := make([]peer, 0, len(s.sessions))
	for p := range s.sessions {
		list = append(list, p)
	}
	s.mu.Unlock()
	s.stop()
	var closing sync.WaitGroup
	for _, p := range list {
		closing.Go(func() { p.Close(hub.ErrShutdown) })
	}
	closing.Wait()
	s.wg.Wait()
	s.mux.Close()
}

// UDPAddrs returns the addresses of the UDP sockets.
func (s *Service) UDPAddrs() []netip.AddrPort { return s.mux.UDPAddrs() }

// Sessions returns what there is to say of the sessions, the oldest first.
func (s *Service) Sessions() []SessionInfo {
	s.mu.Lock()
	list := make([]peer, 0, len(s.sessions))
	for p := range s.sessions {
		list = append(list, p)
	}
	s.mu.Unlock()
	infos := make([]SessionInfo, 0, len(list))
	for _, p := range list {
		infos = append(infos, p.info())
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int { return a.Started.Compare(b.Started) })
	return infos
}

// admit makes room for a session and runs it: run returns when it has ended, and
// then done is closed.
func (s *Service) admit(p peer, run func(), done chan<- struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &signaling.Error{Code: signaling.CodeOverloaded, Detail: hub.ErrShutdown.Error()}
	}
	if s.cfg.MaxSessions > 0 && len(s.sessions) >= s.cfg.MaxSessions {
		return &signaling.Error{Code: signaling.CodeOverloaded, Detail: "too many WebRTC sessions on this server, try again later"}
	}
	s.sessions[p] = struct{}{}
	s.wg.Go(func() {
		run()
		s.mu.Lock()
		delete(s.sessions, p)
		s.mu.Unlock()
		close(done)
	})
	return nil
}

func (s *Service) train() *icemux.Train {
	if t, ok := s.trains.Get().(*icemux.Train); ok {
		return t
	}
	return &icemux.Train{}
}

func (s *Service) giveBack(t *icemux.Train) {
	t.Reset()
	s.trains.Put(t)
}

// parsed is an offer with its ICE part.
type parsed struct {
	*negotiate.Offer
	ice sdpfrag.Fragment
}

func parse(text string) (parsed, error) {
	o, err := negotiate.Parse(text)
	if err != nil {
		return parsed{}, &signaling.Error{Code: signaling.CodeBadOffer, Detail: "the offer is not valid SDP", Err: err}
	}
	ice, err := sdpfrag.FromSDP(text)
	if err != nil {
		return parsed{}, &signaling.Error{Code: signaling.CodeBadOffer, Detail: "the offer has no usable ICE description", Err: err}
	}
	return parsed{o, ice}, nil
}

// connect starts the transport of a session and finishes its answer.
func (s *Service) connect(p *session, offer parsed, answer *negotiate.Answer, h transport.Handler) (string, error) {
	cfg := s.transport
	cfg.Log = p.log
	t, err := transport.New(cfg, remoteOf(offer.ice, offer.Setup, offer.Fingerprints), h)
	if err != nil {
		return "", err
	}
	p.transport = t
	p.locate = s.locate
	local := t.Local()
	answer.ID = rand.Uint64() >> 2
	answer.Ufrag, answer.Pwd, answer.Fingerprint = local.Ufrag, local.Pwd, s.transport.Certificate.Fingerprint
	answer.Active = offer.Setup == "passive"
	answer.Candidates = p.candidates()
	return answer.String(offer.Offer), nil
}

// newSession begins a session; its id and transport come later.
func (s *Service) newSession(offer signaling.Offer) session {
	ctx, cancel := context.WithCancelCause(context.Background())
	return session{
		log: s.log, ctx: ctx, cancel: cancel, done: make(chan struct{}),
		remote: offer.Remote.Addr(), started: time.Now(),
	}
}

// hubSession describes a client to the hub.
func hubSession(offer signaling.Offer, protocol string) hub.Session {
	return hub.Session{
		Stream: offer.Stream, Protocol: protocol, Remote: offer.Remote.String(), UserAgent: offer.UserAgent,
		Token: offer.Token, Query: offer.Query,
	}
}

// codecList names codecs for people.
func codecList[T fmt.Stringer](list []T) string {
	var names []string
	for _, c := range list {
		names = append(names, c.String())
	}
	return strings.Join(names, ", ")
}
