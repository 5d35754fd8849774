package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/server/hub"
)

// ledgerDir holds the ledger, below the record folder. A template can't reach
// it: no segment of a path begins with a dot.
const ledgerDir = ".sluice"

// State says how far a record is.
type State string

// The states of a record.
const (
	StateRecording State = "recording"
	StateFinished  State = "finished"
)

// Record is one file, or for HLS one folder, that the recorder has made.
type Record struct {
	ID     string `json:"id"`
	Stream string `json:"stream"`
	Format Format `json:"format"`
	// Rule is the pattern of the rule that made it; empty for a request's.
	Rule string `json:"rule,omitempty"`
	// File is the path below the record folder, with slashes.
	File  string    `json:"file"`
	State State     `json:"state"`
	Start time.Time `json:"start_time"`
	// Duration is in seconds, Size in bytes.
	Duration float64 `json:"duration"`
	Size     int64   `json:"size"`
	// Gaps counts where the disk was too slow and pictures are missing.
	Gaps   int             `json:"gaps,omitempty"`
	Tracks []hub.TrackInfo `json:"tracks"`
	// Reason is why the record ended.
	Reason string `json:"reason,omitempty"`
}

// seconds returns d in seconds, to the millisecond.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// ledger knows the records, on disk and in memory.
type ledger struct {
	store *storage

	mu      sync.Mutex
	records map[string]*Record // by ID; never changed in place
	files   map[string]*Record // the finished ones by File
	unsaved map[string]bool
}

func newLedger(store *storage) *ledger {
	return &ledger{
		store: store, records: make(map[string]*Record), files: make(map[string]*Record), unsaved: make(map[string]bool),
	}
}

// maxEntry bounds an entry of the ledger on disk, in bytes.
const maxEntry = 64 << 10

// load reads the ledger from disk. Entries that can't be read are named in the
// error and left where they are.
func (l *ledger) load() error {
	root, err := l.store.open()
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(root.FS(), ledgerDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		name := path.Join(ledgerDir, e.Name())
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			if strings.HasSuffix(e.Name(), tmpSuffix) {
				_ = root.Remove(name) // of a write that was cut
			}
			continue
		}
		st, err := e.Info()
		if err == nil && (!st.Mode().IsRegular() || st.Size() > maxEntry) {
			err = errors.New("not an entry")
		}
		var text []byte
		if err == nil {
			text, err = root.ReadFile(name)
		}
		var r Record
		if err == nil {
			r, err = parseRecord(text)
		}
		if err == nil && r.ID != id {
			err = errors.New("it has another record's id")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		l.mu.Lock()
		l.set(&r)
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (l *ledger) set(r *Record) {
	l.records[r.ID] = r
	if r.State == StateFinished {
		l.files[r.File] = r
	}
}

// parseRecord reads an entry and checks what the recorder relies on.
func parseRecord(text []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return r, err
	}
	if err := r.Format.check(); err != nil {
		return r, err
	}
	if err := checkPath(r.File); err != nil {
		return r, err
	}
	if !strings.HasSuffix(r.File, r.Format.ext()) {
		return r, fmt.Errorf("%s is no file of format %s", r.File, r.Format)
	}
	if r.ID == "" || r.State != StateRecording && r.State != StateFinished || r.Size < 0 || r.Duration < 0 {
		return r, errors.New("the entry is damaged")
	}
	return r, nil
}

// put keeps a record. Where it can't be saved the memory has it, and save tries
// again.
func (l *ledger) put(r Record) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = l.write(r.ID, text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(&r)
	if err != nil {
		l.unsaved[r.ID] = true
		return fmt.Errorf("ledger: %w", err)
	}
	delete(l.unsaved, r.ID)
	return nil
}

func (l *ledger) write(id string, text []byte) error {
	root, err := l.store.open()
	if err != nil {
		return err
	}
	if err := root.MkdirAll(ledgerDir, 0o755); err != nil {
		return err
	}
	return l.store.write(path.Join(ledgerDir, id+".json"), text)
}

// save writes again what could not be written.
func (l *ledger) save() {
	l.mu.Lock()
	var list []Record
	for id := range l.unsaved {
		if r := l.records[id]; r != nil {
			list = append(list, *r)
		}
	}
	l.mu.Unlock()
	for _, r := range list {
		_ = l.put(r) // the next time, then
	}
}

// forget takes a record out of the ledger.
func (l *ledger) forget(id string) {
	l.mu.Lock()
	if r := l.records[id]; r != nil && l.files[r.File] == r {
		delete(l.files, r.File)
	}
	delete(l.records, id)
	delete(l.unsaved, id)
	l.mu.Unlock()
	if root, err := l.store.open(); err == nil {
		_ = root.Remove(path.Join(ledgerDir, id+".json")) // what stays names a file that is gone
	}
}

func (l *ledger) get(id string) (Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.records[id]
	if r == nil {
		return Record{}, false
	}
	return *r, true
}

// list returns the records in a state, the oldest first.
func (l *ledger) list(state State) []Record {
	l.mu.Lock()
	list := make([]Record, 0, len(l.records))
	for _, r := range l.records {
		if r.State == state {
			list = append(list, *r)
		}
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b Record) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// at returns the finished record whose file the path names, and what the path
// says beyond it: a file in the record's folder.
func (l *ledger) at(name string) (r Record, rest string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.files[name]; c != nil && !c.Format.folder() {
		return *c, "", true
	}
	dir, base := path.Split(name)
	if c := l.files[strings.TrimSuffix(dir, "/")]; c != nil && c.Format.folder() {
		return *c, base, true
	}
	return Record{}, "", false
}
