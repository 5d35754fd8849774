package fmp4

import (
	"math"

	"sluice/server/media"
)

const (
	// sizeSegments is the size of a sidx box without its references.
	sizeSegments     = fullSize + 4 + 4 + 8 + 8 + 4
	sizeReference    = 12
	maxReferences    = math.MaxUint16
	maxReferenceSize = 1<<31 - 1
)

// Complete writes into the start of a file that FileInit made what is known at its
// end: the duration, and in the room there the segment index (sidx, 8.16.3), by
// which players seek over HTTP. (ffmpeg's demuxer, which Chromium and mpv have too,
// reads a file without one to its end before it plays.) head reaches to the first
// fragment at least, and end is where the last one ends in the file. The index is
// left out where the room is too small for it, and where not every fragment begins
// with a key frame.
func (x *Index) Complete(head []byte, end int64) error {
	if err := SetDuration(head, x.Duration()); err != nil {
		return err
	}
	from := 0
	for rest, kind := head, ""; kind != "moov"; {
		box, after, err := NextBox(rest)
		if err != nil {
			return err
		}
		from, rest, kind = from+box.Size, after, box.Type
	}
	if x.begun && x.first > int64(from) && x.first <= int64(len(head)) {
		x.putSegments(head[from:x.first], end)
	}
	return nil
}

// putSegments fills the room before the first fragment with a free box and a sidx
// box for each track, which all name the same parts of the file. (ffmpeg takes the
// times of one track's box for those of the other where that has none, and
// Chromium's does without the index where anything stands between it and the first
// fragment.) It leaves the room alone where the index can't be said.
func (x *Index) putSegments(room []byte, end int64) {
	tracks := make([]int, 0, len(x.entries))
	for i, list := range x.entries {
		if len(list) > 0 {
			tracks = append(tracks, i)
		}
	}
	if len(tracks) == 0 {
		return
	}
	most := ((len(room)-headerSize)/len(tracks) - sizeSegments) / sizeReference
	parts := x.parts(tracks[0], min(most, maxReferences), end)
	for i := range len(parts) - 1 {
		if size := parts[i+1] - parts[i]; size <= 0 || size > maxReferenceSize {
			return
		}
	}
	if len(parts) < 2 {
		return
	}
	size := sizeSegments + (len(parts)-1)*sizeReference
	w := &writer{b: room[:0]}
	free := w.box("free")
	w.zero(len(room) - len(tracks)*size - headerSize)
	w.end(free)
	for i, track := range tracks {
		x.writeSegments(w, track, parts, (len(tracks)-1-i)*size)
	}
}

// parts returns where the fragments begin, and then where the last one ends; nil
// where there are more than said, or not each of them begins with a key frame of
// the track: ffmpeg goes from one part to the next and reads one fragment of each,
// and starts to decode where a part begins.
func (x *Index) parts(track, most int, end int64) (list []int64) {
	if x.fragments > most {
		return nil
	}
	for _, e := range x.entries[track] {
		if e.sample == 1 {
			list = append(list, e.offset)
		}
	}
	if len(list) != x.fragments {
		return nil
	}
	return append(list, end)
}

// writeSegments writes a track's sidx box, with so many bytes between it and the
// first part.
func (x *Index) writeSegments(w *writer, track int, parts []int64, gap int) {
	n := len(parts) - 1
	entries, end := x.entries[track], media.ToClock(x.ends[track], x.rates[track])
	// seek returns when the track goes on at a place or after it, and whether it is
	// at that place.
	seek := func(offset int64) (int64, bool) {
		for len(entries) > 0 && entries[0].offset < offset {
			entries = entries[1:]
		}
		if len(entries) == 0 {
			return end, false
		}
		return entries[0].time, entries[0].offset == offset
	}
	at, sync := seek(parts[0])
	sidx := w.full("sidx", 1, 0)
	w.u32(uint32(track + 1))      //nolint:gosec // the track's id
	w.u32(uint32(x.rates[track])) //nolint:gosec // a sample rate
	w.u64(uint64(max(0, at)))     //nolint:gosec // just bounded
	w.u64(uint64(gap))            //nolint:gosec // see putSegments
	w.u32(uint32(n))              //nolint:gosec // at most maxReferences; the upper half is reserved
	for i := range n {
		next, nextSync := seek(parts[i+1])
		startsWithSAP := uint32(0)
		if sync {
			startsWithSAP = 1 << 31
		}
		w.u32(uint32(parts[i+1] - parts[i])) //nolint:gosec // see putSegments
		w.u32(clamp32(next - at))
		w.u32(startsWithSAP)
		at, sync = next, nextSync
	}
	w.end(sidx)
}
