package prototest

import (
	"context"
	"testing"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// Ingest is how a protocol is published to, as its test says it.
type Ingest struct {
	// Start serves a hub.
	Start func(t *testing.T, h *hub.Hub) Inlet
	// Clock is the coarsest tick of the wire's times.
	Clock time.Duration
	// InBand says that the wire puts parameter sets into the pictures.
	InBand bool
	// OwnDTS says that decoding times are not on the wire.
	OwnDTS bool
	// SoundChangeEnds says that the publisher ends where its sound's codec
	// changes.
	SoundChangeEnds bool
	// Refused and Kicked report whether that is how a publisher hears that the
	// stream has another already, and that it was kicked.
	Refused, Kicked func(err error) bool
}

// Inlet is a protocol at work.
type Inlet struct {
	// Publish opens a publisher of a stream. The error, or that of its Wait,
	// says why it was refused.
	Publish func(ctx context.Context, stream string, tracks media.Tracks) (Publisher, error)
	// Stop ends all sessions and waits for all goroutines.
	Stop func(ctx context.Context) error
}

// Publisher is one publisher, by the protocol's own client.
type Publisher interface {
	Write(p *media.Packet) error
	// Wait waits until the other side has ended the publisher and returns why.
	Wait() error
	// Close ends it in order, Abort by dropping the connection.
	Close()
	Abort()
}

// Run checks how the protocol takes streams.
func (i Ingest) Run(t *testing.T) {
	run(t, func(t *testing.T) *ingestRig { return newIngestRig(t, i) }, []check[*ingestRig]{
		{"round trip", takeAll},
		{"sound alone", takeSound},
		{"pictures alone", takePictures},
		{"pictures change their form", takeNewForm},
		{"sound changes its codec", takeNewSound},
		{"second publisher is refused", refuse},
		{"publisher comes back", takeAgain},
		{"connection breaks", abort},
		{"kick", kickPublisher},
		{"stop", stopPublisher},
	})
}

// ingestRig is a served hub with a viewer in process.
type ingestRig struct {
	*station
	Ingest
	inlet Inlet
	peer  Publisher
}

func newIngestRig(t *testing.T, i Ingest) *ingestRig {
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	t.Cleanup(h.Close)
	r := &ingestRig{station: newStation(t, h, H264(), AAC()), Ingest: i, inlet: i.Start(t, h)}
	t.Cleanup(func() { stopAll(t, r.inlet.Stop) })
	return r
}

// view opens a viewer, which gets all that is published from then on.
func (r *ingestRig) view() *view {
	r.t.Helper()
	w := rules{clock: r.Clock, inBand: r.InBand, ownDTS: r.OwnDTS, lives: true}
	return watch(r.station, w, r.play).read()
}

// play opens a viewer in process.
func (r *ingestRig) play(_ context.Context, stream string) (Player, error) {
	sess := hub.Session{Stream: stream, Protocol: "test", Internal: true, Latency: time.Hour}
	v, err := r.hub.Play(context.Background(), sess, hub.AllCodecs)
	if err != nil {
		return nil, err
	}
	return &viewer{viewer: v, sub: hub.Subscribe(v, hub.Items())}, nil
}

// open opens a publisher.
func (r *ingestRig) open() (Publisher, error) {
	p, err := r.inlet.Publish(r.t.Context(), streamName, r.tracks())
	if err == nil {
		r.t.Cleanup(p.Close)
	}
	return p, err
}

// publish goes on the air with half a group, and waits for the first packet:
// clients may begin at the newest key frame, and all that is published from
// then on must come.
func (r *ingestRig) publish(v *view) {
	r.t.Helper()
	p, err := r.open()
	if err != nil {
		r.t.Fatalf("publish: %v", err)
	}
	r.peer = p
	r.begin(p)
	r.steps(groupSize/2 + 1)
	for v.life != r.lives {
		v.next()
	}
}

// viewer is a viewer of the hub as a Player.
type viewer struct {
	viewer *hub.Viewer
	sub    *hub.Subscription[hub.Item]
}

// Next implements Player. It is called until it fails.
func (v *viewer) Next() (*media.Packet, error) {
	for item := make([]hub.Item, 1); ; {
		if err := v.sub.Wait(); err != nil {
			v.sub.Close()
			return nil, err
		}
		if n, _ := v.sub.Read(item); n == 1 && item[0].Packet != nil {
			return item[0].Packet, nil
		}
	}
}

// Close implements Player.
func (v *viewer) Close() { v.viewer.Close(nil) }
