package prototest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sluice/server/hub"
	"sluice/server/media"
)

// HTTP serves handlers of endless streams. Players get /stream plus suffix, by
// a WebSocket where ws is set; demux reads what comes.
func HTTP(suffix string, ws bool, demux func(io.Reader) Demuxer, handler func(*hub.Hub, time.Duration) Handler) func(*testing.T, *hub.Hub, time.Duration) Server {
	return func(_ *testing.T, h *hub.Hub, writeTimeout time.Duration) Server {
		return serveHTTP(handler(h, writeTimeout), suffix, ws, demux)
	}
}

func serveHTTP(h Handler, suffix string, ws bool, demux func(io.Reader) Demuxer) Server {
	web := httptest.NewServer(h)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(ctx context.Context, stream string) (io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/"+stream+suffix, nil)
		if err != nil {
			return nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		if res.StatusCode != http.StatusOK {
			res.Body.Close()
			return nil, fmt.Errorf("HTTP status %s", res.Status)
		}
		return res.Body, nil
	}
	if ws {
		get = func(ctx context.Context, stream string) (io.ReadCloser, error) {
			c, res, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(web.URL, "http")+"/"+stream+suffix, nil)
			if err != nil {
				return nil, err
			}
			res.Body.Close()
			return &messages{Conn: c}, nil
		}
	}
	return Server{
		Play: func(ctx context.Context, stream string) (Player, error) {
			body, err := get(ctx, stream)
			if err != nil {
				return nil, err
			}
			return &httpPlayer{Demuxer: demux(body), body: body}, nil
		},
		Stop: func(ctx context.Context) error {
			defer web.Close()
			return h.Stop(ctx)
		},
	}
}

// Demuxer reads packets from a stream of bytes.
type Demuxer interface {
	// Next returns the next packet. The error is io.EOF or what the stream's
	// reader says.
	Next() (*media.Packet, error)
}

// httpPlayer is a Player over a response's body or a WebSocket.
type httpPlayer struct {
	Demuxer
	body io.Closer
}

// Close ends the player.
func (p *httpPlayer) Close() { p.body.Close() }

// messages reads a WebSocket's binary messages as one stream.
type messages struct {
	*websocket.Conn
	rest io.Reader
}

func (m *messages) Read(b []byte) (int, error) {
	for {
		if m.rest != nil {
			n, err := m.rest.Read(b)
			if errors.Is(err, io.EOF) {
				m.rest, err = nil, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		kind, r, err := m.NextReader()
		if err != nil {
			return 0, err
		}
		if kind == websocket.BinaryMessage {
			m.rest = r
		}
	}
}

// HTTPKicked is how an HTTP player hears that it was kicked: the connection
// ends, by a WebSocket with a reason.
func HTTPKicked(ws bool) func(error) bool {
	return func(err error) bool {
		closed := (*websocket.CloseError)(nil)
		if ws {
			return errors.As(err, &closed) && closed.Code == websocket.CloseGoingAway && closed.Text == hub.ErrKicked.Error()
		}
		return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
}
