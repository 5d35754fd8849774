package rtmp

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"sluice/protocols/container/flv"
	"sluice/protocols/internal/prototest"
	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// startKit serves a hub of the conformance kit, and returns the URL up to the
// path.
func startKit(t *testing.T, h *hub.Hub, writeTimeout time.Duration) (*Service, string) {
	cfg := DefaultConfig()
	cfg.Listen, cfg.ListenTLS, cfg.WriteTimeout = "127.0.0.1:0", "", writeTimeout
	s, err := Start(cfg, nil, h, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	return s, "rtmp://" + s.Addrs()[0].String() + "/"
}

// kitPlayer is a client that reads packets.
type kitPlayer struct {
	*Player
	demux flv.Demuxer
}

// Next implements prototest.Player.
func (p *kitPlayer) Next() (*media.Packet, error) {
	for {
		m, err := p.Read()
		if err != nil {
			return nil, err
		}
		tag := flv.Tag{Type: flv.TagType(m.Type), Timestamp: time.Duration(m.Timestamp) * time.Millisecond, Body: m.Body}
		if _, q, err := p.demux.Demux(tag); q != nil || err != nil {
			return q, err
		}
	}
}

func TestConformance(t *testing.T) {
	prototest.Egress{
		Start: func(t *testing.T, h *hub.Hub, writeTimeout time.Duration) prototest.Server {
			s, url := startKit(t, h, writeTimeout)
			return prototest.Server{
				Play: func(ctx context.Context, stream string) (prototest.Player, error) {
					p, err := testClient().Play(ctx, url+stream)
					if err != nil {
						return nil, err
					}
					return &kitPlayer{Player: p}, nil
				},
				Stop: s.Stop,
			}
		},
		Clock:  time.Millisecond,
		Opus:   true,
		Kicked: saysOperator,
	}.Run(t)
}

// saysOperator reports whether a peer was told that it was kicked.
func saysOperator(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && strings.Contains(status.Description, "operator")
}

// kitPublisher is a client that writes packets.
type kitPublisher struct {
	*Publisher
	conn   net.Conn
	tracks media.Tracks // those that the server knows
}

// kitForm is how the kit's publisher writes.
var kitForm = flv.Form{Enhanced: true}

func publishKit(ctx context.Context, url string, tracks media.Tracks) (prototest.Publisher, error) {
	p, c := &kitPublisher{}, testClient()
	c.Dial = func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		p.conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return p.conn, err
	}
	var err error
	if p.Publisher, err = c.Publish(ctx, url); err != nil {
		return nil, err
	}
	metadata, err := kitForm.Metadata(tracks)
	if err != nil {
		return nil, err
	}
	return p, p.Publisher.Write(message.Message{Type: message.DataAMF0, Body: metadata})
}

// Write implements prototest.Publisher.
func (p *kitPublisher) Write(q *media.Packet) error {
	typ, at := message.Type(flv.TypeOf(q.Kind())), q.DTS.Round(time.Millisecond).Milliseconds()
	if p.tracks.Get(q.Kind()) != q.Track {
		p.tracks = p.tracks.With(q.Track)
		header, err := kitForm.AppendSequenceHeader(nil, q.Track)
		if err == nil {
			err = p.Publisher.Write(message.Message{Type: typ, Timestamp: at, Body: header})
		}
		if err != nil {
			return err
		}
	}
	body, err := kitForm.AppendHeader(nil, q)
	if err != nil {
		return err
	}
	return p.Publisher.Write(message.Message{Type: typ, Timestamp: at, Body: append(body, q.Payload...)})
}

// Wait implements prototest.Publisher.
func (p *kitPublisher) Wait() error {
	<-p.Done()
	return p.Err()
}

// Abort implements prototest.Publisher.
func (p *kitPublisher) Abort() { p.conn.Close() }

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
		Clock: time.Millisecond,
		Refused: func(err error) bool {
			var status *StatusError
			return errors.As(err, &status) && status.Code == CodePublishBadName
		},
		Kicked: saysOperator,
	}.Run(t)
}
