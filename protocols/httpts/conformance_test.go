package httpts

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/protocols/internal/prototest"
	"sluice/server/hub"
	"sluice/server/media"
)

// demuxer reads the packets of a transport stream.
type demuxer struct {
	r     io.Reader
	demux *mpegts.Demuxer
	buf   []byte
}

func newDemuxer(r io.Reader) prototest.Demuxer {
	return &demuxer{r: r, demux: mpegts.NewDemuxer(mpegts.DemuxerConfig{}), buf: make([]byte, 32<<10)}
}

// Next implements prototest.Demuxer. A lost packet is an error.
func (d *demuxer) Next() (*media.Packet, error) {
	for {
		e, ok := d.demux.Next()
		switch {
		case e.Packet != nil || e.Err != nil:
			return e.Packet, e.Err
		case ok:
			continue
		}
		n, err := d.r.Read(d.buf)
		if n == 0 {
			return nil, err
		}
		_, _ = d.demux.Write(d.buf[:n])
	}
}

func conformance(ws bool) prototest.Egress {
	return prototest.Egress{
		Start: func(t *testing.T, h *hub.Hub, writeTimeout time.Duration) prototest.Server {
			cfg := DefaultConfig()
			cfg.WriteTimeout = writeTimeout
			handler := New(cfg, h, slog.New(slog.DiscardHandler))
			return prototest.HTTP(t, handler, ".ts", ws, newDemuxer, handler.Stop)
		},
		Clock:  time.Second / 90000,
		InBand: true,
		Kicked: prototest.HTTPKicked(ws),
	}
}

func TestConformance(t *testing.T) {
	t.Run("HTTP", conformance(false).Run)
	t.Run("WebSocket", conformance(true).Run)
}
