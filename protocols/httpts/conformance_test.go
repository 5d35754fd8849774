package httpts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
		Start: prototest.HTTP(".ts", ws, newDemuxer, func(h *hub.Hub, writeTimeout time.Duration) prototest.Handler {
			cfg := DefaultConfig()
			cfg.WriteTimeout = writeTimeout
			return New(cfg, h, slog.New(slog.DiscardHandler))
		}),
		Clock:  time.Second / 90000,
		InBand: true,
		Kicked: prototest.HTTPKicked(ws),
	}
}

func TestConformance(t *testing.T) {
	t.Run("HTTP", conformance(false).Run)
	t.Run("WebSocket", conformance(true).Run)
}

// poster is a publisher by POST.
type poster struct {
	body   *io.PipeWriter
	mux    *mpegts.Muxer
	tracks media.Tracks
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // once ended
}

func post(ctx context.Context, url string, tracks media.Tracks) (*poster, error) {
	ctx, cancel := context.WithCancel(ctx)
	r, w := io.Pipe()
	p := &poster{body: w, mux: mpegts.NewMuxer(mpegts.MuxerConfig{}), tracks: tracks, cancel: cancel, ended: make(chan struct{})}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, r)
	if err == nil {
		err = p.mux.SetTracks(tracks)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		defer close(p.ended)
		res, err := client.Do(req)
		if p.err = err; err == nil {
			res.Body.Close()
			p.err = httpError(res.StatusCode)
		}
		r.CloseWithError(p.err)
	}()
	return p, nil
}

// httpError is a status of HTTP as an error.
type httpError int

func (e httpError) Error() string { return http.StatusText(int(e)) }

// Write implements prototest.Publisher.
func (p *poster) Write(q *media.Packet) error {
	if p.tracks.Get(q.Kind()) != q.Track {
		p.tracks = p.tracks.With(q.Track)
		if err := p.mux.SetTracks(p.tracks); err != nil {
			return err
		}
	}
	b, err := p.mux.AppendPacket(nil, q)
	if err == nil {
		_, err = p.body.Write(b)
	}
	return err
}

// Wait implements prototest.Publisher.
func (p *poster) Wait() error {
	<-p.ended
	return p.err
}

// Close implements prototest.Publisher.
func (p *poster) Close() {
	p.body.Close()
	<-p.ended
	p.cancel()
}

// Abort implements prototest.Publisher: a body that fails breaks the connection.
func (p *poster) Abort() {
	p.body.CloseWithError(errAbort)
	<-p.ended
}

var errAbort = errors.New("the publisher aborts")

func TestIngestConformance(t *testing.T) {
	prototest.Ingest{
		Start: func(_ *testing.T, h *hub.Hub) prototest.Inlet {
			handler := New(DefaultConfig(), h, slog.New(slog.DiscardHandler))
			web := httptest.NewServer(handler)
			return prototest.Inlet{
				Publish: func(ctx context.Context, stream string, tracks media.Tracks) (prototest.Publisher, error) {
					return post(ctx, web.URL+"/"+stream+".ts", tracks)
				},
				Stop: func(ctx context.Context) error {
					defer web.Close()
					return handler.Stop(ctx)
				},
			}
		},
		Clock:   time.Second / 90000,
		InBand:  true,
		Refused: func(err error) bool { return errors.Is(err, httpError(http.StatusConflict)) },
		// A client that is still sending may not get to see the answer.
		Kicked: func(err error) bool {
			var status httpError
			return err != nil && (!errors.As(err, &status) || status == http.StatusForbidden)
		},
	}.Run(t)
}
