package hls

import (
	"time"

	"sluice/protocols/container/m3u8"
)

// file is something that a player can fetch. It never changes, and its name is
// never used for anything else, so caches may keep it for ever.
type file struct {
	name string
	data []byte // nil where the bytes are on disk
	path string // where they are on disk, "" where they are not
}

// part is a piece of a segment: one fragment.
type part struct {
	file
	duration time.Duration
	// independent says that it begins with a key frame.
	independent bool
}

// segment is one media segment. Once it is closed it does not change.
type segment struct {
	file
	duration time.Duration
	size     int
	// discontinuity says that coding or time begins anew here.
	discontinuity bool
	independent   bool
	// gap says that the rendition has nothing for this time.
	gap     bool
	initial *file // the initialisation segment, nil for MPEG-TS
	time    time.Time
	parts   []part
}

// entry is the segment as playlists list it.
func (s *segment) entry(parts bool) m3u8.Segment {
	e := m3u8.Segment{
		URI: s.name, Duration: s.duration, Discontinuity: s.discontinuity, Gap: s.gap, Time: s.time,
	}
	if s.initial != nil {
		e.Map = s.initial.name
	}
	if parts {
		e.Parts = entries(s.parts)
	}
	return e
}

func entries(parts []part) []m3u8.Part {
	list := make([]m3u8.Part, len(parts))
	for i, p := range parts {
		list[i] = m3u8.Part{URI: p.name, Duration: p.duration, Independent: p.independent}
	}
	return list
}
