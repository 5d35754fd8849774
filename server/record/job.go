package record

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

const (
	// tick is how often a job flushes, and looks whether the publisher is there.
	tick = time.Second
	// lag is how far a job may fall behind, as far as the stream's log reaches.
	lag = 24 * time.Hour
	// overlap is how long the last take stays open for sound that belongs to it.
	overlap = time.Second
	// silence is how long pictures may stay away before a take begins with sound.
	silence = 10 * time.Second
	// announced is how long pictures are waited for of which there were none yet.
	announced = 3 * time.Second
	// firstRetry and lastRetry bound the wait for room on the disk.
	firstRetry = 5 * time.Second
	lastRetry  = 2 * time.Minute
	// steady is how long a take must go on for the next error to be a new one.
	steady = time.Minute
	// longest bounds a take: FLV counts milliseconds in 31 bits.
	longest = 500 * time.Hour
)

// Order is what a job is to record.
type Order struct {
	Stream string
	Format Format
	// Path is the template of the names.
	Path            string
	SegmentDuration time.Duration
	SegmentSize     Bytes
	// Duration ends the job after so much; 0 means never.
	Duration time.Duration
}

// job records one stream in one format.
type job struct {
	Order
	id       string
	rule     *Rule // nil for a request
	template Template
	hub      *hub.Hub
	closer   closer
	log      *slog.Logger
	started  time.Time
	// closeAfter is how long the publisher may be away.
	closeAfter time.Duration
	syncEvery  time.Duration
	cancel     context.CancelCauseFunc

	// Of the job's goroutine.
	viewer    *hub.Viewer
	cur, prev *take
	seam      time.Duration // what is older belongs to prev
	files     int
	gaps      int // of the current take
	lastVideo time.Duration
	begun     bool
	recorded  time.Duration // of the takes before cur
	away      time.Time     // since when there is no publisher
	synced    time.Time     // when the disk was waited for last
	retryAt   time.Time
	retryIn   time.Duration
	refused   string         // the codecs that were named last
	closing   sync.WaitGroup // the take that is being finished

	mu     sync.Mutex
	status Status
}

// Status is a running job as the API shows it.
type Status struct {
	ID      string    `json:"id"`
	Stream  string    `json:"stream"`
	Format  Format    `json:"format"`
	Rule    string    `json:"rule,omitempty"`
	State   string    `json:"state"` // waiting, recording, failed
	Started time.Time `json:"start_time"`
	// File is what is written now, Duration (seconds), Bytes and Tracks are of it.
	File     string          `json:"file,omitempty"`
	Duration float64         `json:"duration"`
	Bytes    int64           `json:"bytes"`
	Tracks   []hub.TrackInfo `json:"tracks"`
	// Files counts the files begun, Gaps where the disk was too slow.
	Files int    `json:"files"`
	Gaps  int    `json:"gaps"`
	Error string `json:"error,omitempty"`
}

// run records until ctx is done, or, for a job of a rule, the publisher stays
// away. The error says why it ended.
func (j *job) run(ctx context.Context) (err error) {
	v, err := j.hub.Play(ctx, hub.Session{
		Stream: j.Stream, Protocol: "record-" + string(j.Format), Internal: true, Latency: lag,
	}, forms[j.Format].accepts)
	if err != nil {
		return err
	}
	j.viewer = v
	sub := hub.Subscribe(v, hub.Items())
	defer func() {
		sub.Close()
		j.end(err)
		j.closing.Wait()
		v.Close(err)
	}()
	return j.read(v, sub)
}

func (j *job) read(v *hub.Viewer, sub *hub.Subscription[hub.Item]) error {
	batch := make([]hub.Item, 64)
	due := time.Now().Add(tick)
	for {
		err := waitUntil(v.Context(), sub, due)
		if v.Context().Err() != nil {
			j.take(sub, batch) // what is there already
			return context.Cause(v.Context())
		}
		switch {
		case err == nil:
			j.take(sub, batch)
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		if j.Duration > 0 && j.length() >= j.Duration {
			return ErrLimit
		}
		if now := time.Now(); !now.Before(due) {
			due = now.Add(tick)
			if j.tick(now) {
				return errPublisherLeft
			}
		}
	}
}

// take records what can be read without waiting, a batch at most.
func (j *job) take(sub *hub.Subscription[hub.Item], batch []hub.Item) {
	n, skipped := sub.Read(batch)
	if skipped > 0 {
		j.gap(skipped)
	}
	for _, item := range batch[:n] {
		if p := item.Packet; p != nil {
			j.packet(p, *item.Tracks)
		}
	}
	clear(batch[:n])
}

// waitUntil waits for something to read, or until the given time.
func waitUntil(ctx context.Context, sub *hub.Subscription[hub.Item], due time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	return sub.WaitContext(ctx)
}

// gap notes that the disk was too slow.
func (j *job) gap(skipped int) {
	if j.cur == nil {
		return
	}
	if j.cur.rec.Gaps++; j.cur.rec.Gaps == 1 {
		j.log.Warn("record falls behind, pictures are missing", "file", j.cur.rec.File, "packets", skipped)
	}
	j.gaps++
}

func (j *job) length() time.Duration {
	if j.cur == nil {
		return j.recorded
	}
	return j.recorded + j.cur.duration()
}

// tick does what time asks for; it reports whether the job is over.
func (j *job) tick(now time.Time) (over bool) {
	sync := j.syncEvery > 0 && now.Sub(j.synced) >= j.syncEvery
	if sync {
		j.synced = now
	}
	for _, t := range []*take{j.prev, j.cur} {
		if t == nil {
			continue
		}
		err := t.mux.flush(sync)
		if err == nil && !j.closer.store.there(t.rec.File) {
			err = errRemoved
		}
		if err != nil {
			j.fail(t, err)
		}
	}
	if j.viewer.Stream().Publisher() != nil {
		j.away = time.Time{}
	} else if j.away.IsZero() {
		j.away = now
	}
	if j.cur != nil && j.cur.duration() >= steady {
		j.retryIn = 0
	}
	if j.cur == nil && j.away.IsZero() {
		j.refusals()
	}
	gone := !j.away.IsZero() && now.Sub(j.away) >= j.closeAfter
	if gone {
		j.end(errPublisherLeft)
	}
	j.report()
	return gone && j.rule != nil
}

// packet puts a packet where it belongs.
func (j *job) packet(p *media.Packet, ts media.Tracks) {
	if !j.begun || p.Kind() == media.Video {
		j.begun, j.lastVideo = true, p.DTS
	}
	if j.prev != nil {
		if p.Kind() == media.Audio && p.DTS < j.seam {
			j.put(j.prev, p)
			return
		}
		if p.Kind() == media.Audio || p.DTS > j.seam+overlap {
			j.part()
		}
	}
	if j.cur != nil && j.starts(p, ts) {
		switch {
		case !j.fits(ts):
			j.turn(p.DTS, errCodecs)
		case j.due():
			j.turn(p.DTS, errRotated)
		}
	}
	if j.cur == nil && j.starts(p, ts) {
		j.begin(p, ts)
	}
	if j.cur != nil {
		j.put(j.cur, p)
	}
}

// starts reports whether a take can begin at the packet. Sound waits for pictures
// that are there, and for those that the publisher has said will come: a take of the
// sound before them would end with the first.
func (j *job) starts(p *media.Packet, ts media.Tracks) bool {
	switch {
	case p.Kind() == media.Video:
		return p.Key
	case p.Kind() != media.Audio:
		return false
	case ts.Video != nil:
		return p.DTS-j.lastVideo > silence
	case j.cur == nil && j.viewer.Stream().Awaits(media.Video):
		return p.DTS-j.lastVideo > announced
	}
	return true
}

// fits reports whether the tracks in force can all go into the current take.
func (j *job) fits(ts media.Tracks) bool {
	for _, t := range ts.Media() {
		if !j.cur.mux.fits(t) {
			return false
		}
	}
	return true
}

// due reports whether the current take is long or large enough.
func (j *job) due() bool {
	d := j.cur.duration()
	return d >= longest || j.SegmentDuration > 0 && d >= j.SegmentDuration ||
		j.SegmentSize > 0 && j.cur.mux.size() >= int64(j.SegmentSize)
}

// turn puts the current take aside, for the sound that still belongs to it.
func (j *job) turn(at time.Duration, reason error) {
	j.part()
	j.recorded += j.cur.duration()
	j.prev, j.cur, j.seam = j.cur, nil, at
	j.prev.reason = reason
	if j.prev.tracks.Audio == nil {
		j.part()
	}
}

// part closes the take that was put aside.
func (j *job) part() {
	if j.prev != nil {
		j.close(j.prev, nil, j.prev.reason)
		j.prev = nil
	}
}

// begin starts a take at the packet.
func (j *job) begin(p *media.Packet, ts media.Tracks) {
	now := time.Now()
	if now.Before(j.retryAt) {
		return
	}
	if j.retryIn > 0 && !j.closer.store.room() {
		j.postpone(now)
		return
	}
	t, err := j.create(p, ts)
	if err != nil {
		if j.retryIn == 0 {
			j.log.Error("record can't begin", "error", err)
		}
		j.postpone(now)
		j.failed(err)
		return
	}
	j.files++
	j.cur = t
	j.failed(nil)
	j.refusals()
	j.report()
	j.log.Info("record start", "file", t.rec.File)
}

func (j *job) create(p *media.Packet, ts media.Tracks) (*take, error) {
	id := rand.Text()[:16]
	base, err := j.template.Expand(Names{Stream: j.Stream, Time: p.Arrival.Local(), N: j.files + 1, ID: id})
	if err != nil {
		return nil, err
	}
	form := forms[j.Format]
	name, err := j.closer.store.free(base, form.ext)
	if err != nil {
		return nil, err
	}
	rec := Record{
		ID: id, Stream: j.Stream, Format: j.Format, File: name, State: StateRecording, Start: p.Arrival, Tracks: hub.TrackInfos(ts),
	}
	if j.rule != nil {
		rec.Rule = string(j.rule.Match)
	}
	// The ledger comes first: what it does not know nobody recovers.
	if err := j.closer.ledger.put(rec); err != nil {
		j.closer.ledger.forget(id)
		j.closer.store.release(name)
		return nil, err
	}
	mux, err := form.create(j.closer.store, name, ts)
	if err != nil {
		j.closer.ledger.forget(id)
		err = errors.Join(err, j.closer.store.remove(name+partSuffix))
		j.closer.store.release(name)
		return nil, err
	}
	return &take{rec: rec, mux: mux, tracks: ts, base: p.DTS, needKey: true}, nil
}

// refusals says which tracks the format can't carry, once for each stream's set.
func (j *job) refusals() {
	var names []string
	for _, t := range j.viewer.Refused() {
		names = append(names, t.Codec.String())
	}
	list := strings.Join(names, ", ")
	if list == j.refused {
		return
	}
	if j.refused = list; list != "" {
		j.log.Warn("tracks can't be carried", "codecs", list)
	}
	if ts, _ := j.viewer.Stream().Tracks(); j.cur == nil && len(names) == len(ts.Media()) && len(names) > 0 {
		j.failed(hub.ErrNothingPlayable)
	}
}

// postpone waits longer each time for the disk to have room.
func (j *job) postpone(now time.Time) {
	j.retryIn = min(max(2*j.retryIn, firstRetry), lastRetry)
	j.retryAt = now.Add(j.retryIn)
}

// put writes the packet into a take.
func (j *job) put(t *take, p *media.Packet) {
	j.viewer.Sent(len(p.Payload))
	if err := t.write(p); err != nil {
		j.fail(t, err)
	}
}

// fail ends a take after an error; the next one waits until there is room.
func (j *job) fail(t *take, err error) {
	if t == j.cur {
		j.recorded += t.duration()
		j.cur = nil
	} else {
		j.prev = nil
	}
	j.postpone(time.Now())
	j.failed(err)
	j.close(t, err, err)
}

// end closes what is open.
func (j *job) end(reason error) {
	j.part()
	if j.cur != nil {
		j.recorded += j.cur.duration()
		j.close(j.cur, nil, reason)
		j.cur = nil
	}
}

// close finishes a take beside the job, which goes on with the next one: the
// disk may take its time to have it all.
func (j *job) close(t *take, failure, reason error) {
	j.closing.Wait()
	j.closing.Go(func() { j.closer.finish(t, failure, reason) })
}

// failed shows an error; nil takes it back.
func (j *job) failed(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.Error = ""
	if err != nil {
		j.status.Error = err.Error()
	}
}

// report renews what the API shows.
func (j *job) report() {
	s := Status{
		ID: j.id, Stream: j.Stream, Format: j.Format, State: "waiting", Started: j.started, Files: j.files, Gaps: j.gaps,
		Tracks: []hub.TrackInfo{},
	}
	if j.rule != nil {
		s.Rule = string(j.rule.Match)
	}
	if t := j.cur; t != nil {
		s.State, s.File, s.Bytes, s.Tracks = "recording", t.rec.File, t.mux.size(), hub.TrackInfos(t.tracks)
		s.Duration = seconds(t.duration())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Error = j.status.Error
	if s.Error != "" && j.cur == nil {
		s.State = "failed"
	}
	j.status = s
}

// Status returns what the API shows.
func (j *job) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}
