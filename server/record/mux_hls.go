package record

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/protocols/container/m3u8"
	"sluice/protocols/container/mpegts"
	"sluice/server/media"
)

// segmentTime is how long a segment grows; it ends at the next key frame.
const segmentTime = 6 * time.Second

// hlsFolder writes a folder of MPEG-TS segments with their playlist.
type hlsFolder struct {
	store    *storage
	dir      string // with the suffix
	out      sink
	mux      *mpegts.Muxer
	tracks   media.Tracks
	segments []m3u8.Segment // the last one is being written
	start    time.Duration  // of the last one
	done     int64          // bytes of those before it
	list     int            // how many segments there are when the playlist is written next
}

func createHLS(s *storage, name string, ts media.Tracks) (muxer, error) {
	m := &hlsFolder{store: s, dir: name + partSuffix, mux: mpegts.NewMuxer(mpegts.MuxerConfig{}), tracks: ts}
	if err := m.mux.SetTracks(ts); err != nil {
		return nil, err
	}
	return m, nil
}

// fits: as for a transport stream in one file.
func (m *hlsFolder) fits(t *media.Track) bool {
	old := m.tracks.Get(t.Codec.Kind())
	return old != nil && old.Codec == t.Codec
}

func (m *hlsFolder) write(p *media.Packet) error {
	changed := p.Track != m.tracks.Get(p.Kind())
	key := p.Key || m.tracks.Video == nil
	if len(m.segments) == 0 || key && (p.DTS-m.start >= segmentTime || changed) {
		if err := m.next(p, changed && len(m.segments) > 0); err != nil {
			return err
		}
	}
	m.tracks = m.tracks.With(p.Track)
	b, err := m.mux.AppendPacket(m.out.buf, p)
	if err != nil {
		return err
	}
	return m.out.added(b)
}

// next begins a segment.
func (m *hlsFolder) next(p *media.Packet, changed bool) error {
	if len(m.segments) > 0 {
		if err := m.closeSegment(p.DTS); err != nil {
			return err
		}
		// The longer the playlist, the rarer it is written: recovery finds out what
		// it does not say.
		if n := len(m.segments); n >= m.list {
			if err := writePlaylist(m.store, m.dir, m3u8.Event, m.segments); err != nil {
				return err
			}
			m.list = n + 1 + n/16
		}
	}
	uri := segmentName(len(m.segments))
	f, err := m.store.create(path.Join(m.dir, uri))
	if err != nil {
		return err
	}
	m.out, m.start = sink{f: f, buf: m.mux.AppendTables(m.out.buf[:0])}, p.DTS
	m.segments = append(m.segments, m3u8.Segment{URI: uri, Discontinuity: changed, Time: p.Arrival})
	return nil
}

func segmentName(i int) string { return fmt.Sprintf("%05d.ts", i) }

// closeSegment ends the segment that is being written.
func (m *hlsFolder) closeSegment(end time.Duration) error {
	m.segments[len(m.segments)-1].Duration = max(end-m.start, 0)
	if err := m.out.finish(); err != nil {
		return err
	}
	m.done += m.out.off
	m.out = sink{buf: m.out.buf}
	return nil
}

// writePlaylist writes the playlist of whole segments.
func writePlaylist(s *storage, dir string, t m3u8.Type, segments []m3u8.Segment) error {
	list := m3u8.Media{Type: t, Independent: true, Segments: segments, TargetDuration: time.Second, End: t == m3u8.VOD}
	for _, s := range segments {
		list.TargetDuration = max(list.TargetDuration, s.Duration.Round(time.Second))
	}
	return s.write(path.Join(dir, playlistName), list.Append(nil))
}

func (m *hlsFolder) flush(sync bool) error {
	if m.out.f == nil {
		return nil
	}
	return m.out.commit(sync)
}

func (m *hlsFolder) size() int64 {
	if m.out.f == nil {
		return m.done
	}
	return m.done + m.out.size()
}

func (m *hlsFolder) abandon() {
	if m.out.f != nil {
		m.out.f.Close()
	}
}

func (m *hlsFolder) finish(end time.Duration) error {
	if len(m.segments) == 0 {
		return errNothing
	}
	if err := m.closeSegment(end); err != nil {
		return err
	}
	return writePlaylist(m.store, m.dir, m3u8.VOD, m.segments)
}

// recoverHLS closes the playlist over all segments, of which the last may be cut.
// On a full disk the last one makes room for the playlist.
func recoverHLS(s *storage, name string) (survey, error) {
	dir := name + partSuffix
	files, err := segmentFiles(s, dir)
	if err != nil {
		return survey{}, err
	}
	root, err := s.open()
	if err != nil {
		return survey{}, err
	}
	text, err := root.ReadFile(path.Join(dir, playlistName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return survey{}, err
	}
	known := parsePlaylist(string(text))
	var segments []m3u8.Segment
	var sizes []int64
	for _, file := range files {
		found, err := surveyTS(s, path.Join(dir, file))
		if err != nil {
			return survey{}, err
		}
		if found.size == 0 {
			if err := root.Remove(path.Join(dir, file)); err != nil {
				return survey{}, err
			}
			continue
		}
		seg, ok := known[file]
		if !ok {
			seg = m3u8.Segment{URI: file, Duration: found.duration}
		}
		segments, sizes = append(segments, seg), append(sizes, found.size)
	}
	for len(segments) > 0 {
		if err = writePlaylist(s, dir, m3u8.VOD, segments); err == nil {
			break
		}
		last := len(segments) - 1
		if err := root.Remove(path.Join(dir, segments[last].URI)); err != nil {
			return survey{}, err
		}
		segments, sizes = segments[:last], sizes[:last]
	}
	if len(segments) == 0 {
		return survey{}, errors.Join(errNothing, err)
	}
	var total survey
	for i := range segments {
		total.duration += segments[i].Duration
		total.size += sizes[i]
	}
	return total, nil
}

// segmentFiles lists the segments of a folder in their order.
func segmentFiles(s *storage, dir string) ([]string, error) {
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNothing
	} else if err != nil {
		return nil, err
	}
	numbers := make(map[string]int)
	var files []string
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".ts")
		n, err := strconv.Atoi(digits)
		if ok && err == nil && n >= 0 && segmentName(n) == e.Name() && e.Type().IsRegular() {
			numbers[e.Name()] = n
			files = append(files, e.Name())
		}
	}
	slices.SortFunc(files, func(a, b string) int { return numbers[a] - numbers[b] })
	return files, nil
}

// parsePlaylist reads the segments of a playlist that writePlaylist wrote, by URI.
// What it doesn't understand it passes over.
func parsePlaylist(text string) map[string]m3u8.Segment {
	found := make(map[string]m3u8.Segment)
	var seg m3u8.Segment
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "#EXT-X-DISCONTINUITY":
			seg.Discontinuity = true
		case strings.HasPrefix(line, "#EXT-X-PROGRAM-DATE-TIME:"):
			if t, err := time.Parse(time.RFC3339Nano, line[len("#EXT-X-PROGRAM-DATE-TIME:"):]); err == nil {
				seg.Time = t
			}
		case strings.HasPrefix(line, "#EXTINF:"):
			number, _, _ := strings.Cut(line[len("#EXTINF:"):], ",")
			if s, err := strconv.ParseFloat(number, 64); err == nil && s >= 0 && s < maxSegment.Seconds() {
				seg.Duration = time.Duration(s * float64(time.Second))
			}
		case line == "" || line[0] == '#':
		default:
			seg.URI = line
			found[line] = seg
			seg = m3u8.Segment{}
		}
	}
	return found
}

// maxSegment is longer than any segment.
const maxSegment = 1000 * time.Hour
