package httpts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/protocols/internal/httplive"
	"sluice/server/hub"
	"sluice/server/media"
)

const (
	// publishTimeout is how long a publisher may send nothing.
	publishTimeout = 30 * time.Second
	// readSize is how much of a body is read at a time.
	readSize = 64 << 10
	// maxTold is how many losses and left out streams of a publisher are logged.
	maxTold = 8
)

// publish puts what a request brings into the hub.
func (h *Handler) publish(w http.ResponseWriter, r *http.Request) {
	// An answer does not wait for a body that has no end.
	w.Header().Set("Connection", "close")
	if r.Header.Get("Origin") != "" {
		http.Error(w, "pages publish by WHIP: POST /app/stream/whip", http.StatusForbidden)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(h.ctx, func() { cancel(hub.ErrShutdown) })()
	pub, err := h.hub.Publish(ctx, h.media.Session(r, false))
	if err != nil {
		httplive.Fail(w, err)
		return
	}
	in := intake{
		pub: pub, demux: mpegts.NewDemuxer(mpegts.DemuxerConfig{}),
		log: h.log.With("stream", pub.Stream().Name(), "session", pub.ID()),
	}
	err = in.run(r.Body, http.NewResponseController(w))
	pub.Close(err)
	if err != nil {
		httplive.Fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// intake is a publisher at work.
type intake struct {
	pub   *hub.Publisher
	demux *mpegts.Demuxer
	log   *slog.Logger
	told  int
}

// run reads the body to its end, which is nil, or until the publisher has to go.
func (in *intake) run(body io.Reader, conn *http.ResponseController) error {
	ctx := in.pub.Context()
	// A read that waits ends with the publisher.
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, readSize)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(publishTimeout)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := body.Read(buf)
		in.pub.Sent(n)
		_, _ = in.demux.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			in.demux.Flush()
		}
		if err := in.take(); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
	}
}

// take puts what the demuxer has found into the hub.
func (in *intake) take() error {
	for {
		e, ok := in.demux.Next()
		switch {
		case !ok:
			return nil
		case e.Track != nil:
			in.pub.Expect(in.demux.Kinds()...)
			in.pub.Announce(e.Track)
		case e.Packet != nil:
			if err := in.pub.Write(e.Packet); err != nil {
				return err
			}
		default:
			in.tell(e.Err)
		}
	}
}

// tell logs what is missing or left out, but not without end.
func (in *intake) tell(err error) {
	if in.told++; in.told > maxTold {
		return
	}
	var codec *mpegts.CodecError
	if errors.As(err, &codec) {
		if codec.Kind != media.Data {
			in.log.Warn("track refused", "codec", codec.Name, "reason", err)
		}
		return
	}
	in.log.Warn("malformed media dropped", "error", err)
}
