package rtsp

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"sluice/server/hub"
)

// Pull plays a stream of another server into the hub, until it ends. The
// publisher begins with the first packet that comes. The description's tracks
// that can't be carried are left out.
func Pull(ctx context.Context, c *Client, url string, h *hub.Hub, sess hub.Session, log *slog.Logger) error {
	ways := c.lowers()
	for i, lower := range ways {
		err := pull(ctx, c, lower, url, h, sess, log)
		if i == len(ways)-1 || !isFallback(err) {
			return err
		}
		log.Info("rtsp pull: another transport is tried", "stream", sess.Stream, "failed", lower, "reason", err)
	}
	return nil // not reached: the last way returns
}

func pull(ctx context.Context, c *Client, lower Lower, url string, h *hub.Hub, sess hub.Session, log *slog.Logger) error {
	s, err := c.Describe(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	in, err := newIntake(s.Description().Media, s.Description().Backchannel, log.With("stream", sess.Stream))
	if err != nil {
		return err
	}
	if err := s.Play(lower, in.taken()); err != nil {
		return err
	}
	wait := c.idleTimeout()
	if lower == ByUDP && c.Lower == Auto {
		wait = c.udpWait()
	}
	if err := s.Await(wait); err != nil {
		return err
	}
	if sess.Remote == "" {
		sess.Remote = s.Remote().String()
	}
	pub, err := h.Publish(ctx, sess)
	if err != nil {
		return err
	}
	in.publish(pub)
	err = s.Receive(in)
	if errors.Is(err, io.EOF) { // it said goodbye
		err = nil
	}
	in.Close(err)
	return err
}

// taken returns the numbers of the media that the intake takes.
func (in *intake) taken() (media []int) {
	for i, t := range in.tracks {
		if t != nil {
			media = append(media, i)
		}
	}
	return media
}
