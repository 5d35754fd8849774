package hub

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"sluice/server/media"
)

// Hub holds the streams. Its methods are safe for concurrent use.
type Hub struct {
	log         *slog.Logger
	authorize   func(context.Context, Action, Session) error
	secrets     func(Action, Session) []string
	transcoders []Transcoder
	silence     *Silence

	mu      sync.Mutex
	cfg     Config
	streams map[string]*Stream
	viewers int
	closed  bool

	running  sync.WaitGroup // encoders and derived streams
	watchers watchers
}

// New returns a hub. cfg must be valid.
func New(cfg Config, o Options) *Hub {
	h := &Hub{
		log: o.Log, authorize: o.Authorize, secrets: o.Secrets, transcoders: slices.Clone(o.Transcoders), silence: o.Silence,
		cfg: cfg, streams: make(map[string]*Stream),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.authorize == nil {
		h.authorize = func(context.Context, Action, Session) error { return nil }
	}
	return h
}

// SetConfig changes the configuration. Streams that are there keep the sizes
// of their logs; everything else is in force at once.
func (h *Hub) SetConfig(cfg Config) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = cfg
}

// Config returns the configuration in force.
func (h *Hub) Config() Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg
}

// Close ends all sessions with ErrShutdown, refuses new ones, and waits for
// the hub's own goroutines.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	streams := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		streams = append(streams, s)
	}
	h.mu.Unlock()
	for _, s := range streams {
		s.shutdown()
	}
	h.running.Wait()
}

// Streams returns the streams that exist, by name.
func (h *Hub) Streams() []*Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *Stream) int { return strings.Compare(a.name, b.name) })
	return list
}

// Find returns the stream of that canonical name, or nil.
func (h *Hub) Find(name string) *Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams[name]
}

// Kick ends the session of that ID with ErrKicked; it reports whether there was
// one.
func (h *Hub) Kick(id string) bool {
	for _, s := range h.Streams() {
		if sess := s.session(id); sess != nil {
			sess.Kick()
			return true
		}
	}
	return false
}

// Authorize checks the rights of a session that has not begun, or of one that
// asks again. The errors are those of ParseName and of the authorizer.
func (h *Hub) Authorize(ctx context.Context, a Action, sess Session) error {
	name, err := ParseName(sess.Stream)
	if err != nil {
		return err
	}
	if sess.Stream = name; sess.Internal || sess.Authorized {
		return nil
	}
	return h.authorize(ctx, a, sess)
}

// Secrets returns the passwords that would let the session in: a protocol whose
// peers answer a challenge checks them itself, and sets Session.Authorized.
// There are none where the stream's name is bad.
func (h *Hub) Secrets(a Action, sess Session) []string {
	name, err := ParseName(sess.Stream)
	if err != nil || h.secrets == nil {
		return nil
	}
	sess.Stream = name
	return h.secrets(a, sess)
}

// admit checks a session's name and rights and returns its stream with one
// reference taken, to be given back by drop.
func (h *Hub) admit(ctx context.Context, a Action, sess *Session) (*Stream, error) {
	name, err := ParseName(sess.Stream)
	if err != nil {
		return nil, err
	}
	sess.Stream = name
	if !sess.Internal && !sess.Authorized {
		if err := h.authorize(ctx, a, *sess); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.streams[name]
	switch {
	case h.closed:
		return nil, ErrShutdown
	case !ok && !sess.Internal && h.cfg.MaxStreams > 0 && len(h.streams) >= h.cfg.MaxStreams:
		return nil, fmt.Errorf("%w: max_streams is %d", ErrLimit, h.cfg.MaxStreams)
	case a == ActionPlay && !sess.Internal && h.cfg.MaxViewers > 0 && h.viewers >= h.cfg.MaxViewers:
		return nil, fmt.Errorf("%w: max_viewers is %d", ErrLimit, h.cfg.MaxViewers)
	}
	if !ok {
		s = newStream(h, name, h.cfg.limits())
		h.streams[name] = s
	}
	s.refs++
	if a == ActionPlay {
		h.viewers++
	}
	return s, nil
}

// drop gives back what admit took; a stream that nobody holds is forgotten.
func (h *Hub) drop(s *Stream, a Action) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a == ActionPlay {
		h.viewers--
	}
	if s.refs--; s.refs == 0 {
		delete(h.streams, s.name)
	}
}

// transcoder returns the way from one codec to another, or nil.
func (h *Hub) transcoder(from, to media.Codec) *Transcoder {
	for i := range h.transcoders {
		if t := &h.transcoders[i]; t.From == from && t.To == to {
			return t
		}
	}
	return nil
}

// target returns the codec into which sound is to be transcoded for a viewer
// that takes accept, or CodecUnknown where it reads the stream as it is.
func (h *Hub) target(tracks *media.Tracks, accept Codecs) media.Codec {
	if tracks == nil || tracks.Audio == nil || accept.Has(tracks.Audio.Codec) {
		return media.CodecUnknown
	}
	for _, to := range preference {
		if accept.Has(to) && h.transcoder(tracks.Audio.Codec, to) != nil {
			return to
		}
	}
	return media.CodecUnknown
}
