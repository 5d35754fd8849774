package fmp4

import (
	"encoding/binary"
	"time"

	"sluice/server/media"
)

// Shift lets one player's fragments begin near time 0, whatever the stream's own
// times are: many players take the first decode time that they see for hours of
// missing media. The fragments themselves are shared by all players; each gets
// headers of its own. The zero value is ready.
//
// An edit list would do the same once, in the initialisation segment, but not
// all players look at one before fragments (VLC 3 does not).
type Shift struct {
	base  time.Duration // what the player's times are less than the stream's
	begun bool
}

// Append appends the moof box at the start of b, which AppendFragment wrote of the
// tracks ts, with its decode times moved, and returns how many bytes of b that
// stands for. The first fragment begins at 0. Both tracks move by the same time,
// each to the nearest tick of its clock. Samples of a track that are earlier than
// the beginning, as sound that comes late, are hidden from the player: their traf
// box becomes a free box. Bytes that are no fragment are left alone: n is 0.
func (s *Shift) Append(dst, b []byte, ts media.Tracks) (moved []byte, n int) {
	n, ok := boxSize(b, "moof")
	if !ok {
		return dst, 0
	}
	if !s.begun {
		s.begun, s.base = true, firstTime(b[:n], ts)
	}
	at := len(dst)
	dst = append(dst, b[:n]...)
	for traf, tfdt := range trafs(dst[at:]) {
		rate := traf.rate(ts)
		t := int64(binary.BigEndian.Uint64(tfdt)) - media.ToClock(s.base, rate) //nolint:gosec // see AppendFragment
		if t < 0 {
			copy(traf[4:], "free")
			continue
		}
		putU64(tfdt, t)
	}
	return dst, n
}

// firstTime returns the earliest decode time of a moof box.
func firstTime(moof []byte, ts media.Tracks) (first time.Duration) {
	begun := false
	for traf, tfdt := range trafs(moof) {
		t := media.FromClock(int64(binary.BigEndian.Uint64(tfdt)), traf.rate(ts)) //nolint:gosec // see AppendFragment
		if !begun || t < first {
			begun, first = true, t
		}
	}
	return first
}

// trafBox is a traf box as run.write makes it: tfhd first, and then tfdt.
type trafBox []byte

// rate returns the clock of the box's track.
func (b trafBox) rate(ts media.Tracks) int {
	const idAt = headerSize + fullSize
	t := ts.Video
	if binary.BigEndian.Uint32(b[idAt:]) == TrackID(media.Audio) {
		t = ts.Audio
	}
	if t == nil {
		return defaultRate
	}
	return Timescale(t)
}

// trafs iterates over the traf boxes of a moof box, each with the time in its
// tfdt box.
func trafs(moof []byte) func(yield func(traf trafBox, tfdt []byte) bool) {
	return func(yield func(trafBox, []byte) bool) {
		for rest := moof[headerSize:]; len(rest) >= headerSize; {
			n, traf := boxSize(rest, "traf")
			if n == 0 {
				return
			}
			if traf {
				b := rest[:n:n]
				head, ok := boxSize(b[headerSize:], "tfhd")
				at := headerSize + head
				if _, timed := boxSize(b[at:], "tfdt"); ok && head >= sizeTfhd && timed && len(b) >= at+sizeTfdt {
					if !yield(b, b[at+fullSize:at+sizeTfdt]) {
						return
					}
				}
			}
			rest = rest[n:]
		}
	}
}

// boxSize returns the size of the box at the start of b, 0 where none is whole,
// and whether it is of a kind.
func boxSize(b []byte, kind string) (n int, is bool) {
	if len(b) < headerSize {
		return 0, false
	}
	size := binary.BigEndian.Uint32(b)
	if size < headerSize || uint64(size) > uint64(len(b)) {
		return 0, false
	}
	return int(size), string(b[4:headerSize]) == kind
}
