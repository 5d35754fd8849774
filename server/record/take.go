package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// take is one file in the making.
type take struct {
	rec    Record // as it began
	mux    muxer
	tracks media.Tracks
	base   time.Duration // the stream's time at the take's start
	lanes  [4]lane       // by media.Kind
	// needKey is set until the first key frame: a take may begin with sound
	// where the pictures stay away.
	needKey bool
	reason  error // why it ended, once it is put aside
}

// lane is the time of one track.
type lane struct {
	begun     bool
	last, end time.Duration // of the last packet, counted from the take's start
	step      time.Duration
}

// write takes the next packet of the stream. A packet that the take can't carry
// is left out.
func (t *take) write(p *media.Packet) error {
	kind := p.Kind()
	if p.DTS < t.base || !t.mux.fits(p.Track) || t.needKey && kind == media.Video && !p.Key {
		return nil
	}
	q := *p
	q.DTS, q.PTS = p.DTS-t.base, p.PTS-t.base
	if err := t.mux.write(&q); err != nil {
		return err
	}
	if kind == media.Video {
		t.needKey = false
	}
	t.tracks = t.tracks.With(p.Track)
	l := &t.lanes[kind]
	if l.begun && q.DTS > l.last {
		l.step = min(q.DTS-l.last, time.Second)
	}
	l.begun, l.last = true, q.DTS
	l.end = max(l.end, q.PTS+l.step)
	return nil
}

// duration is how long the take is until now.
func (t *take) duration() (d time.Duration) {
	for k, l := range t.lanes {
		if l.begun && media.Kind(k) != media.Data { //nolint:gosec // four kinds
			d = max(d, l.end)
		}
	}
	return d
}

// closer ends takes.
type closer struct {
	store  *storage
	ledger *ledger
	log    *slog.Logger
}

// finish makes the take whole, or after a failure what there is of it, and puts
// it under its final name.
func (c closer) finish(t *take, failure, reason error) {
	defer c.store.release(t.rec.File)
	found := survey{duration: t.duration()}
	if failure == nil {
		failure = t.mux.finish(found.duration)
		found.size = t.mux.size()
	}
	rec := t.rec
	rec.Tracks = hub.TrackInfos(t.tracks)
	if failure != nil {
		t.mux.abandon()
		var err error
		if found, err = forms[rec.Format].recover(c.store, rec.File); err != nil {
			c.lose(rec, errors.Join(failure, err))
			return
		}
		reason = failure
	}
	c.keep(rec, found, reason, failure != nil)
}

// keep gives the take its name and its place in the ledger.
func (c closer) keep(rec Record, found survey, reason error, failed bool) {
	rec, err := c.settle(rec)
	if err == nil {
		err = c.store.rename(rec.File+partSuffix, rec.File)
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			c.ledger.forget(rec.ID)
		}
		c.log.Error("record can't be renamed", "stream", rec.Stream, "file", rec.File+partSuffix, "error", err)
		return
	}
	rec.State, rec.Reason = StateFinished, reason.Error()
	rec.Size, rec.Duration = found.size, seconds(found.duration)
	level := slog.LevelInfo
	if failed {
		level = slog.LevelError
	}
	args := []any{
		"stream", rec.Stream, "format", rec.Format, "file", rec.File, "bytes", rec.Size,
		"duration", found.duration.Round(time.Millisecond), "gaps", rec.Gaps, "reason", reason,
	}
	if err := c.ledger.put(rec); err != nil {
		args = append(args, "ledger", err)
	}
	c.log.Log(context.Background(), level, "record end", args...)
}

// settle finds another name for a take where something has come to stand at its
// own. The ledger learns of it first: it never names a file that is not ours.
func (c closer) settle(rec Record) (Record, error) {
	if !c.store.taken(rec.File) {
		return rec, nil
	}
	ext := rec.Format.ext()
	name, err := c.store.free(strings.TrimSuffix(rec.File, ext), ext)
	if err != nil {
		return rec, err
	}
	defer c.store.release(name)
	old := rec.File
	rec.File = name
	if err := c.ledger.put(rec); err != nil {
		return rec, err
	}
	return rec, c.store.rename(old+partSuffix, name+partSuffix)
}

// lose gives a take up: an empty one is deleted, one that can't be read is left
// for its owner to see.
func (c closer) lose(rec Record, why error) {
	if errors.Is(why, errNothing) {
		if err := c.store.remove(rec.File + partSuffix); err != nil {
			why = fmt.Errorf("%w; and %w", why, err)
		}
	}
	c.ledger.forget(rec.ID)
	c.log.Error("record lost", "stream", rec.Stream, "format", rec.Format, "file", rec.File, "error", why)
}
