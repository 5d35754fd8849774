package webrtc

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
	"sluice/webrtc/icemux"
	"sluice/webrtc/negotiate"
	"sluice/webrtc/transport"
)

// errCodecChanged ends a viewer whose answer does not fit the stream any more; a
// new POST gets one that does.
var errCodecChanged = errors.New("webrtc: the stream has changed its codecs, play it anew")

// egress is a viewer.
type egress struct {
	session
	svc          *Service
	viewer       *hub.Viewer
	format       hub.Format[*unit]
	video, audio *sender // nil for media that the viewer does not get

	out output // for run alone

	// For the goroutine that calls RTCP alone.
	resend  *pacer        // of retransmissions
	backOff time.Duration // before the cached group is sent once more

	connected atomic.Int64         // ns from the POST to the first media
	rewind    atomic.Bool          // the viewer has lost the picture
	caughtUp  atomic.Int64         // when the cached group was sent last, Unix ns
	keysAsked atomic.Int64         // by the viewer
	newest    atomic.Pointer[unit] // of those sent
}

// output is how far a viewer's stream has come.
type output struct {
	train   *icemux.Train // while packets are being sent
	pacer   *pacer
	batch   []*unit
	tracks  *media.Tracks
	refused int // tracks that the viewer can't have, from the start

	squeeze   squeeze       // of pictures before the live edge
	shown     time.Duration // latest time of a picture sent
	heard     time.Duration // latest time of sound sent
	soundFrom time.Duration // where sound starts: at the live edge

	reports  int // sender reports sent
	reported time.Time
}

// protocolWHIP is how the hub knows publishers that make key frames on request.
const (
	protocolWHIP = "whip"
	protocolWHEP = "whep"
)

// Play implements signaling.Engine.
func (s *Service) Play(ctx context.Context, offer signaling.Offer) (signaling.Session, signaling.Answer, error) {
	o, err := parse(offer.SDP)
	if err != nil {
		return nil, signaling.Answer{}, err
	}
	e := &egress{
		session: s.newSession(offer), svc: s, resend: newPacer(resendRate, resendBurst), backOff: rewindInterval,
		out: output{pacer: newPacer(s.cfg.BurstRate, burstBytes), batch: make([]*unit, 64), shown: -1, heard: -1},
	}
	answer := &negotiate.Answer{Direction: "sendonly", Sections: make([]negotiate.AnswerSection, len(o.Sections))}
	tracks, live := s.tracks(offer.Stream)
	without := func(k media.Kind) bool { return live && tracks.Get(k) == nil && !s.awaits(offer.Stream, k) }
	accept, singleNAL, err := e.choose(o.Offer, answer, tracks, without)
	if err != nil {
		e.cancel(err)
		return nil, signaling.Answer{}, err
	}
	v, err := s.hub.Play(e.ctx, hubSession(offer, protocolWHEP), accept)
	if err != nil {
		e.cancel(err)
		return nil, signaling.Answer{}, refusal(err)
	}
	e.viewer, e.id, e.out.refused = v, v.ID(), len(v.Refused())
	e.log = s.log.With("session", e.id, "stream", offer.Stream)
	e.format = rtpFormat(s.log.With("stream", offer.Stream), s.cfg.BFrames, singleNAL)
	answer.Stream = e.id
	text, err := s.connect(&e.session, o, answer, e)
	if err == nil {
		if err = ctx.Err(); err == nil {
			err = s.admit(e, e.run, e.done)
		}
		if err != nil {
			e.transport.Close(err)
		}
	}
	if err != nil {
		e.cancel(err)
		v.Close(err)
		return nil, signaling.Answer{}, refusal(err)
	}
	return e, signaling.Answer{SDP: text}, nil
}

// tracks returns what the stream has now; ok is false where nobody publishes.
func (s *Service) tracks(stream string) (ts media.Tracks, ok bool) {
	if st := s.find(stream); st != nil {
		return st.Tracks()
	}
	return ts, false
}

// awaits tells whether the stream's publisher will have a track of kind k.
func (s *Service) awaits(stream string, k media.Kind) bool {
	st := s.find(stream)
	return st != nil && st.Awaits(k)
}

func (s *Service) find(stream string) *hub.Stream {
	name, err := hub.ParseName(stream)
	if err != nil {
		return nil
	}
	return s.hub.Find(name)
}

// run is the session's goroutine.
func (e *egress) run() {
	stopTransport := context.AfterFunc(e.transport.Context(), func() { e.cancel(context.Cause(e.transport.Context())) })
	stopViewer := context.AfterFunc(e.viewer.Context(), func() { e.cancel(context.Cause(e.viewer.Context())) })
	e.cancel(e.play())
	stopTransport()
	stopViewer()
	reason := context.Cause(e.ctx)
	if errors.Is(reason, transport.ErrNotConnected) {
		e.log.Warn("webrtc: the viewer could not connect", "remote", e.remote, "offered", e.local(), "error", reason)
	}
	e.transport.Close(reason)
	e.viewer.Close(reason)
}

// play sends until the viewer, its peer or the stream ends.
func (e *egress) play() error {
	select {
	case <-e.transport.Ready():
	case <-e.ctx.Done():
		return context.Cause(e.ctx)
	}
	e.connected.Store(int64(time.Since(e.started)))
	e.log.Info("webrtc: viewer connected", "after", time.Since(e.started).Round(time.Millisecond),
		"path", e.transport.Path(), "codecs", e.describe())
	sub := hub.Subscribe(e.viewer, e.format)
	defer sub.Close()
	joining := true
	for {
		if err := sub.WaitContext(e.ctx); err != nil {
			return err
		}
		if e.rewind.CompareAndSwap(true, false) {
			joining = sub.Rewind() || joining
		}
		if joining {
			units, err := e.backlog(sub)
			if err == nil {
				err = e.catchUp(units)
			}
			if err != nil {
				return err
			}
			joining = len(units) == 0
			continue
		}
		n, _ := sub.Read(e.out.batch)
		if err := e.sendAll(e.out.batch[:n]); err != nil {
			return err
		}
		clear(e.out.batch[:n])
	}
}

// describe names the codecs for the log.
func (e *egress) describe() string {
	var list []media.Codec
	for _, s := range []*sender{e.video, e.audio} {
		if s != nil {
			list = append(list, slices.Sorted(maps.Keys(s.codecs))...)
		}
	}
	return codecList(list)
}

// RTP implements transport.Handler: viewers send none.
func (e *egress) RTP(*rtp.Header, []byte, time.Time) {}

// Tick implements transport.Handler.
func (e *egress) Tick(time.Time) time.Duration { return time.Hour }
