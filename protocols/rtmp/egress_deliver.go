package rtmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// output is a peer that a stream is delivered to.
type output interface {
	Wants() Wants
	WriteChunks(bufs net.Buffers) error
	// Refuse tells that tracks can't be sent, and why.
	Refuse(reasons string) error
	// Unpublished tells that the publisher has been away for the grace time.
	Unpublished() error
	// Published tells that it is back.
	Published() error
}

// errTick ends a wait, so that other things can be looked at.
var errTick = errors.New("rtmp: tick")

// batchSize is how many messages go into one write at most: several pictures
// and the sound between them.
const batchSize = 32

// delivery writes one viewer's stream to its peer.
type delivery struct {
	viewer *hub.Viewer
	form   form
	sub    *hub.Subscription[unit]
	out    output
	grace  time.Duration
	log    *slog.Logger

	head     *hub.Head
	hidden   bool      // pictures are left out up to the next key frame
	gone     time.Time // when the publisher left; zero while it is there
	notified bool      // the peer knows that
}

// deliver writes until the viewer, the format or the connection ends. grace
// is how long the publisher may be away before the output is told.
func deliver(v *hub.Viewer, f form, out output, grace time.Duration, log *slog.Logger) error {
	d := &delivery{viewer: v, form: f, sub: hub.Subscribe(v, f.format()), out: out, grace: grace, log: log}
	defer d.sub.Close()
	units := make([]unit, batchSize)
	room := make(net.Buffers, 0, 2*batchSize)
	for {
		if err := d.wait(); err != nil {
			return err
		}
		n, _ := d.sub.Read(units)
		bufs := room[:0]
		for _, u := range units[:n] {
			var err error
			if bufs, err = d.add(bufs, u); err != nil {
				return err
			}
		}
		clear(units[:n])
		if err := d.write(bufs); err != nil {
			return err
		}
		clear(room[:len(bufs)])
	}
}

// wait waits for the next units. Meanwhile it looks after what has no units:
// a stream with nothing for this peer, and a publisher that is away.
func (d *delivery) wait() error {
	for {
		if d.head != nil && (d.gone.IsZero() || d.notified) {
			return d.sub.Wait()
		}
		ctx, cancel := context.WithTimeoutCause(d.viewer.Context(), time.Second, errTick)
		err := d.sub.WaitContext(ctx)
		cancel()
		if !errors.Is(err, errTick) {
			return err
		}
		if d.head == nil {
			if err := d.form.nothingPlayable(d.viewer); err != nil {
				return err
			}
		} else if !d.notified && time.Since(d.gone) >= d.grace {
			d.notified = true
			if err := d.out.Unpublished(); err != nil {
				return err
			}
		}
	}
}

// nothingPlayable returns an error that names the tracks of a stream which
// has none that the viewer takes.
func (f form) nothingPlayable(v *hub.Viewer) error {
	refused := v.Refused()
	if ts, ok := v.Stream().Tracks(); !ok || len(refused) < len(ts.Media()) || len(refused) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", hub.ErrNothingPlayable, f.reasons(refused))
}

// reasons says why the peer does not get these tracks.
func (f form) reasons(tracks []*media.Track) string {
	var list []string
	for _, t := range tracks {
		if err := f.flv.Check(t.Codec); err != nil {
			list = append(list, err.Error())
			continue
		}
		list = append(list, fmt.Sprintf("%s: the peer has not announced it", t.Codec))
	}
	return strings.Join(list, "; ")
}

// add appends what the peer is to be sent of a unit.
func (d *delivery) add(bufs net.Buffers, u unit) (net.Buffers, error) {
	if u.event == hub.EventUnpublish {
		d.gone = time.Now()
		return bufs, nil
	}
	d.gone = time.Time{}
	if d.notified {
		d.notified = false
		if err := d.out.Published(); err != nil {
			return bufs, err
		}
	}
	if u.event == hub.EventPublish {
		return bufs, nil
	}
	if !d.wanted(u) {
		return bufs, nil
	}
	if u.head != d.head {
		d.head = u.head
		bufs = append(bufs, u.head.Bytes)
		if refused := d.viewer.Refused(); len(refused) > 0 {
			reasons := d.form.reasons(refused)
			d.log.Warn("track not sent", "stream", d.viewer.Stream().Name(), "session", d.viewer.ID(), "reason", reasons)
			if err := d.out.Refuse(reasons); err != nil {
				return bufs, err
			}
		}
	}
	return append(bufs, u.data), nil
}

// wanted applies pause, receiveAudio and receiveVideo. Pictures that were
// left out come back with a key frame.
func (d *delivery) wanted(u unit) bool {
	w := d.out.Wants()
	if u.kind == media.Video {
		d.hidden = (d.hidden && !u.key) || w.Paused || !w.Video
		return !d.hidden
	}
	return !w.Paused && (u.kind != media.Audio || w.Audio)
}

func (d *delivery) write(bufs net.Buffers) error {
	size := 0
	for _, b := range bufs {
		size += len(b)
	}
	if size == 0 {
		return nil
	}
	if err := d.out.WriteChunks(bufs); err != nil {
		return err
	}
	d.viewer.Sent(size)
	return nil
}

// playOutput is a player.
type playOutput struct{ *PlaySession }

func (o playOutput) Unpublished() error          { return o.UnpublishNotify() }
func (o playOutput) Published() error            { return o.PublishNotify() }
func (o playOutput) Refuse(reasons string) error { return o.Warn(reasons) }

// pushOutput is a server that the stream is pushed to.
type pushOutput struct{ *Publisher }

func (pushOutput) Wants() Wants        { return Wants{Audio: true, Video: true} }
func (pushOutput) Unpublished() error  { return hub.ErrNoPublisher }
func (pushOutput) Published() error    { return nil }
func (pushOutput) Refuse(string) error { return nil }
