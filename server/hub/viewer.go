package hub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sluice/server/media"
)

// Viewer reads one stream.
type Viewer struct {
	session
	accept  Codecs
	closing sync.Once
	alone   *time.Timer // under Stream.mu; runs while there is no publisher
}

// Play starts a viewer that takes the given codecs. The errors are those of
// ParseName, of the authorizer, ErrLimit, ErrShutdown, and ErrNoPublisher
// where viewers may not wait. The viewer ends with ctx, but the caller must
// still call Close.
func (h *Hub) Play(ctx context.Context, sess Session, accept Codecs) (*Viewer, error) {
	s, err := h.admit(ctx, ActionPlay, &sess)
	if err != nil {
		return nil, err
	}
	v := &Viewer{session: newSession(ctx, ActionPlay, sess), accept: accept}
	v.stream = s
	if err := s.join(v, h.Config()); err != nil {
		v.cancel(err)
		h.drop(s, ActionPlay)
		return nil, err
	}
	h.log.Info("play start", "stream", s.name, "protocol", v.Protocol, "session", v.id, "remote", v.Remote)
	return v, nil
}

func (s *Stream) join(v *Viewer, cfg Config) error {
	// Held for all of it: a publisher that leaves either is gone here or sees v.
	s.air.Lock()
	defer s.air.Unlock()
	live := s.air.publisher != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit := cfg.MaxViewersPerStream; limit > 0 && len(s.viewers) >= limit && !v.Internal {
		return fmt.Errorf("%w: max_viewers_per_stream is %d", ErrLimit, limit)
	}
	if !live && cfg.ViewerWait == 0 && !v.Internal {
		return ErrNoPublisher
	}
	if v.Latency == 0 {
		v.Latency = cfg.ViewerLatency
	}
	s.viewers[v] = struct{}{}
	if len(s.viewers) == 1 {
		s.hub.watchers.note(s.name)
	}
	if !live {
		v.orphan(cfg.ViewerWait)
	}
	return nil
}

// orphan ends the viewer after wait, unless a publisher is there then.
func (v *Viewer) orphan(wait time.Duration) {
	if v.Internal {
		return
	}
	if v.alone != nil {
		v.alone.Stop()
	}
	v.alone = time.AfterFunc(wait, func() {
		if v.stream.Publisher() == nil {
			v.cancel(ErrNoPublisher)
		}
	})
}

// Accepts returns the codecs that the viewer takes.
func (v *Viewer) Accepts() Codecs { return v.accept }

// Refused returns the stream's tracks that the viewer can't have: in a codec
// that it doesn't take and that nothing turns into one that it takes.
func (v *Viewer) Refused() []*media.Track {
	ts, _ := v.stream.Tracks()
	var list []*media.Track
	for _, t := range ts.Media() {
		sound := t.Codec.Kind() == media.Audio && v.stream.hub.target(&ts, v.accept) != media.CodecUnknown
		if !v.accept.Has(t.Codec) && !sound {
			list = append(list, t)
		}
	}
	return list
}

// Close ends the viewer for the given reason; nil means its peer left. It may
// be called more than once and from any goroutine.
func (v *Viewer) Close(reason error) {
	v.closing.Do(func() {
		if reason == nil {
			reason = ErrClosed
		}
		v.cancel(reason)
		s := v.stream
		s.mu.Lock()
		delete(s.viewers, v)
		if len(s.viewers) == 0 {
			s.hub.watchers.note(s.name)
		}
		if v.alone != nil {
			v.alone.Stop()
		}
		s.mu.Unlock()
		s.hub.drop(s, ActionPlay)
		i := v.Info()
		s.hub.log.Info("play end", "stream", i.Stream, "protocol", i.Protocol, "session", i.ID,
			"bytes", i.Bytes, "jumps", i.Jumps, "duration", time.Since(i.Started).Round(time.Millisecond),
			"reason", context.Cause(v.ctx))
	})
}
