package hls

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"sync"
	"time"

	"sluice/protocols/container/m3u8"
)

// snapshot is a playlist at one moment. It does not change, but for what is
// rendered of it on first demand.
type snapshot struct {
	media m3u8.Media
	// version numbers the snapshots of a playlist.
	version uint64
	// next is the number of the segment in the making, parts how many parts it
	// has, and last how many the segment before it has.
	next        uint64
	parts, last int
	// away says that there is no publisher at the moment.
	away bool
	// reports tells how far the other renditions are; may be nil.
	reports func() []m3u8.Report
	zip     *compressor
	// bandwidth and average are bits per second.
	bandwidth, average int
	duration           time.Duration // of the segments listed

	// changed is closed when there is a later snapshot.
	changed chan struct{}

	full, delta rendering
}

// rendering is the text of a playlist, made once however many ask.
type rendering struct {
	once       sync.Once
	text       []byte
	zipOnce    sync.Once
	compressed []byte
}

// begun reports whether there is something to play. Players refuse a playlist
// that lists parts and no segment (hls.js and ffmpeg do), and its target
// duration is known with the first segment only.
func (s *snapshot) begun() bool { return len(s.media.Segments) > 0 && s.media.Segments[0].URI != "" }

// reached reports whether the playlist has what a blocking request waits for.
func (s *snapshot) reached(d m3u8.Directives) bool {
	switch {
	case !d.Block || s.media.End || d.Sequence+1 < s.next:
		return true
	case d.Sequence+1 == s.next:
		// A part after a segment's last one is the first of the next.
		return d.Part < s.last || s.parts > 0
	default:
		return d.Sequence == s.next && d.Part >= 0 && s.parts > d.Part
	}
}

// tooFar reports whether a blocking request asks for what is not near: more
// than two segments ahead, or further in the parts than the draft allows
// (6.2.5.2).
func (s *snapshot) tooFar(d m3u8.Directives) bool {
	if !d.Block || s.media.End {
		return false
	}
	limit := 3
	if t := s.media.PartTarget; t > 0 && t < time.Second {
		limit = int((3*time.Second + t - 1) / t)
	}
	return d.Sequence > s.next+1 || d.Sequence == s.next && d.Part >= s.parts+limit
}

// text returns the playlist, compressed if asked for.
func (s *snapshot) text(delta, compressed bool) []byte {
	r := &s.full
	if delta {
		r = &s.delta
	}
	r.once.Do(func() {
		m := s.media
		if s.reports != nil && !m.End {
			m.Reports = s.reports()
		}
		if delta {
			r.text = m.AppendDelta(nil)
		} else {
			r.text = m.Append(nil)
		}
	})
	if !compressed {
		return r.text
	}
	r.zipOnce.Do(func() { r.compressed = s.zip.compress(r.text) })
	return r.compressed
}

// tag returns the entity tag of what text returns.
func (s *snapshot) tag(life string, delta, compressed bool) string {
	form := ""
	if delta {
		form = "d"
	}
	return entityTag(life, s.version, form, compressed)
}

// entityTag returns the entity tag of a version of a text.
func entityTag(life string, version uint64, form string, compressed bool) string {
	if compressed {
		form += "z"
	}
	return `"` + life + "." + strconv.FormatUint(version, 10) + form + `"`
}

// compressor compresses text. Its writers, of a megabyte each, are used again.
type compressor struct{ writers sync.Pool }

func (c *compressor) compress(pieces ...[]byte) []byte {
	w, ok := c.writers.Get().(*gzip.Writer)
	if !ok {
		w, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	var out bytes.Buffer
	w.Reset(&out)
	for _, b := range pieces {
		_, _ = w.Write(b)
	}
	_ = w.Close()
	c.writers.Put(w)
	return out.Bytes()
}
