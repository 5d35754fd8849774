package m3u8

import (
	"time"
)

// Type is the EXT-X-PLAYLIST-TYPE of a media playlist (4.4.3.5).
type Type string

// The types.
const (
	// Live is no type: old segments leave, new ones come.
	Live Type = ""
	// Event only grows.
	Event Type = "EVENT"
	// VOD never changes.
	VOD Type = "VOD"
)

// Media is a media playlist. It is not changed by its methods.
type Media struct {
	Type Type
	// TargetDuration is in whole seconds: no segment's duration, rounded, is
	// longer. It must be the same for the playlist's life.
	TargetDuration time.Duration
	// PartTarget is the longest part, 0 where there are none.
	PartTarget time.Duration
	// Control is written where it is not zero.
	Control Control
	// Sequence is the media sequence number of the first segment.
	Sequence uint64
	// Discontinuities counts those that were before the first segment.
	Discontinuities uint64
	// Independent says that every segment can be decoded by itself.
	Independent bool
	Segments    []Segment
	// PreloadHint is the URI of the next part, "" where there is none.
	PreloadHint string
	Reports     []Report
	// End says that nothing more will come.
	End bool
}

// Segment is one media segment with its parts. The last one of a playlist may
// still be in the making: it has no URI, but parts.
type Segment struct {
	URI      string
	Duration time.Duration
	// Discontinuity says that coding or time begins anew.
	Discontinuity bool
	// Map is the URI of the initialisation segment, "" for MPEG-TS.
	Map string
	// Time is the wall clock time of its first sample; zero for unknown.
	Time time.Time
	// Gap says that there is nothing to be had under the URI.
	Gap bool
	// Parts may be left out of segments that are some way from the end.
	Parts []Part
}

// Part is a partial segment (4.4.4.9).
type Part struct {
	URI      string
	Duration time.Duration
	// Independent says that it begins with a key frame.
	Independent bool
}

// Control is EXT-X-SERVER-CONTROL (4.4.3.8). Durations of 0 are left out.
type Control struct {
	BlockReload                          bool
	CanSkipUntil, HoldBack, PartHoldBack time.Duration
}

// Report is EXT-X-RENDITION-REPORT (4.4.5.4): how far another playlist is.
type Report struct {
	URI string
	// Sequence is the number of the last segment, in the making or not.
	Sequence uint64
	// Part is the index of its last part, -1 where the playlist has no parts.
	Part int
}

const (
	versionFloat = 3 // EXTINF with a fraction
	versionMap   = 6 // EXT-X-MAP
	versionSkip  = 9 // EXT-X-SKIP, and what low latency needs
)

func (m *Media) version() int {
	if m.PartTarget > 0 || m.Control.CanSkipUntil > 0 {
		return versionSkip
	}
	for i := range m.Segments {
		if m.Segments[i].Map != "" {
			return versionMap
		}
	}
	return versionFloat
}

// Append appends the whole playlist.
func (m *Media) Append(dst []byte) []byte { return m.append(dst, 0) }

// AppendDelta appends the playlist as a delta update (6.2.5.1), in which what
// is older than the skip boundary is only counted. It is the whole playlist
// where there is nothing to leave out.
func (m *Media) AppendDelta(dst []byte) []byte { return m.append(dst, m.skippable()) }

// skippable counts the segments before the skip boundary.
func (m *Media) skippable() int {
	if m.Control.CanSkipUntil == 0 {
		return 0
	}
	var left time.Duration
	for i := len(m.Segments) - 1; i >= 0; i-- {
		s := &m.Segments[i]
		if s.URI == "" {
			for _, p := range s.Parts {
				left += p.Duration
			}
			continue
		}
		if left > m.Control.CanSkipUntil {
			return i + 1
		}
		left += s.Duration
	}
	return 0
}

func (m *Media) append(dst []byte, skip int) []byte {
	w := &writer{dst}
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:", itoa(m.version()))
	w.line("#EXT-X-TARGETDURATION:", itoa(int(m.TargetDuration/time.Second)))
	w.control(&m.Control)
	if m.PartTarget > 0 {
		w.line("#EXT-X-PART-INF:PART-TARGET=", seconds(m.PartTarget))
	}
	w.line("#EXT-X-MEDIA-SEQUENCE:", utoa(m.Sequence))
	if m.Discontinuities > 0 {
		w.line("#EXT-X-DISCONTINUITY-SEQUENCE:", utoa(m.Discontinuities))
	}
	if m.Type != Live {
		w.line("#EXT-X-PLAYLIST-TYPE:", string(m.Type))
	}
	if m.Independent {
		w.line("#EXT-X-INDEPENDENT-SEGMENTS")
	}
	if skip > 0 {
		w.line("#EXT-X-SKIP:SKIPPED-SEGMENTS=", itoa(skip))
	}
	initial := ""
	for i := skip; i < len(m.Segments); i++ {
		w.segment(&m.Segments[i], &initial)
	}
	if m.PreloadHint != "" {
		w.line("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=", quote(m.PreloadHint))
	}
	for _, r := range m.Reports {
		w.report(r)
	}
	if m.End {
		w.line("#EXT-X-ENDLIST")
	}
	return w.b
}

func (w *writer) control(c *Control) {
	if *c == (Control{}) {
		return
	}
	l := list{}
	if c.BlockReload {
		l.add("CAN-BLOCK-RELOAD=", "YES")
	}
	for _, f := range [...]struct {
		name  string
		value time.Duration
	}{{"CAN-SKIP-UNTIL=", c.CanSkipUntil}, {"HOLD-BACK=", c.HoldBack}, {"PART-HOLD-BACK=", c.PartHoldBack}} {
		if f.value > 0 {
			l.add(f.name, seconds(f.value))
		}
	}
	w.line("#EXT-X-SERVER-CONTROL:", l.String())
}

// segment writes what belongs to a segment. initial is the map in force.
func (w *writer) segment(s *Segment, initial *string) {
	if s.URI == "" && len(s.Parts) == 0 {
		return
	}
	if s.Discontinuity {
		w.line("#EXT-X-DISCONTINUITY")
	}
	if s.Map != "" && s.Map != *initial {
		*initial = s.Map
		w.line("#EXT-X-MAP:URI=", quote(s.Map))
	}
	if !s.Time.IsZero() {
		w.line("#EXT-X-PROGRAM-DATE-TIME:", s.Time.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if s.Gap {
		w.line("#EXT-X-GAP")
	}
	for _, p := range s.Parts {
		l := list{}
		l.add("DURATION=", seconds(p.Duration))
		l.add("URI=", quote(p.URI))
		if p.Independent {
			l.add("INDEPENDENT=", "YES")
		}
		w.line("#EXT-X-PART:", l.String())
	}
	if s.URI != "" {
		w.line("#EXTINF:", seconds(s.Duration), ",")
		w.line(s.URI)
	}
}

func (w *writer) report(r Report) {
	l := list{}
	l.add("URI=", quote(r.URI))
	l.add("LAST-MSN=", utoa(r.Sequence))
	if r.Part >= 0 {
		l.add("LAST-PART=", itoa(r.Part))
	}
	w.line("#EXT-X-RENDITION-REPORT:", l.String())
}

// Append appends the lines of the segment alone, for a playlist that is put
// together from its pieces: Media's Append with no segments is its head.
func (s *Segment) Append(dst []byte) []byte {
	w, initial := &writer{dst}, ""
	w.segment(s, &initial)
	return w.b
}
