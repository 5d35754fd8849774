package record

import "time"

// lookAtAges makes retention look at once.
func (s *Service) lookAtAges() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// retain deletes what is too old or too much, now and then.
func (s *Service) retain() {
	ticks := time.NewTicker(retainEvery)
	defer ticks.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.poke:
		case <-ticks.C:
		}
		s.ledger.save()
		s.mu.Lock()
		cfg := s.cfg
		s.mu.Unlock()
		for _, r := range expired(cfg, s.ledger.list(StateFinished), s.ledger.list(StateRecording), s.sizes(), time.Now()) {
			s.Delete(r.ID)
		}
	}
}

// sizes are what the running takes have written, by file.
func (s *Service) sizes() map[string]int64 {
	m := make(map[string]int64)
	for _, j := range s.Jobs() {
		m[j.File] = j.Bytes
	}
	return m
}

// Delete removes a finished record; it reports false where there is none of this
// ID.
func (s *Service) Delete(id string) bool {
	r, ok := s.ledger.get(id)
	if !ok || r.State != StateFinished {
		return false
	}
	if err := s.store.remove(r.File); err != nil {
		s.log.Error("record can't be deleted", "file", r.File, "error", err)
		return true
	}
	s.ledger.forget(id)
	s.log.Info("record deleted", "stream", r.Stream, "file", r.File, "bytes", r.Size)
	return true
}

// expired returns the finished records to delete: those that are older than their
// rule or the whole allows, and then the oldest, until what is left, together with
// what is being written, is not too much.
func expired(cfg Config, finished, running []Record, sizes map[string]int64, now time.Time) (list []Record) {
	gone := make(map[string]bool)
	limit := func(keep time.Duration, most Bytes, ours func(Record) bool) {
		var total int64
		for _, r := range running {
			if ours(r) {
				total += sizes[r.File]
			}
		}
		for _, r := range finished {
			if ours(r) && !gone[r.ID] {
				total += r.Size
			}
		}
		for _, r := range finished {
			if !ours(r) || gone[r.ID] {
				continue
			}
			end := r.Start.Add(time.Duration(r.Duration * float64(time.Second)))
			old := keep > 0 && now.Sub(end) > keep
			if old || most > 0 && total > int64(most) {
				gone[r.ID] = true
				total -= r.Size
				list = append(list, r)
			}
		}
	}
	for _, rule := range cfg.Rules {
		limit(rule.Keep, rule.KeepBytes, func(r Record) bool { return r.Rule == string(rule.Match) })
	}
	limit(cfg.Keep, cfg.KeepBytes, func(Record) bool { return true })
	return list
}
