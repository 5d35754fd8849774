package rtsp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"sluice/protocols/internal/prototest"
	"sluice/protocols/rtsp/wire"
	"sluice/server/hub"
	"sluice/server/media"
)

// startKit serves a hub of the conformance kit, and returns the URL up to the
// path.
func startKit(t *testing.T, h *hub.Hub, writeTimeout time.Duration) (*Service, string) {
	cfg := DefaultConfig()
	cfg.Listen, cfg.ListenTLS, cfg.WriteTimeout, cfg.UDPPorts = "127.0.0.1:0", "", writeTimeout, rangeOf(freeRange(t, 100), 100)
	s, err := Start(cfg, nil, h, slog.New(slog.NewTextHandler(testLog{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return s, "rtsp://" + s.Addrs()[0].String() + "/"
}

// kitPlayer is a client that reads packets: the intake of a pull, which waits
// where nobody takes what it has.
type kitPlayer struct {
	ctx     context.Context
	cancel  context.CancelFunc
	packets chan *media.Packet
	ended   error
}

func playKit(ctx context.Context, url string) (prototest.Player, error) {
	ctx, cancel := context.WithCancel(ctx)
	s, err := (&Client{IdleTimeout: time.Hour}).Describe(ctx, url) // one that reads nothing for a while has not ended
	if err != nil {
		cancel()
		return nil, err
	}
	in, err := newIntake(s.Description().Media, nil, slog.New(slog.DiscardHandler))
	if err == nil {
		err = s.Play(ByTCP, in.taken())
	}
	if err == nil {
		err = s.Await(testPatience)
	}
	if err != nil {
		s.Close()
		cancel()
		return nil, err
	}
	p := &kitPlayer{ctx: ctx, cancel: cancel, packets: make(chan *media.Packet)}
	in.pub = kitSink{p}
	go func() {
		defer close(p.packets)
		p.ended = s.Receive(in)
		s.Close()
	}()
	return p, nil
}

// Next implements prototest.Player.
func (p *kitPlayer) Next() (*media.Packet, error) {
	q, ok := <-p.packets
	if !ok {
		return nil, p.ended
	}
	return q, nil
}

// Close implements prototest.Player.
func (p *kitPlayer) Close() {
	p.cancel()
	for range p.packets { // to the end
	}
}

// kitSink is what the intake publishes to.
type kitSink struct{ *kitPlayer }

func (kitSink) ID() string                 { return "kit" }
func (p kitSink) Context() context.Context { return p.ctx }
func (kitSink) Expect(...media.Kind)       {}
func (kitSink) Announce(*media.Track)      {}
func (kitSink) Sent(int)                   {}
func (kitSink) Close(error)                {}

func (p kitSink) Write(q *media.Packet) error {
	select {
	case p.packets <- q:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func TestConformance(t *testing.T) {
	prototest.Egress{
		Start: func(t *testing.T, h *hub.Hub, writeTimeout time.Duration) prototest.Server {
			s, url := startKit(t, h, writeTimeout)
			return prototest.Server{
				Play: func(ctx context.Context, stream string) (prototest.Player, error) { return playKit(ctx, url+stream) },
				Stop: s.Stop,
			}
		},
		Clock:           time.Second / 48000,
		InBand:          true,
		OwnDTS:          true,
		Opus:            true,
		SoundChangeEnds: true,
		Kicked:          func(err error) bool { return errors.Is(err, io.EOF) },
	}.Run(t)
}

// kitPublisher is a push from a hub of its own.
type kitPublisher struct {
	*hub.Publisher
	hub    *hub.Hub
	cancel context.CancelFunc
	conn   net.Conn
	ended  chan struct{}
	err    error // once ended
}

func publishKit(ctx context.Context, url string, tracks media.Tracks) (prototest.Publisher, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &kitPublisher{hub: hub.New(hub.DefaultConfig(), hub.Options{}), cancel: cancel, ended: make(chan struct{})}
	pub, err := p.hub.Publish(ctx, hub.Session{Stream: "kit", Internal: true})
	if err != nil {
		cancel()
		return nil, err
	}
	p.Publisher = pub
	var kinds []media.Kind
	for _, t := range tracks.Media() {
		pub.Announce(t)
		kinds = append(kinds, t.Codec.Kind())
	}
	pub.Expect(kinds...)
	c := &Client{Dial: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		p.conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return p.conn, err
	}}
	go func() {
		defer close(p.ended)
		p.err = Push(ctx, c, url, p.hub, hub.Session{Stream: "kit", Internal: true}, slog.New(slog.DiscardHandler))
	}()
	return p, nil
}

// Write implements prototest.Publisher. The packet is the kit's, and the hub
// makes its own of it.
func (p *kitPublisher) Write(q *media.Packet) error {
	own := *q
	return p.Publisher.Write(&own)
}

// Wait implements prototest.Publisher.
func (p *kitPublisher) Wait() error {
	<-p.ended
	return p.err
}

// Close implements prototest.Publisher.
func (p *kitPublisher) Close() {
	p.cancel()
	<-p.ended
	p.Publisher.Close(nil)
	p.hub.Close()
}

// Abort implements prototest.Publisher.
func (p *kitPublisher) Abort() {
	p.conn.Close()
	<-p.ended
}

func TestIngestConformance(t *testing.T) {
	prototest.Ingest{
		Start: func(t *testing.T, h *hub.Hub) prototest.Inlet {
			s, url := startKit(t, h, time.Minute)
			return prototest.Inlet{
				Publish: func(ctx context.Context, stream string, tracks media.Tracks) (prototest.Publisher, error) {
					return publishKit(ctx, url+stream, tracks)
				},
				Stop: s.Stop,
			}
		},
		Clock:           time.Second / 48000,
		InBand:          true,
		OwnDTS:          true,
		SoundChangeEnds: true,
		Refused:         func(err error) bool { return isAnswer(err, wire.Forbidden) },
		Kicked:          func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) },
	}.Run(t)
}
