package hls

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"sluice/protocols/container/m3u8"
)

// record is the playlist of all that there was. One goroutine writes it.
type record struct {
	snap  atomic.Pointer[recording]
	limit int      // bytes in memory; 0 where the segments are on disk
	files sync.Map // name to *file

	target   time.Duration
	list     []*segment
	size     int
	sequence uint64
	before   uint64 // discontinuities before list[0]
	text     []byte // the entries of list behind those that have left; snapshots share it
	offsets  []int  // where each of list begins in text
	ended    bool
	version  uint64
}

// recording is a record at one moment. It does not change.
type recording struct {
	head, entries []byte
	ended         bool
	version       uint64
}

const endTag = "#EXT-X-ENDLIST\n"

// pieces returns the whole playlist.
func (r *recording) pieces() [][]byte {
	if r.ended {
		return [][]byte{r.head, r.entries, []byte(endTag)}
	}
	return [][]byte{r.head, r.entries}
}

func (r *recording) tag(life string, compressed bool) string {
	return entityTag(life, r.version, "r", compressed)
}

// add appends a segment.
func (r *record) add(seg *segment) {
	r.list = append(r.list, seg)
	r.offsets = append(r.offsets, len(r.text))
	e := seg.entry(false)
	r.text = e.Append(r.text)
	r.size += len(seg.data)
	r.files.Store(seg.name, &seg.file)
	for r.limit > 0 && r.size > r.limit && len(r.list) > minListed {
		old := r.list[0]
		r.list[0] = nil
		r.list, r.offsets = r.list[1:], r.offsets[1:]
		r.size -= len(old.data)
		r.files.Delete(old.name)
		r.sequence++
		if old.discontinuity {
			r.before++
		}
	}
	if at := r.offsets[0]; at > len(r.text)/2 {
		r.text = bytes.Clone(r.text[at:])
		for i := range r.offsets {
			r.offsets[i] -= at
		}
	}
}

// publish makes visible what is there.
func (r *record) publish() {
	if len(r.list) == 0 {
		return
	}
	m := m3u8.Media{
		Type: m3u8.Event, TargetDuration: r.target, Sequence: r.sequence, Discontinuities: r.before, Independent: true,
	}
	switch {
	case r.ended:
		m.Type = m3u8.VOD
	case r.limit > 0:
		// Memory may end, and the oldest then leaves: no event does that.
		m.Type = m3u8.Live
	}
	for _, seg := range r.list {
		m.Independent = m.Independent && seg.independent
	}
	r.version++
	r.snap.Store(&recording{
		head: m.Append(nil), entries: r.text[r.offsets[0]:len(r.text):len(r.text)], ended: r.ended, version: r.version,
	})
}
