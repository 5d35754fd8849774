package rtmp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/protocols/container/flv"
	"sluice/protocols/internal/prototest"
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
