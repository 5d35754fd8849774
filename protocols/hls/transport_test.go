package hls

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/server/media"
)

func testTransport(r *record, st store) *transport {
	return newTransport("life", timing{2 * time.Second, 10 * time.Second, 0}, shelfLimits{segments: 4, bytes: 64 << 20}, r, st)
}

// TestTransportRules plays streams past the validator.
func TestTransportRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		source source
		target int
	}{
		{"25 fps", source{video: avc, audio: stereo, frame: 40 * ms, group: 50}, 2},
		{"sound late", source{video: avc, audio: stereo, frame: 40 * ms, group: 50, late: 300 * ms}, 2},
		{"sound early", source{video: avc, audio: stereo, frame: 40 * ms, group: 50, late: -600 * ms}, 2},
		{"long groups", source{video: avc, audio: stereo, frame: 40 * ms, group: 150}, 6},
		{"endless groups", source{video: avc, frame: 40 * ms, group: 1 << 20}, 10},
		{"sound alone", source{audio: stereo}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := testTransport(&record{}, nil)
			w := watch(t, &x.scene)
			c.source.play(t, x, 35*time.Second, w.look)
			l := w.last(livePlaylist)
			if l.target != c.target || l.independent != (c.source.group < 1<<20) {
				t.Errorf("target %d, independent %v", l.target, l.independent)
			}
			for _, s := range l.segments {
				b := x.scene.view.Load().file(s.uri).data
				if len(b)%mpegts.PacketSize != 0 || b[0] != 0x47 || b[1]&0x1f != 0 || b[2] != 0 {
					t.Errorf("%s does not begin with a PAT", s.uri)
				}
			}
		})
	}
}

// TestShortTail: what is left of a segment before a break is listed with the one
// after it, or at the end.
func TestShortTail(t *testing.T) {
	x := testTransport(&record{}, nil)
	w := watch(t, &x.scene)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, x, 6*time.Second+400*ms, w.look)
	if err := x.leave(); err != nil {
		t.Fatal(err)
	}
	w.look()
	if n := len(w.last(livePlaylist).segments); n != 3 {
		t.Errorf("%d segments", n)
	}
	s.again()
	s.play(t, x, 2*time.Second+100*ms, w.look)
	l := w.last(livePlaylist)
	if l.discontinuities+uint64(len(l.segments))+l.sequence != 5 || l.segments[2].duration > 0.5 || !l.segments[3].discontinuity {
		t.Errorf("%s", l.text)
	}
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	w.look()
	if l := w.last(livePlaylist); l.sequence+uint64(len(l.segments)) != 6 || !l.end {
		t.Errorf("%s", l.text)
	}
}

func TestTransportComesBack(t *testing.T) {
	x := testTransport(&record{}, nil)
	w := watch(t, &x.scene)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	for _, video := range []*media.Track{avc, avc, other} {
		s.video = video
		s.play(t, x, 7*time.Second, w.look)
		if err := x.leave(); err != nil {
			t.Fatal(err)
		}
		w.look()
		s.again()
	}
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	w.look()
	l := w.last(livePlaylist)
	if !l.end || l.discontinuities+uint64(strings.Count(l.text, "DISCONTINUITY\n")) != 2 {
		t.Errorf("%s", l.text)
	}
	p := parsePlaylist(t, join(x.record.snap.Load().pieces()))
	if !p.end || p.sequence != 0 || len(p.segments) != 12 || strings.Count(p.text, "DISCONTINUITY\n") != 2 || !strings.Contains(p.text, "PLAYLIST-TYPE:VOD") {
		t.Errorf("%s", p.text)
	}
}

func join(pieces [][]byte) string {
	var b strings.Builder
	for _, p := range pieces {
		b.Write(p)
	}
	return b.String()
}

// TestRecordInMemory: one that is full loses its oldest segments, and says so.
func TestRecordInMemory(t *testing.T) {
	x := testTransport(&record{limit: 300_000}, nil)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, x, 60*time.Second, nil)
	p := parsePlaylist(t, join(x.record.snap.Load().pieces()))
	if p.sequence == 0 || len(p.segments) < minListed || strings.Contains(p.text, "PLAYLIST-TYPE") {
		t.Errorf("%s", p.text)
	}
	files := 0
	x.record.files.Range(func(any, any) bool { files++; return true })
	if files != len(p.segments) || x.record.size > 300_000 {
		t.Errorf("%d files for %d segments, %d bytes", files, len(p.segments), x.record.size)
	}
	for _, seg := range p.segments {
		if x.scene.view.Load().file(seg.uri) == nil {
			t.Errorf("%s is listed and gone", seg.uri)
		}
	}
}

// TestRecordForLong: what a record in memory holds does not grow with the time
// that its stream is live.
func TestRecordForLong(t *testing.T) {
	r := &record{limit: 10}
	for i := range 1000 {
		r.add(&segment{file: file{name: strconv.Itoa(i) + ".ts", data: make([]byte, 2)}, duration: time.Second})
	}
	r.publish()
	if len(r.text) > 1000 {
		t.Errorf("%d bytes of entries for %d segments", len(r.text), len(r.list))
	}
	want := ""
	for i := 995; i < 1000; i++ {
		want += fmt.Sprintf("#EXTINF:1.0,\n%d.ts\n", i)
	}
	if got := string(r.snap.Load().entries); got != want {
		t.Errorf("entries %q, want %q", got, want)
	}
}

// TestDisk: at any time the playlists on disk list what is there. Another life
// leaves the record of the one before alone.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	check := func(name string, end bool) *listed {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		p := parsePlaylist(t, string(text))
		for _, s := range p.segments {
			if st, err := os.Stat(filepath.Join(dir, s.uri)); err != nil || st.Size() == 0 {
				t.Errorf("%s: %v", s.uri, err)
			}
		}
		if p.end != end {
			t.Errorf("%s: ended %v", name, p.end)
		}
		return p
	}
	f := &folder{dir}
	if err := f.open("life", true, nil); err != nil {
		t.Fatal(err)
	}
	x := testTransport(&record{}, f)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, x, 3*time.Second, nil)
	s.play(t, x, 20*time.Second, func() {
		check(diskPlaylist, false)
		if p := check(recordPlaylist, false); p.sequence != 0 || !strings.Contains(p.text, "PLAYLIST-TYPE:EVENT") {
			t.Errorf("%s", p.text)
		}
	})
	// The process is killed here. Another one begins.
	if err := finishRecords(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	check(recordPlaylist, true)
	if err := f.open("next", false, []string{"life"}); err != nil {
		t.Fatal(err)
	}
	if p := check("record-life.m3u8", true); len(p.segments) < 10 {
		t.Errorf("%s", p.text)
	}
	y := newTransport("next", x.timing, shelfLimits{segments: 4, bytes: 1 << 20}, &record{}, f)
	s = source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, y, 5*time.Second, nil)
	if err := y.end(); err != nil {
		t.Fatal(err)
	}
	check("record-life.m3u8", true)
	check(recordPlaylist, true)
	if _, err := os.Stat(filepath.Join(dir, "next.transient")); err != nil {
		t.Error(err)
	}
	// That one was killed too. What it left is not to be kept; the rest is.
	if err := f.open("third", true, nil); err != nil {
		t.Fatal(err)
	}
	check("record-life.m3u8", true)
	for _, gone := range []string{"next-0.ts", recordPlaylist, diskPlaylist, "next.transient"} {
		if _, err := os.Stat(filepath.Join(dir, gone)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	f.clear("life")
	f.remove("record-life.m3u8")
	f.clear("third")
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty folder: %v", err)
	}
}

// fullDisk refuses segments while full is set.
type fullDisk struct {
	full    bool
	written map[string]int
}

var errFull = errors.New("no space left on device")

func (d *fullDisk) segment(name string, data []byte) (string, error) {
	if d.full {
		return "", errFull
	}
	d.written[name] = len(data)
	return "/" + name, nil
}
func (*fullDisk) playlist(string, ...[]byte) error { return nil }
func (*fullDisk) remove(string)                    {}

// TestFullDisk: the live playlist goes on, and the record has a gap.
func TestFullDisk(t *testing.T) {
	d := &fullDisk{written: map[string]int{}}
	x := testTransport(&record{}, d)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, x, 7*time.Second, nil)
	d.full = true
	failed := 0
	for end := s.at + 6*time.Second; s.at < end; {
		ts, p := s.next()
		if err := x.packet(ts, p); errors.Is(err, errFull) {
			failed++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	d.full = false
	s.play(t, x, 7*time.Second, nil)
	if n := x.snap.Load(); failed != 3 || n.next != 9 || !n.media.Independent {
		t.Errorf("%d writes failed, segment %d is in the making, independent %v", failed, n.next, n.media.Independent)
	}
	p := parsePlaylist(t, join(x.record.snap.Load().pieces()))
	if len(p.segments) != 6 || !p.segments[3].discontinuity || strings.Count(p.text, "DISCONTINUITY\n") != 1 {
		t.Errorf("%s", p.text)
	}
}
