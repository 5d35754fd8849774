package record

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/server/hub"
)

// Service is the running recorder.
type Service struct {
	hub    *hub.Hub
	log    *slog.Logger
	closer closer
	store  *storage
	ledger *ledger

	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
	poke    chan struct{} // capacity 1; retention looks again

	mu   sync.Mutex
	cfg  Config
	jobs map[string]*job // by ID
	// held are the jobs of rules that an operator has stopped: they stay so
	// until the publisher has left.
	held map[ruleKey]bool
}

// ruleKey is what a rule asks for one stream.
type ruleKey struct {
	match  hub.Pattern
	stream string
	format Format
}

// follows reports whether the job is what a rule asks for its stream.
func (j *job) follows(r Rule) bool {
	o := j.rule
	return r.Match == o.Match && r.Path == o.Path && r.SegmentDuration == o.SegmentDuration && r.SegmentSize == o.SegmentSize &&
		slices.Contains(r.Formats, j.Format)
}

func (j *job) key() ruleKey { return ruleKey{match: j.rule.Match, stream: j.Stream, format: j.Format} }

// retainEvery is how often retention looks, unless it is told to.
const retainEvery = time.Minute

// Start starts the recorder. With rules the folder must be one that can be
// made; without, it is made with the first record. What a crash has left
// unfinished is recovered in the background.
func Start(cfg Config, h *hub.Hub, log *slog.Logger) (*Service, error) {
	return start(cfg, h, log, &storage{dir: cfg.Dir})
}

func start(cfg Config, h *hub.Hub, log *slog.Logger, store *storage) (*Service, error) {
	s := &Service{
		hub: h, log: log, store: store, ledger: newLedger(store), cfg: cfg, poke: make(chan struct{}, 1),
		jobs: make(map[string]*job), held: make(map[ruleKey]bool),
	}
	s.closer = closer{store: store, ledger: s.ledger, log: log}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if len(cfg.Rules) > 0 {
		if _, err := store.open(); err != nil {
			return nil, err
		}
	}
	if store.exists() {
		if err := s.ledger.load(); err != nil {
			log.Warn("record ledger can't be read whole", "error", err)
		}
	}
	unfinished := s.ledger.list(StateRecording)
	s.running.Go(func() { s.recover(unfinished) })
	s.running.Go(s.watch)
	s.running.Go(s.retain)
	return s, nil
}

// Stop finishes all records.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock() // no job begins between this and the wait for all
	s.cancel(ErrClosing)
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Wait()
		s.store.close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the disk does not take the end of the records: %w", context.Cause(ctx))
	}
}

// Dir returns the record folder.
func (s *Service) Dir() string { return s.store.dir }

// SetConfig changes all but the folder. Records of rules that are as before
// go on.
func (s *Service) SetConfig(cfg Config) {
	s.mu.Lock()
	s.cfg = cfg
	var over []*job
	for _, j := range s.jobs {
		if j.rule != nil && !slices.ContainsFunc(cfg.Rules, j.follows) {
			over = append(over, j)
		}
	}
	s.mu.Unlock()
	for _, j := range over {
		j.cancel(ErrClosing)
	}
	for _, st := range s.hub.Streams() {
		s.apply(st.Name())
	}
	s.lookAtAges()
}

// watch starts the jobs that the rules ask for.
func (s *Service) watch() {
	w := s.hub.Watch()
	defer w.Close()
	for {
		names, err := w.Next(s.ctx)
		if err != nil {
			return
		}
		for _, name := range names {
			s.apply(name)
		}
	}
}

// apply starts what the rules ask for a stream and is not there.
func (s *Service) apply(name string) {
	st := s.hub.Find(name)
	if st == nil || st.Publisher() == nil {
		s.release(name)
		return
	}
	s.mu.Lock()
	var errs []error
	for i := range s.cfg.Rules {
		r := &s.cfg.Rules[i]
		if !r.Match.Match(name) {
			continue
		}
		for _, f := range r.Formats {
			errs = append(errs, s.startRule(r, f, name))
		}
	}
	s.mu.Unlock()
	if err := errors.Join(errs...); err != nil && s.ctx.Err() == nil {
		s.log.Error("record can't begin", "stream", name, "error", err)
	}
}

// release lets the rules have a stream again whose publisher has left.
func (s *Service) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.held {
		if k.stream == name {
			delete(s.held, k)
		}
	}
}

// startRule starts a rule's job unless it runs. s.mu is held.
func (s *Service) startRule(r *Rule, f Format, name string) error {
	key := ruleKey{match: r.Match, stream: name, format: f}
	if s.held[key] {
		return nil
	}
	for _, j := range s.jobs {
		if j.rule != nil && j.key() == key {
			return nil
		}
	}
	rule := *r
	_, err := s.launch(Order{
		Stream: name, Format: f, Path: r.Path, SegmentDuration: r.SegmentDuration, SegmentSize: r.SegmentSize,
	}, &rule)
	return err
}

// launch starts a job. s.mu is held.
func (s *Service) launch(o Order, rule *Rule) (*job, error) {
	if s.ctx.Err() != nil {
		return nil, ErrClosing
	}
	if o.Path == "" {
		o.Path = s.cfg.Path
	}
	template, err := ParseTemplate(o.Path)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	j := &job{
		Order: o, id: rand.Text()[:16], rule: rule, template: template, hub: s.hub, closer: s.closer, started: time.Now(),
		closeAfter: s.cfg.CloseAfter, syncEvery: s.cfg.SyncEvery,
	}
	j.log = s.log.With("stream", o.Stream, "format", o.Format)
	ctx, cancel := context.WithCancelCause(s.ctx)
	j.cancel = cancel
	j.report()
	s.jobs[j.id] = j
	s.running.Go(func() {
		err := j.run(ctx)
		cancel(err)
		s.ended(j, err)
	})
	return j, nil
}

// ended forgets a job, and looks whether its publisher has come back just then.
func (s *Service) ended(j *job, why error) {
	s.mu.Lock()
	delete(s.jobs, j.id)
	if j.rule != nil && (errors.Is(why, ErrStopped) || errors.Is(why, hub.ErrKicked)) {
		s.held[j.key()] = true
	}
	s.mu.Unlock()
	s.lookAtAges()
	switch {
	case errors.Is(why, errPublisherLeft), errors.Is(why, ErrClosing):
		s.apply(j.Stream)
	case !errors.Is(why, ErrStopped) && !errors.Is(why, ErrLimit) && !errors.Is(why, hub.ErrShutdown):
		j.log.Warn("recorder ended", "error", why)
	}
}

// Record starts a job by request. It waits for a publisher if there is none. The
// errors are those of the order.
func (s *Service) Record(o Order) (Status, error) {
	name, err := hub.ParseName(o.Stream)
	if err != nil {
		return Status{}, err
	}
	o.Stream = name
	if err := o.Format.check(); err != nil {
		return Status{}, fmt.Errorf("format: %w", err)
	}
	if err := checkSegments(o.SegmentDuration, o.SegmentSize); err != nil {
		return Status{}, err
	}
	if o.Duration < 0 {
		return Status{}, errors.New("duration can't be negative")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.launch(o, nil)
	if err != nil {
		return Status{}, err
	}
	return j.Status(), nil
}

// End stops a running job; it reports false where there is none of this ID. One
// of a rule begins again when its publisher has left and come back.
func (s *Service) End(id string) bool {
	s.mu.Lock()
	j := s.jobs[id]
	s.mu.Unlock()
	if j == nil {
		return false
	}
	j.cancel(ErrStopped)
	return true
}

// Jobs returns the running jobs, the oldest first.
func (s *Service) Jobs() []Status {
	s.mu.Lock()
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	s.mu.Unlock()
	list := make([]Status, 0, len(jobs))
	for _, j := range jobs {
		list = append(list, j.Status())
	}
	slices.SortFunc(list, func(a, b Status) int {
		if c := a.Started.Compare(b.Started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// Records returns the finished records, the oldest first.
func (s *Service) Records() []Record { return s.ledger.list(StateFinished) }

// recover makes whole what a crash has left.
func (s *Service) recover(list []Record) {
	for _, rec := range list {
		if s.ctx.Err() != nil {
			return
		}
		s.closer.recover(rec)
	}
	s.lookAtAges()
}
