package hls

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/server/hub"
	"sluice/server/media"
)

// accepts returns the codecs that a form carries to players. Opus in fragmented
// MP4 is for those that ask: Safari before 17 and many set-top boxes have none,
// and AAC plays everywhere. In MPEG-TS no browser plays it. MP3 goes as it is in
// MPEG-TS only, as browsers don't take it in MP4, and MP2 nowhere (RFC 8216 3).
func accepts(ts, opus bool) hub.Codecs {
	if ts {
		var set hub.Codecs
		for _, c := range mpegts.Codecs() {
			if c != media.Opus && c != media.MP2 {
				set |= hub.Accept(c)
			}
		}
		return set
	}
	set := hub.Accept(media.H264, media.H265, media.AV1, media.VP9,
		media.AAC, media.AC3, media.EAC3, media.FLAC)
	if opus {
		set |= hub.Accept(media.Opus)
	}
	return set
}

// form is one way to have a stream. Each that somebody watches has a segmenter.
type form struct {
	stream   string // canonical
	ts, opus bool
}

// presenter makes the playlists of a form. It is fed by one goroutine.
type presenter interface {
	packet(ts *media.Tracks, p *media.Packet) error
	leave() error
	end() error
}

// run is a segmenter at work, or what it has left.
type run struct {
	form
	life   string
	scene  *scene
	cancel context.CancelFunc
	// caught is closed when all that the hub held of the stream is segmented.
	caught chan struct{}
	done   chan struct{} // closed when it makes no more

	// prior is the one that it has replaced, as long as players may still have that
	// one's playlist.
	prior  atomic.Pointer[run]
	always bool
	used   atomic.Int64 // when something was asked of it, in Unix nanoseconds
	folder *folder      // nil where nothing is on disk
	closed atomic.Int64 // when it ended, 0 before
}

func (r *run) touch() { r.used.Store(time.Now().UnixNano()) }

// left returns a file of the lives before this one, or nil.
func (r *run) left(name string) *file {
	for p := r.prior.Load(); p != nil; p = p.prior.Load() {
		if f := p.scene.view.Load().file(name); f != nil {
			return f
		}
	}
	return nil
}

// over reports whether the run has ended so long ago that nobody plays what its last
// playlists list: for their duration they stay (RFC 8216 section 6.2.2).
func (r *run) over(now time.Time) bool {
	var lasts time.Duration
	for _, s := range r.scene.view.Load().playlists {
		n := s.snap.Load()
		lasts = max(lasts, n.duration+n.media.TargetDuration)
	}
	return r.ended() && now.Sub(time.Unix(0, r.closed.Load())) > lasts
}

func (r *run) ended() bool { return r.closed.Load() != 0 }

// errIdle ends a segmenter without a fault of anybody's.
var errIdle = errors.New("nobody asks for it")

// start starts the segmenter of a form.
func (h *Handler) start(f form, before *run, always bool) *run {
	ctx, cancel := context.WithCancelCause(h.ctx)
	r := &run{
		form: f, life: strings.ToLower(rand.Text()[:10]), cancel: func() { cancel(errIdle) },
		caught: make(chan struct{}), done: make(chan struct{}),
		always: always,
	}
	r.prior.Store(before)
	r.touch()
	var p presenter
	if f.ts {
		x := h.newTransport(r)
		r.scene, p = &x.scene, x
	} else {
		c := newCMAF(r.life, timing{h.cfg.SegmentDuration, h.cfg.MaxSegmentDuration, h.cfg.PartDuration},
			shelfLimits{segments: h.cfg.Segments, bytes: h.cfg.MaxBytes})
		r.scene, p = &c.scene, c
	}
	h.running.Go(func() {
		defer cancel(nil)
		h.segment(ctx, r, p)
		r.closed.Store(time.Now().UnixNano())
		close(r.done)
	})
	return r
}

func (h *Handler) newTransport(r *run) *transport {
	cfg := h.cfg.TS
	limits := shelfLimits{segments: cfg.Segments, bytes: h.cfg.MaxBytes}
	var st store
	if cfg.Dir != "" {
		r.folder = &folder{filepath.Join(cfg.Dir, filepath.FromSlash(r.stream))}
		st = r.folder
		if cfg.Mode == Rolling {
			limits.drop = func(s *segment) { r.folder.remove(s.name) }
		}
	}
	var rec *record
	if cfg.Mode != Rolling {
		rec = &record{}
		if st == nil {
			rec.limit = cfg.MaxBytes
		}
	}
	return newTransport(r.life, timing{cfg.SegmentDuration, h.cfg.MaxSegmentDuration, 0}, limits, rec, st)
}

// sayEvery is how often a segmenter that goes on losing something says so.
const sayEvery = time.Minute

// segment feeds a presenter until the stream has ended or ctx is done.
func (h *Handler) segment(ctx context.Context, r *run, p presenter) {
	log := h.log.With("stream", r.stream, "ts", r.ts)
	var said time.Time
	report := func(err error) {
		if err != nil && time.Since(said) > sayEvery {
			log.Warn("segmenter has lost something", "error", err)
			said = time.Now()
		}
	}
	var lives []string // that are not to be touched
	for p := r.prior.Load(); p != nil; p = p.prior.Load() {
		<-p.done
		lives = append(lives, p.life)
	}
	if r.folder != nil {
		report(r.folder.open(r.life, h.cfg.TS.Mode == Keep, lives))
	}
	defer func() { report(p.end()) }()
	v, err := h.hub.Play(ctx, hub.Session{
		Stream: r.stream, Protocol: protocolName(r.ts) + "-segmenter", Internal: true, Latency: time.Hour,
	}, accepts(r.ts, r.opus))
	if err != nil {
		report(err)
		return
	}
	items := hub.Items()
	items.Early = true // so that the first player finds segments
	sub := hub.Subscribe(v, items)
	err = h.feed(v, sub, r, p, report)
	sub.Close()
	v.Close(err)
}

// errEnded: the publisher has been away for too long.
var errEnded = errors.New("the publisher has not come back")

func (h *Handler) feed(v *hub.Viewer, sub *hub.Subscription[hub.Item], r *run, p presenter, report func(error)) error {
	items := make([]hub.Item, 64)
	begin, caught := time.Now(), false
	ctx, cancel := context.WithCancelCause(v.Context())
	defer cancel(nil)
	var timer *time.Timer // runs while the publisher is away
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	for {
		if err := sub.WaitContext(ctx); err != nil {
			return err
		}
		n, skipped := sub.Read(items)
		if skipped > 0 {
			report(p.leave())
		}
		for _, item := range items[:n] {
			switch item.Event {
			case hub.EventPacket:
				report(p.packet(item.Tracks, item.Packet))
				if !caught && !item.Packet.Arrival.Before(begin) {
					caught = true
					close(r.caught)
				}
			case hub.EventUnpublish:
				report(p.leave())
				if timer != nil {
					timer.Stop() // of one who came and left without a packet there is nothing else
				}
				timer = time.AfterFunc(h.endAfter(), func() { cancel(errEnded) })
			case hub.EventPublish:
			}
			if item.Event != hub.EventUnpublish && timer != nil {
				timer.Stop()
				timer = nil
			}
		}
		clear(items[:n])
	}
}

// endAfter is how long a publisher may be away.
func (h *Handler) endAfter() time.Duration {
	if h.cfg.EndAfter > 0 {
		return h.cfg.EndAfter
	}
	return h.hub.Config().ReconnectWait
}

func protocolName(ts bool) string {
	if ts {
		return "hls"
	}
	return "ll-hls"
}

// status maps errors to HTTP.
func status(err error) int {
	switch {
	case errors.Is(err, hub.ErrBadName), errors.Is(err, errDirective), errors.Is(err, errTooFar):
		return http.StatusBadRequest
	case errors.Is(err, hub.ErrUnauthorized):
		return http.StatusUnauthorized
	case errors.Is(err, hub.ErrNoPublisher), errors.Is(err, errNoFile), errors.Is(err, errNoRecord):
		return http.StatusNotFound
	case errors.Is(err, hub.ErrLimit), errors.Is(err, hub.ErrShutdown), errors.Is(err, errTooLong), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	case errors.Is(err, hub.ErrKicked):
		return http.StatusForbidden
	default:
		return http.StatusInternalServerError
	}
}
