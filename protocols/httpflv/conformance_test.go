package httpflv

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"sluice/protocols/container/flv"
	"sluice/protocols/internal/prototest"
	"sluice/server/hub"
	"sluice/server/media"
)

// demuxer reads the packets of an FLV file.
type demuxer struct {
	tags  *flv.Reader
	demux flv.Demuxer
}

func newDemuxer(r io.Reader) prototest.Demuxer { return &demuxer{tags: flv.NewReader(r, flv.MaxBody)} }

// Next implements prototest.Demuxer.
func (d *demuxer) Next() (*media.Packet, error) {
	for {
		tag, err := d.tags.Next()
		if err != nil {
			return nil, err
		}
		if _, p, err := d.demux.Demux(tag); p != nil || err != nil {
			return p, err
		}
	}
}

func conformance(ws bool) prototest.Egress {
	return prototest.Egress{
		Start: prototest.HTTP(".flv", ws, newDemuxer, func(h *hub.Hub, writeTimeout time.Duration) prototest.Handler {
			cfg := DefaultConfig()
			cfg.WriteTimeout = writeTimeout
			return New(cfg, h, slog.New(slog.DiscardHandler))
		}),
		Clock:  time.Millisecond,
		Kicked: prototest.HTTPKicked(ws),
	}
}

func TestConformance(t *testing.T) {
	t.Run("HTTP", conformance(false).Run)
	t.Run("WebSocket", conformance(true).Run)
}
