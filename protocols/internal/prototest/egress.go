package prototest

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/server/hub"
	"sluice/server/media"
)

// Egress is how a protocol is played, as its test says it.
type Egress struct {
	// Start serves a hub. A write to a player may take writeTimeout at most.
	Start func(t *testing.T, h *hub.Hub, writeTimeout time.Duration) Server
	// Clock is the coarsest tick of the wire's times.
	Clock time.Duration
	// InBand says that the wire puts parameter sets into the pictures.
	InBand bool
	// OwnDTS says that the wire has decoding times of its own making, or none:
	// they must rise, and lie before the presentation times, which are right.
	OwnDTS bool
	// Opus says that players take it; the others get AAC.
	Opus bool
	// SoundChangeEnds says that players end where the sound's codec changes, as
	// they were told of another.
	SoundChangeEnds bool
	// Kicked reports whether that is how a player hears that it was kicked.
	Kicked func(err error) bool
}

// Server is a protocol at work.
type Server struct {
	// Play opens a player of a stream. It may wait for the stream to begin.
	Play func(ctx context.Context, stream string) (Player, error)
	// Stop ends all sessions and waits for all goroutines.
	Stop func(ctx context.Context) error
}

// Run checks how the protocol plays.
func (e Egress) Run(t *testing.T) {
	run(t, func(t *testing.T) *egressRig { return newEgressRig(t, e) }, []check[*egressRig]{
		{"round trip", roundTrip},
		{"sound alone", soundAlone},
		{"pictures alone", picturesAlone},
		{"late join", lateJoin},
		{"viewer before publisher", viewerFirst},
		{"publisher comes back", comesBack},
		{"publisher is replaced", replaced},
		{"pictures change their form", formChanges},
		{"sound changes its codec", soundChanges},
		{"slow player jumps", slowJumps},
		{"dead player ends", deadEnds},
		{"kick", kick},
		{"stop", stop},
	})
}

// check is one of the kit's checks, on a rig of its own.
type check[R any] struct {
	name string
	run  func(*testing.T, R)
}

// run runs checks one after the other; none leaves a goroutine behind.
func run[R any](t *testing.T, rig func(*testing.T) R, checks []check[R]) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) }) // runs last
			c.run(t, rig(t))
		})
	}
}

// egressRig is a served hub with a publisher.
type egressRig struct {
	*station
	Egress
	server Server
}

// longTimeout is a write timeout that no check reaches.
const longTimeout = 2 * patience

// newEgressRig makes a hub in which a new publisher takes over. It is served
// once serve is called, or a player opened.
func newEgressRig(t *testing.T, e Egress) *egressRig {
	cfg := hub.DefaultConfig()
	cfg.SecondPublisher = hub.Takeover
	h := hub.New(cfg, hub.Options{Transcoders: []hub.Transcoder{
		{From: media.Opus, To: media.AAC, New: func(*media.Track) (hub.Filter, error) { return rename{AAC()}, nil }},
	}})
	t.Cleanup(h.Close)
	return &egressRig{station: newStation(t, h, H264(), AAC()), Egress: e}
}

func (r *egressRig) serve(writeTimeout time.Duration) {
	r.t.Helper()
	r.server = r.Start(r.t, r.hub, writeTimeout)
	r.t.Cleanup(func() { r.stop() })
}

func (r *egressRig) stop() { stopAll(r.t, r.server.Stop) }

func stopAll(t *testing.T, stop func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// play opens a player.
func (r *egressRig) play(change ...func(*rules)) *watching {
	r.t.Helper()
	if r.server.Play == nil {
		r.serve(longTimeout)
	}
	w := rules{clock: r.Clock, inBand: r.InBand, ownDTS: r.OwnDTS}
	for _, f := range change {
		f(&w)
	}
	return watch(r.station, w, r.server.Play)
}

// begin goes on the air with half a group, opens a player and waits for its
// first packet, so that all that is published from then on must come.
func (r *egressRig) begin(change ...func(*rules)) *view {
	r.t.Helper()
	r.publish()
	r.steps(groupSize/2 + 1)
	v := r.play(change...).read()
	v.next()
	return v
}

// rename is a filter that makes AAC of Opus by name only.
type rename struct{ to *media.Track }

func (f rename) Track() *media.Track { return f.to }

func (f rename) Process(p *media.Packet, emit func(*media.Packet)) error {
	q := *p
	q.Track = f.to
	emit(&q)
	return nil
}

func (rename) Cut()   {}
func (rename) Close() {}
