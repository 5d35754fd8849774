package fmp4

import (
	"errors"
	"fmt"
	"math"
	"time"

	"sluice/server/media"
)

// Movie is what an initialisation segment says: what is needed to read the
// fragments after it.
type Movie struct {
	// Duration is that of the whole file, 0 when it is not known.
	Duration time.Duration

	lanes []movieTrack
}

// movieTrack is a track as its file describes it.
type movieTrack struct {
	id         uint32
	rate       int
	track      *media.Track
	lengthSize int // of NAL units, 0 for codecs without

	duration, size, flags uint32 // defaults of trex
}

// maxTracks bounds the tracks of a file that are looked at.
const maxTracks = 16

// ParseInit reads an initialisation segment: the first moov box in b. Tracks
// that the package does not carry are passed over, and so is all but the first
// of a kind; at least one must be left. It keeps no part of b.
func ParseInit(b []byte) (*Movie, error) {
	moov, err := find(b, "moov")
	if err != nil {
		return nil, err
	}
	m := &Movie{}
	for rest := moov; len(rest) > 0; {
		var box Box
		if box, rest, err = NextBox(rest); err != nil {
			return nil, err
		}
		if box.Type != "trak" {
			continue
		}
		t, err := parseTrack(box.Body)
		if errors.Is(err, ErrCodec) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m.Tracks().Get(t.track.Codec.Kind()) == nil && len(m.lanes) < maxTracks {
			m.lanes = append(m.lanes, t)
		}
	}
	if len(m.lanes) == 0 {
		return nil, fmt.Errorf("%w: none of the file's tracks can be read", ErrCodec)
	}
	if err := m.parseExtends(moov); err != nil {
		return nil, err
	}
	return m, nil
}

// Tracks returns the tracks.
func (m *Movie) Tracks() media.Tracks {
	var ts media.Tracks
	for i := range m.lanes {
		ts = ts.With(m.lanes[i].track)
	}
	return ts
}

// lane returns the track with an id, nil for one that was passed over.
func (m *Movie) lane(id uint32) *movieTrack {
	for i := range m.lanes {
		if m.lanes[i].id == id {
			return &m.lanes[i]
		}
	}
	return nil
}

// parseExtends reads mvex (8.8.1 to 8.8.3), and the duration that is there or
// in mvhd.
func (m *Movie) parseExtends(moov []byte) error {
	rate, duration := uint32(0), uint64(0)
	if mvhd, err := find(moov, "mvhd"); err == nil {
		rate, duration = parseTimes(mvhd)
	}
	mvex, err := find(moov, "mvex")
	if err != nil {
		return err
	}
	for rest := mvex; len(rest) > 0; {
		var box Box
		if box, rest, err = NextBox(rest); err != nil {
			return err
		}
		r := reader{b: box.Body}
		switch box.Type {
		case "mehd":
			if version, _ := r.full(); version == 1 {
				duration = max(duration, r.u64())
			} else {
				duration = max(duration, uint64(r.u32()))
			}
		case "trex":
			r.full()
			if t := m.lane(r.u32()); t != nil {
				r.u32()
				t.duration, t.size, t.flags = r.u32(), r.u32(), r.u32()
			}
		}
		if err := r.err(box.Type); err != nil {
			return err
		}
	}
	if rate > 0 && rate <= maxRate && duration < math.MaxInt32*uint64(rate) {
		m.Duration = media.FromClock(int64(duration), int(rate)) //nolint:gosec // just bounded
	}
	return nil
}

// maxRate is the highest clock in Hz that is read; media.FromClock is exact up
// to it.
const maxRate = 500e6

// parseTimes reads the start of mvhd, or of mdhd, which is the same: the clock
// in Hz and the duration in its ticks (8.2.2, 8.4.2). The clock is 0 when the
// box is short.
func parseTimes(b []byte) (rate uint32, duration uint64) {
	r := reader{b: b}
	if version, _ := r.full(); version == 1 {
		r.bytes(2 * 8)
		rate, duration = r.u32(), r.u64()
	} else {
		r.bytes(2 * 4)
		rate, duration = r.u32(), uint64(r.u32())
	}
	if r.short || duration == math.MaxUint64 || duration == math.MaxUint32 {
		duration = 0
	}
	return rate, duration
}

func parseTrack(trak []byte) (t movieTrack, err error) {
	tkhd, err := find(trak, "tkhd")
	if err != nil {
		return t, err
	}
	r := reader{b: tkhd}
	if version, _ := r.full(); version == 1 {
		r.bytes(2 * 8)
	} else {
		r.bytes(2 * 4)
	}
	t.id = r.u32()
	if err := r.err("tkhd"); err != nil {
		return t, err
	}
	mdhd, err := descend(trak, "mdia", "mdhd")
	if err != nil {
		return t, err
	}
	rate, _ := parseTimes(mdhd)
	if rate == 0 || rate > maxRate {
		return t, fmt.Errorf("fmp4: track with a clock of %d Hz", rate)
	}
	t.rate = int(rate)
	stsd, err := descend(trak, "mdia", "minf", "stbl", "stsd")
	if err != nil {
		return t, err
	}
	r = reader{b: stsd}
	r.full()
	r.u32()
	if err := r.err("stsd"); err != nil {
		return t, err
	}
	entry, _, err := NextBox(r.b)
	if err != nil {
		return t, err
	}
	err = t.parseEntry(entry)
	return t, err
}

// SetDuration writes the duration into an initialisation segment, in mvhd and
// in the mehd box that FileInit makes. It changes b in place, which keeps its
// size: the start of a file can be rewritten when the file is finished.
func SetDuration(b []byte, d time.Duration) error {
	moov, err := find(b, "moov")
	if err != nil {
		return err
	}
	mvhd, err := find(moov, "mvhd")
	if err != nil {
		return err
	}
	rate, _ := parseTimes(mvhd)
	mehd, err := descend(moov, "mvex", "mehd")
	if err != nil {
		return err
	}
	const durationAt = 4 + 2*8 + 4
	if len(mvhd) < durationAt+8 || mvhd[0] != 1 || len(mehd) < 12 || mehd[0] != 1 || rate != movieTimescale {
		return errors.New("fmp4: not a start of file that FileInit made")
	}
	ticks := max(0, media.ToClock(d, movieTimescale))
	putU64(mvhd[durationAt:], ticks)
	putU64(mehd[4:], ticks)
	return nil
}
