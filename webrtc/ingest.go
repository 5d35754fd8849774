package webrtc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/twcc"

	"sluice/protocols/container/rtp/timing"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
	"sluice/webrtc/negotiate"
	"sluice/webrtc/transport"
)

// ingest is a publisher.
type ingest struct {
	session
	svc *Service
	pub *hub.Publisher
	// formats are the payload types that were agreed, those of RTX too; by kind
	// the ids of the header extensions.
	formats    map[uint8]format
	extensions map[media.Kind]extensions
	ssrc       uint32       // ours, in reports
	connected  atomic.Int64 // ns from the POST to the first media
	keyWanted  atomic.Bool  // by viewers
	tracks     atomic.Pointer[[]TrackInfo]

	// What follows is for the transport's goroutine alone.
	time       timing.Session
	receivers  []*receiver
	layers     map[media.Kind]*layers
	feedback   *twcc.Recorder // nil without transport-cc
	held       int            // packets that feedback has yet to tell
	began      time.Time      // of feedback's times
	fedBack    time.Time
	nextReport time.Time
	rtt        time.Duration
	opus       *media.Track
}

// format is an agreed payload type.
type format struct {
	negotiate.Codec
	kind media.Kind
	rtx  bool // PT carries retransmissions of Codec
	// repaired has the main source for a source of retransmissions, as the offer
	// says.
	repaired map[uint32]uint32
}

// extensions are ids of header extensions, 0 for those that are not in use.
type extensions struct{ transportCC, rid, repairedRID uint8 }

// Publish implements signaling.Engine.
func (s *Service) Publish(ctx context.Context, offer signaling.Offer) (signaling.Session, signaling.Answer, error) {
	o, err := parse(offer.SDP)
	if err != nil {
		return nil, signaling.Answer{}, err
	}
	n := &ingest{
		session: s.newSession(offer), svc: s, ssrc: rand.Uint32(), rtt: firstRTT,
		formats: make(map[uint8]format), extensions: make(map[media.Kind]extensions),
		layers: make(map[media.Kind]*layers), began: time.Now(),
	}
	answer := &negotiate.Answer{Direction: "recvonly", Sections: make([]negotiate.AnswerSection, len(o.Sections))}
	kinds, err := n.choose(o.Offer, answer)
	if err != nil {
		n.cancel(err)
		return nil, signaling.Answer{}, err
	}
	pub, err := s.hub.Publish(n.ctx, hubSession(offer, protocolWHIP))
	if err != nil {
		n.cancel(err)
		return nil, signaling.Answer{}, refusal(err)
	}
	pub.Expect(kinds...)
	n.pub, n.id = pub, pub.ID()
	n.log = s.log.With("session", n.id, "stream", offer.Stream)
	text, err := s.connect(&n.session, o, answer, n)
	if err == nil {
		if err = ctx.Err(); err == nil {
			err = s.admit(n, n.run, n.done)
		}
		if err != nil {
			n.transport.Close(err)
		}
	}
	if err != nil {
		n.cancel(err)
		pub.Close(err)
		return nil, signaling.Answer{}, refusal(err)
	}
	return n, signaling.Answer{SDP: text}, nil
}

// choose agrees on the codecs in common, the server's favourite first, which is the
// one that browsers then send. RFC 9725 section 4.4.3: an offer with a section that
// has no codec in common is refused as a whole.
func (n *ingest) choose(o *negotiate.Offer, a *negotiate.Answer) (kinds []media.Kind, err error) {
	for i := range o.Sections {
		s, as := &o.Sections[i], &a.Sections[i]
		if s.Off || s.Kind == media.KindUnknown {
			continue
		}
		want := n.svc.video
		if s.Kind == media.Audio {
			want = n.svc.audio
		}
		as.Codecs = s.Receive(want)
		if len(as.Codecs) == 0 {
			return nil, &signaling.Error{Code: signaling.CodeUnsupported, Detail: fmt.Sprintf(
				"no %s codec in common: this server takes %s, the offer has %s", s.Kind, codecList(want), codecList(s.Offered()))}
		}
		n.agree(s, as)
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) == 0 {
		return nil, &signaling.Error{Code: signaling.CodeUnsupported, Detail: "the offer has no audio and no video section in use"}
	}
	return kinds, nil
}

// agree notes what one section's packets look like.
func (n *ingest) agree(s *negotiate.Section, as *negotiate.AnswerSection) {
	var x extensions
	use := func(uri string, id *uint8) {
		if s.Extensions[uri] != 0 {
			*id = s.Extensions[uri]
			as.Extensions = append(as.Extensions, uri)
		}
	}
	if slices.ContainsFunc(as.Codecs, func(c negotiate.Codec) bool { return c.TransportCC }) {
		use(negotiate.ExtTransportCC, &x.transportCC)
	}
	if x.transportCC != 0 && n.feedback == nil {
		n.feedback = twcc.NewRecorder(n.ssrc)
	}
	if len(s.RIDs) > 0 {
		var mid uint8
		use(negotiate.ExtMID, &mid)
		use(negotiate.ExtRID, &x.rid)
		use(negotiate.ExtRepairedRID, &x.repairedRID)
		as.RIDs = s.RIDs
	}
	repaired := make(map[uint32]uint32)
	for main, rtx := range s.RTX {
		repaired[rtx] = main
	}
	for i := range as.Codecs {
		c := &as.Codecs[i]
		c.TransportCC = c.TransportCC && x.transportCC != 0
		n.formats[c.PT] = format{Codec: *c, kind: s.Kind}
		if c.RTX != 0 {
			n.formats[c.RTX] = format{Codec: *c, kind: s.Kind, rtx: true, repaired: repaired}
		}
	}
	n.extensions[s.Kind] = x
	n.layers[s.Kind] = &layers{}
}

// run is the session's goroutine.
func (n *ingest) run() {
	stopTransport := context.AfterFunc(n.transport.Context(), func() { n.cancel(context.Cause(n.transport.Context())) })
	stopPublisher := context.AfterFunc(n.pub.Context(), func() { n.cancel(context.Cause(n.pub.Context())) })
	n.cancel(n.attend())
	stopTransport()
	stopPublisher()
	reason := context.Cause(n.ctx)
	if errors.Is(reason, transport.ErrNotConnected) {
		n.log.Warn("webrtc: the publisher could not connect", "remote", n.remote, "offered", n.local(), "error", reason)
	}
	n.transport.Close(reason)
	n.pub.Close(reason)
}

// attend passes on the viewers' wish for key frames until the session ends.
func (n *ingest) attend() error {
	select {
	case <-n.transport.Ready():
	case <-n.ctx.Done():
		return context.Cause(n.ctx)
	}
	n.connected.Store(int64(time.Since(n.started)))
	n.log.Info("webrtc: publisher connected", "after", time.Since(n.started).Round(time.Millisecond), "path", n.transport.Path())
	for {
		select {
		case <-n.ctx.Done():
			return context.Cause(n.ctx)
		case <-n.pub.KeyFrameRequests():
			n.keyWanted.Store(true)
			n.transport.Wake()
		}
	}
}

// receiver returns the receiver of a source, or nil.
func (n *ingest) receiver(ssrc uint32) *receiver {
	for _, r := range n.receivers {
		if r.ssrc == ssrc {
			return r
		}
	}
	return nil
}
