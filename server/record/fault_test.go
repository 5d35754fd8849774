package record

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sluice/protocols/container/flv"

	"sluice/server/hub"
)

// smallDisk has so much room left, for what muxers write.
type smallDisk struct{ room atomic.Int64 }

func (d *smallDisk) wrap(_ string, f file) file { return &diskFile{f, d} }

type diskFile struct {
	file
	disk *smallDisk
}

func (f *diskFile) Write(p []byte) (int, error) {
	left := f.disk.room.Add(-int64(len(p)))
	if left >= 0 {
		return f.file.Write(p)
	}
	f.disk.room.Store(0)
	n, err := f.file.Write(p[:max(0, int64(len(p))+left)])
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestAFullDiskEndsTheRecordAndNothingElse(t *testing.T) {
	for f := range forms {
		t.Run(string(f), func(t *testing.T) {
			disk := &smallDisk{}
			disk.room.Store(60<<10 + max(flvIndexRoom, segmentsRoom))
			run(t, rules(f), disk.wrap, func(t *testing.T, b *bench) {
				p := b.publish("live/a")
				b.play(p, made(0, 120*time.Second, h264Track, aacTrack))
				list := b.files(f)
				if len(list) != 1 || !strings.Contains(list[0].Reason, syscall.ENOSPC.Error()) || list[0].Duration < 3 {
					t.Fatalf("finished: %+v", list)
				}
				if n := b.log.count("level=ERROR"); n != 1 {
					t.Errorf("%d lines of error", n)
				}
				if jobs := b.svc.Jobs(); len(jobs) != 1 || jobs[0].State != "failed" || jobs[0].Error == "" {
					t.Errorf("running: %+v", jobs)
				}
				disk.room.Store(1 << 30)
				b.play(p, made(120*time.Second, 140*time.Second, h264Track, aacTrack))
				if jobs := b.svc.Jobs(); len(jobs) != 1 || jobs[0].State != "recording" || jobs[0].Error != "" {
					t.Errorf("running: %+v", jobs)
				}
				p.Close(nil)
				time.Sleep(20 * time.Second)
				if list = b.files(f); len(list) != 2 || list[1].Duration < 15 {
					t.Errorf("finished: %+v", list)
				}
				b.checkNothingIsLeft(t)
			})
		})
	}
}

// checkNothingIsLeft looks for unfinished files and entries.
func (b *bench) checkNothingIsLeft(t *testing.T) {
	t.Helper()
	known := make(map[string]bool)
	for _, r := range b.svc.Records() {
		known[r.File] = true
	}
	if n := len(b.svc.ledger.list(StateRecording)); n > 0 {
		t.Errorf("%d records are unfinished", n)
	}
	_ = filepath.WalkDir(b.dir, func(name string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(b.dir, name)
		if err != nil || rel == ledgerDir {
			return fs.SkipDir
		}
		if known[rel] && e.IsDir() {
			return fs.SkipDir
		}
		if !e.IsDir() && !known[rel] {
			t.Errorf("%s is left", rel)
		}
		return nil
	})
}

// slowFile takes half a minute for one write.
type slowFile struct {
	file
	slow *atomic.Bool
}

func (f slowFile) Write(p []byte) (int, error) {
	if f.slow.CompareAndSwap(true, false) {
		time.Sleep(30 * time.Second)
	}
	return f.file.Write(p)
}

func TestASlowDiskCostsTheRecordAGap(t *testing.T) {
	var slow atomic.Bool
	wrap := func(_ string, f file) file { return slowFile{f, &slow} }
	run(t, rules(FLV), wrap, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		begin := time.Now()
		b.play(p, made(0, 5*time.Second, h264Track, aacTrack))
		slow.Store(true)
		b.play(p, made(5*time.Second, 60*time.Second, h264Track, aacTrack))
		if d := time.Since(begin); d > 66*time.Second {
			t.Errorf("the publisher took %v", d)
		}
		p.Close(nil)
		time.Sleep(20 * time.Second)
		list := b.files(FLV)
		if len(list) != 1 || list[0].Gaps != 1 || math.Abs(list[0].Duration-65) > 0.2 {
			t.Fatalf("finished: %+v", list)
		}
		if n := b.log.count("falls behind"); n != 1 {
			t.Errorf("%d lines of falling behind", n)
		}
		f, err := os.Open(b.playable(list[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		x, err := flv.Survey(f, list[0].Size)
		if err != nil {
			t.Fatal(err)
		}
		var longest time.Duration
		for i := range x.Keys[1:] {
			longest = max(longest, x.Keys[i+1].Time-x.Keys[i].Time)
		}
		if longest < 15*time.Second || longest > 31*time.Second {
			t.Errorf("the gap is %v", longest)
		}
	})
}

// TestACrashLeavesWhatWasWritten takes the folder as it is at some moment, as a
// kill does, cuts the files further, and has the next start make them whole.
func TestACrashLeavesWhatWasWritten(t *testing.T) {
	source, packets := encoded(t, "6")
	pictures := decoded(t, "v", source)
	killed := t.TempDir()
	run(t, rules(FLV, MPEGTS, FMP4, HLS), nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, packets)
		synctest.Wait()
		if err := os.CopyFS(killed, os.DirFS(b.dir)); err != nil {
			t.Fatal(err)
		}
		p.Close(nil)
	})
	for _, cut := range []int64{1, 40000} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(killed)); err != nil {
			t.Fatal(err)
		}
		parts := cutParts(t, dir, cut)
		if len(parts) != 4 {
			t.Fatalf("unfinished are %v", parts)
		}
		cfg := DefaultConfig()
		cfg.Dir = dir
		var b *bench
		run(t, cfg, nil, func(t *testing.T, in *bench) {
			b = in
			synctest.Wait()
			b.checkNothingIsLeft(t)
		})
		for f := range forms {
			list := b.files(f)
			if len(list) != 1 || list[0].Reason != errRecovered.Error() {
				t.Fatalf("cut by %d: %s: %+v", cut, f, list)
			}
			r := list[0]
			got := decoded(t, "v", b.playable(r))
			// The last picture of a cut transport stream may be in pieces.
			whole := len(got) - 3
			least := 95
			if f == FMP4 {
				least = 45 // it costs the group of pictures that was cut, and the one that was not written
			}
			if whole < 10 || cut < 2000 && len(got) < least {
				t.Errorf("cut by %d: %s has %d pictures", cut, f, len(got))
				continue
			}
			for i := range whole {
				if got[i] != pictures[i] {
					t.Errorf("cut by %d: %s: picture %d is another", cut, f, i)
					break
				}
			}
			if math.Abs(r.Duration-float64(len(got))/25) > 0.15 {
				t.Errorf("cut by %d: %s: %v s with %d pictures", cut, f, r.Duration, len(got))
			}
			if cut > 1 {
				b.checkDuration(t, r)
			}
		}
	}
}

// syncedFile counts how often the disk is waited for.
type syncedFile struct {
	file
	n *atomic.Int64
}

func (f syncedFile) Sync() error {
	f.n.Add(1)
	return f.file.Sync()
}

// TestSyncEvery: the disk is waited for as often as told, and at the end.
func TestSyncEvery(t *testing.T) {
	for every, want := range map[time.Duration]int64{0: 1, 2 * time.Second: 5} {
		cfg := rules(FMP4)
		cfg.SyncEvery = every
		var n atomic.Int64
		run(t, cfg, func(_ string, f file) file { return syncedFile{f, &n} }, func(_ *testing.T, b *bench) {
			p := b.publish("live/a")
			b.play(p, made(0, 9*time.Second, h264Track, aacTrack))
			p.Close(nil)
			time.Sleep(900 * time.Millisecond)
		})
		if got := n.Load(); got < want || got > want+1 {
			t.Errorf("every %v: %d times, want %d", every, got, want)
		}
	}
}

// TestTwoOfOneName: records whose templates give the same name at the same moment
// get different ones, and each has all of its stream.
func TestTwoOfOneName(t *testing.T) {
	cfg := rules(FMP4, HLS)
	cfg.Path = "same"
	cfg.Rules[0].SegmentDuration = 2 * time.Second
	for _, match := range []hub.Pattern{"*", "*/*"} {
		r := cfg.Rules[0]
		r.Match = match
		cfg.Rules = append(cfg.Rules, r)
	}
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		for _, name := range []string{"live/a", "live/A"} {
			p := b.publish(name)
			b.play(p, made(0, 5*time.Second, h264Track, aacTrack))
			p.Close(nil)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := b.log.count("level=ERROR"); n > 0 {
			t.Errorf("%d errors", n)
		}
		names := map[string]bool{}
		length := map[string]float64{}
		for _, r := range b.svc.Records() {
			if names[r.File] {
				t.Errorf("%s is there twice", r.File)
			}
			names[r.File] = true
			length[r.Stream+" "+r.Rule+" "+string(r.Format)] += r.Duration
		}
		if len(length) != 12 {
			t.Errorf("recorded are %v", length)
		}
		for job, d := range length {
			if math.Abs(d-5) > 0.1 {
				t.Errorf("%s has %v s", job, d)
			}
		}
	})
}

// TestAFolderRemoved: what is written where nobody can find it any more ends within
// a second, and the next file begins in a folder made anew.
func TestAFolderRemoved(t *testing.T) {
	for _, whole := range []bool{false, true} {
		run(t, rules(FLV, MPEGTS, FMP4, HLS), nil, func(t *testing.T, b *bench) {
			p := b.publish("live/a")
			defer p.Close(nil)
			b.play(p, made(0, 5*time.Second, h264Track, aacTrack))
			synctest.Wait()
			gone := filepath.Join(b.dir, "live")
			if whole {
				gone = b.dir
			}
			if err := os.RemoveAll(gone); err != nil {
				t.Fatal(err)
			}
			b.play(p, made(5*time.Second, 15*time.Second, h264Track, aacTrack))
			p.Close(nil)
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := b.log.count("record lost", errRemoved.Error()); n != 4 {
				t.Errorf("%d records were lost", n)
			}
			for f := range forms {
				list := b.files(f)
				if len(list) != 1 || list[0].Duration < 5 {
					t.Fatalf("%s: %+v", f, list)
				}
				if _, err := os.Stat(b.playable(list[0])); err != nil {
					t.Error(err)
				}
			}
			b.checkNothingIsLeft(t)
		})
	}
}

// cutParts takes so much off the end of each unfinished file.
func cutParts(t *testing.T, dir string, cut int64) (parts []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, partSuffix) {
			parts = append(parts, name)
			if e.IsDir() {
				all, _ := filepath.Glob(filepath.Join(name, "*.ts"))
				name = all[len(all)-1]
			}
			st, err := os.Stat(name)
			if err != nil {
				return err
			}
			return os.Truncate(name, max(0, st.Size()-cut))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// TestACrashInTheWrongMoment: the ledger and the folder may differ by one step.
func TestACrashInTheWrongMoment(t *testing.T) {
	dir := t.TempDir()
	cfg := rules(FLV)
	cfg.Dir = dir
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, made(0, 3*time.Second, h264Track, aacTrack))
		p.Close(nil)
	})
	var b *bench
	entry := func(change func(r *Record)) {
		r := b.svc.Records()[0]
		change(&r)
		store := &storage{dir: dir}
		defer store.close()
		if err := newLedger(store).put(r); err != nil {
			t.Fatal(err)
		}
	}
	restart := func() {
		run(t, cfg, nil, func(_ *testing.T, in *bench) {
			b = in
			synctest.Wait()
		})
	}
	restart()
	// Renamed, and the ledger does not know.
	entry(func(r *Record) { r.State = StateRecording })
	restart()
	if list := b.files(FLV); len(list) != 1 || math.Abs(list[0].Duration-3) > 0.1 {
		t.Fatalf("after the rename: %+v", list)
	}
	// In the ledger, and nothing there yet.
	entry(func(r *Record) { r.ID, r.File, r.State = "OTHER", "live/a/other.flv", StateRecording })
	restart()
	if list := b.files(FLV); len(list) != 1 || len(b.svc.ledger.list(StateRecording)) != 0 {
		t.Fatalf("before the file: %+v", list)
	}
	// A file with nothing in it.
	entry(func(r *Record) { r.ID, r.File, r.State = "EMPTY", "live/a/empty.flv", StateRecording })
	if err := os.WriteFile(filepath.Join(dir, "live/a/empty.flv.part"), []byte("FLV"), 0o600); err != nil {
		t.Fatal(err)
	}
	restart()
	b.checkNothingIsLeft(t)
	// Entries that are damaged, or lie, are left alone and named.
	bad := map[string]string{
		"a.json": "{", "b.json": `{"id":"b","format":"flv","file":"../../etc/passwd.flv","state":"finished"}`,
		"c.json": `{"id":"x","format":"flv","file":"live/c.flv","state":"finished"}`,
	}
	for _, name := range []string{"A.json.tmp", "PROBE.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, ledgerDir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range bad {
		if err := os.WriteFile(filepath.Join(dir, ledgerDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	if len(b.svc.Records()) != 1 || b.log.count("ledger", "a.json") == 0 {
		t.Errorf("with bad entries: %+v", b.svc.Records())
	}
	if entries, err := os.ReadDir(filepath.Join(dir, ledgerDir)); err != nil || len(entries) != 1+len(bad) {
		t.Errorf("the ledger has %v, %v", entries, err)
	}
}

func TestRetention(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	rec := func(id, rule string, hours int, size int64) Record {
		return Record{ID: id, Rule: rule, Start: now.Add(time.Duration(-hours) * time.Hour), Duration: 60, Size: size, File: id}
	}
	finished := []Record{rec("1", "a/*", 50, 10), rec("2", "b/*", 40, 10), rec("3", "a/*", 30, 10), rec("4", "", 20, 10), rec("5", "a/*", 10, 10)}
	running := []Record{rec("6", "a/*", 1, 0)}
	for _, c := range []struct {
		name string
		cfg  Config
		size int64 // of what is being written
		want string
	}{
		{"no bounds", Config{Rules: []Rule{{Match: "a/*"}}}, 1 << 40, ""},
		{"age of all", Config{Keep: 35 * time.Hour}, 0, "12"},
		{"age by a rule", Config{Rules: []Rule{{Match: "a/*", Keep: 35 * time.Hour}}}, 0, "1"},
		{"size of all", Config{KeepBytes: 25}, 0, "123"},
		{"size by a rule", Config{Rules: []Rule{{Match: "a/*", KeepBytes: 20}}}, 0, "1"},
		{"what is written counts", Config{Rules: []Rule{{Match: "a/*", KeepBytes: 20}}}, 5, "13"},
		{"never what is written", Config{KeepBytes: 1}, 100, "12345"},
		{"both", Config{KeepBytes: 40, Rules: []Rule{{Match: "a/*", Keep: 35 * time.Hour}}}, 0, "1"},
		{"age counts from the end", Config{Keep: 50 * time.Hour}, 0, ""},
	} {
		got := ""
		for _, r := range expired(c.cfg, finished, running, map[string]int64{"6": c.size}, now) {
			got += r.ID
		}
		if got != c.want {
			t.Errorf("%s: %q goes, want %q", c.name, got, c.want)
		}
	}
}

func TestOnlyOwnFilesAreDeleted(t *testing.T) {
	cfg := rules(FLV, HLS)
	cfg.Rules[0].SegmentDuration = 10 * time.Second
	cfg.Rules[0].Keep = time.Minute
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, made(0, 31*time.Second, h264Track, aacTrack))
		foreign := filepath.Join(b.dir, "live", "a", "20000101-000000.mp4")
		if err := os.WriteFile(foreign, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if n := len(b.svc.Records()); n != 6 {
			t.Fatalf("%d records", n)
		}
		b.play(p, made(31*time.Second, 45*time.Second, h264Track, aacTrack))
		time.Sleep(time.Second)
		for _, r := range b.svc.Records() {
			if age := time.Since(r.Start); age > 2*time.Minute+15*time.Second {
				t.Errorf("%s is %v old", r.File, age)
			}
		}
		p.Close(nil)
		time.Sleep(5 * time.Minute)
		if list := b.svc.Records(); len(list) != 0 {
			t.Errorf("left are %+v", list)
		}
		if _, err := os.Stat(foreign); err != nil {
			t.Error(err)
		}
		if err := os.Remove(foreign); err != nil {
			t.Fatal(err)
		}
		b.checkNothingIsLeft(t)
		if entries, err := os.ReadDir(filepath.Join(b.dir, ledgerDir)); err != nil || len(entries) != 0 {
			t.Errorf("the ledger has %v, %v", entries, err)
		}
	})
}
