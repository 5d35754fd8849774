package rtsp

import (
	"context"
	"log/slog"

	"sluice/server/hub"
)

// Push publishes a stream of the hub on another server, until the connection
// or ctx ends. It waits for a publisher, and stays when that leaves.
func Push(ctx context.Context, c *Client, url string, h *hub.Hub, sess hub.Session, log *slog.Logger) error {
	v, err := h.Play(ctx, sess, playable)
	if err != nil {
		return err
	}
	p, err := newPlayer(ctx, v, false, log)
	if err != nil {
		v.Close(err)
		return err
	}
	ways := c.lowers()
	for i, lower := range ways {
		err = push(v.Context(), c, lower, url, p)
		if i == len(ways)-1 || !isFallback(err) {
			break
		}
		log.Info("rtsp push: another transport is tried", "stream", sess.Stream, "failed", lower, "reason", err)
	}
	p.Close(err)
	return err
}

func push(ctx context.Context, c *Client, lower Lower, url string, p *player) error {
	s, err := c.Announce(ctx, url, p.Description())
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Record(lower); err != nil {
		return err
	}
	return s.Send(p)
}
