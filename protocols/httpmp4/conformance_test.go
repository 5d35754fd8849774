package httpmp4

import (
	"bufio"
	"io"
	"log/slog"
	"testing"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/protocols/internal/prototest"
	"sluice/server/hub"
	"sluice/server/media"
)

// demuxer reads the packets of fragmented MP4.
type demuxer struct {
	r       *bufio.Reader
	movie   *fmp4.Movie
	start   []byte // boxes of an initialisation segment or of a fragment
	samples []fmp4.Sample
}

func newDemuxer(r io.Reader) prototest.Demuxer { return &demuxer{r: bufio.NewReader(r)} }

// Next implements prototest.Demuxer.
func (d *demuxer) Next() (*media.Packet, error) {
	for len(d.samples) == 0 {
		if err := d.box(); err != nil {
			return nil, err
		}
	}
	p := d.samples[0].Packet
	d.samples = d.samples[1:]
	return p, nil
}

// box reads one box.
func (d *demuxer) box() error {
	start, err := d.r.Peek(16)
	if err != nil {
		return err
	}
	h, err := fmp4.ParseHeader(start)
	if err != nil {
		return err
	}
	b := make([]byte, h.Size)
	if _, err := io.ReadFull(d.r, b); err != nil {
		return err
	}
	d.start = append(d.start, b...)
	switch h.Type {
	case "moov":
		d.movie, err = fmp4.ParseInit(d.start)
	case "mdat":
		var f *fmp4.Fragment
		if f, err = d.movie.ParseFragment(d.start, 0); err == nil {
			d.samples = f.Samples
		}
	default:
		return nil
	}
	d.start = nil
	return err
}

func conformance(ws bool) prototest.Egress {
	return prototest.Egress{
		Start: prototest.HTTP(".mp4", ws, newDemuxer, func(h *hub.Hub, writeTimeout time.Duration) prototest.Handler {
			cfg := DefaultConfig()
			cfg.WriteTimeout = writeTimeout
			return New(cfg, h, slog.New(slog.DiscardHandler))
		}),
		Clock:           time.Second / 48000,
		InBand:          true,
		Opus:            true,
		SoundChangeEnds: !ws,
		OwnDTS:          true,
		Kicked:          prototest.HTTPKicked(ws),
	}
}

func TestConformance(t *testing.T) {
	t.Run("HTTP", conformance(false).Run)
	t.Run("WebSocket", conformance(true).Run)
}
