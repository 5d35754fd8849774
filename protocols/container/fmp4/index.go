package fmp4

import (
	"math"
	"time"

	"sluice/server/media"
)

// Index collects where in a file decoding can start, for the sidx box at its start
// and the mfra box at its end, and how long the file is. The zero value is ready.
type Index struct {
	entries [2][]entry
	rates   [2]int           // of the tracks' clocks
	ends    [2]time.Duration // of the tracks
	begun   bool
	first   int64 // where the first fragment begins
	// fragments counts them.
	fragments int
	start     time.Duration
}

// entry is one place that a player can seek to.
type entry struct {
	time   int64 // of presentation, in the track's clock
	offset int64 // of moof
	traf   byte  // which of moof's, from 1
	sample uint32
}

// maxEntries bounds an index: a day of fragments of 50 ms.
const maxEntries = 1 << 21

// Add takes note of a fragment whose moof stands at offset in the file, and of
// the samples that AppendFragment wrote into it. A player can seek to the first
// key frame in it, and to its first sound.
func (x *Index) Add(offset int64, samples []Sample) {
	var firsts [2]*media.Packet
	var counts, places [2]uint32
	for _, s := range samples {
		id := TrackID(s.Packet.Kind())
		if id == 0 {
			continue
		}
		i := id - 1
		counts[i]++
		if firsts[i] == nil && (s.Packet.Key || s.Packet.Kind() == media.Audio) {
			firsts[i], places[i] = s.Packet, counts[i]
		}
		if !x.begun {
			x.begun, x.first, x.start = true, offset, s.Packet.PTS
		}
		x.start = min(x.start, s.Packet.PTS)
		x.ends[i] = max(x.ends[i], s.Packet.PTS+s.Duration)
	}
	x.fragments++
	traf := byte(0)
	for i, p := range firsts {
		if counts[i] > 0 {
			traf++
		}
		if p != nil && len(x.entries[i]) < maxEntries {
			x.rates[i] = Timescale(p.Track)
			e := entry{media.ToClock(p.PTS, Timescale(p.Track)), offset, traf, places[i]}
			x.entries[i] = append(x.entries[i], e)
		}
	}
}

// Duration returns the time from the first sample to the end of the last, in
// presentation.
func (x *Index) Duration() time.Duration { return max(x.ends[0], x.ends[1]) - x.start }

// Append appends the mfra box, which stands at the end of a file (8.8.9 to
// 8.8.11).
func (x *Index) Append(dst []byte) []byte {
	w := &writer{b: dst}
	mfra := w.box("mfra")
	for i, list := range x.entries {
		if len(list) == 0 {
			continue
		}
		tfra := w.full("tfra", 1, 0)
		w.u32(uint32(i + 1))     //nolint:gosec // a track's id
		w.u32(3)                 // the last number of an entry has 4 bytes, the two before it one
		w.u32(uint32(len(list))) //nolint:gosec // see maxEntries
		for _, e := range list {
			w.u64(uint64(e.time))   //nolint:gosec // see split
			w.u64(uint64(e.offset)) //nolint:gosec // an offset
			w.u8(e.traf, 1)
			w.u32(e.sample)
		}
		w.end(tfra)
	}
	mfro := w.full("mfro", 0, 0)
	w.u32(uint32(min(int64(len(w.b)+4-mfra), math.MaxUint32))) //nolint:gosec // just bounded
	w.end(mfro)
	w.end(mfra)
	return w.b
}
