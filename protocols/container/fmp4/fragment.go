package fmp4

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/server/media"
)

const (
	// MaxFragment is the largest fragment in bytes that the package writes.
	MaxFragment = 1 << 30

	// maxGap is the longest time between two samples of a fragment, for which
	// the duration's 32 bits have room at 192 kHz.
	maxGap = 6 * time.Hour
)

// Sample is a packet and how long it lasts. Within a fragment a packet lasts
// until the next one of its track, whatever Duration says: Duration counts for
// the last of each track. Pacer and Durations find it.
type Sample struct {
	Packet   *media.Packet
	Duration time.Duration
}

const (
	runDataOffset = 0x1
	runDuration   = 0x100
	runSize       = 0x200
	runFlags      = 0x400
	runOffset     = 0x800 // composition time offsets

	headDefaultFlags = 0x20
	headBaseIsMoof   = 0x20000

	// sample_flags (8.8.3.1): what the sample depends on, and whether it is
	// no sync sample.
	syncSample  = 2 << 24
	interSample = 1<<24 | nonSync
	nonSync     = 1 << 16
)

// AppendFragment appends one fragment, moof and mdat, with at least one sample.
// sequence numbers the fragments, rising from 1. Samples of both tracks may come
// in any order to each other; those of a track stand by DTS, and are of one
// *media.Track. tfdt is the first sample's DTS in the track's clock, and each
// duration is the difference of two such times: rounding never adds up. It
// allocates at most once.
func AppendFragment(dst []byte, sequence uint32, samples []Sample) ([]byte, error) {
	var tracks [2]run
	if err := split(&tracks, samples); err != nil {
		return dst, err
	}
	header, body := fullSize+4, 0 // mfhd
	header += headerSize
	for i := range tracks {
		if r := &tracks[i]; r.count > 0 {
			header += r.size()
			body += r.bytes
		}
	}
	if body > MaxFragment-header-headerSize {
		return dst, fmt.Errorf("fmp4: fragment of %d bytes", body)
	}
	if dst == nil {
		dst = make([]byte, 0, header+headerSize+body)
	}
	w := writer{b: slices.Grow(dst, header+headerSize+body)}
	moof := w.box("moof")
	mfhd := w.full("mfhd", 0, 0)
	w.u32(sequence)
	w.end(mfhd)
	data := header + headerSize
	for i := range tracks {
		if r := &tracks[i]; r.count > 0 {
			r.write(&w, samples, data)
			data += r.bytes
		}
	}
	w.end(moof)
	mdat := w.box("mdat")
	for i := range tracks {
		if tracks[i].count == 0 {
			continue
		}
		for _, s := range samples {
			if s.Packet.Track == tracks[i].track {
				w.u8(s.Packet.Payload...)
			}
		}
	}
	w.end(mdat)
	return w.b, nil
}

// run is the samples of one track in a fragment.
type run struct {
	track   *media.Track
	count   int
	bytes   int
	offsets bool          // some sample has PTS apart from DTS
	last    time.Duration // DTS
}

// split counts the samples by track, pictures first.
func split(tracks *[2]run, samples []Sample) error {
	if len(samples) == 0 {
		return errors.New("fmp4: fragment without a sample")
	}
	for _, s := range samples {
		p := s.Packet
		if !Carries(p.Track.Codec) {
			return fmt.Errorf("%w: %s", ErrCodec, p.Track.Codec)
		}
		r := &tracks[TrackID(p.Kind())-1]
		switch {
		case p.DTS < 0:
			return fmt.Errorf("fmp4: %s sample with a decode time of %v", p.Track.Codec, p.DTS)
		case r.count > 0 && p.Track != r.track:
			return errors.New("fmp4: fragment across a change of configuration")
		case r.count > 0 && (p.DTS < r.last || p.DTS-r.last > maxGap):
			return fmt.Errorf("fmp4: %s sample at %v after one at %v", p.Track.Codec, p.DTS, r.last)
		}
		r.track, r.last = p.Track, p.DTS
		r.count++
		if r.bytes += len(p.Payload); r.bytes > MaxFragment {
			return fmt.Errorf("fmp4: fragment of over %d bytes", MaxFragment)
		}
		r.offsets = r.offsets || p.PTS != p.DTS
	}
	return nil
}

const (
	sizeTfhd = fullSize + 4
	sizeTfdt = fullSize + 8
	sizeTrun = fullSize + 8
)

// video reports whether the samples have flags of their own: all sound is the
// same.
func (r *run) video() bool { return r.track.Codec.Kind() == media.Video }

// size returns the size of the traf box.
func (r *run) size() int {
	entry := 8
	head := sizeTfhd
	if r.video() {
		entry += 4
	} else {
		head += 4
	}
	if r.offsets {
		entry += 4
	}
	return headerSize + head + sizeTfdt + sizeTrun + r.count*entry
}

// write writes the traf box; data is where the samples' bytes begin, from the
// start of moof.
func (r *run) write(w *writer, samples []Sample, data int) {
	rate := Timescale(r.track)
	traf := w.box("traf")
	headFlags := uint32(headBaseIsMoof)
	runFlagBits := uint32(runDataOffset | runDuration | runSize)
	if r.video() {
		runFlagBits |= runFlags
	} else {
		headFlags |= headDefaultFlags
	}
	if r.offsets {
		runFlagBits |= runOffset
	}
	tfhd := w.full("tfhd", 0, headFlags)
	w.u32(TrackID(r.track.Codec.Kind()))
	if !r.video() {
		w.u32(syncSample)
	}
	w.end(tfhd)
	tfdt := w.full("tfdt", 1, 0)
	start := len(w.b)
	w.u64(0)
	w.end(tfdt)
	trun := w.full("trun", 1, runFlagBits)
	w.u32(uint32(r.count)) //nolint:gosec // see MaxFragment
	w.u32(uint32(data))    //nolint:gosec // see MaxFragment
	var last Sample
	for _, s := range samples {
		if s.Packet.Track != r.track {
			continue
		}
		if last.Packet == nil {
			putU64(w.b[start:], media.ToClock(s.Packet.DTS, rate))
		} else {
			r.sample(w, last.Packet, s.Packet.DTS, rate)
		}
		last = s
	}
	r.sample(w, last.Packet, last.Packet.DTS+max(0, last.Duration), rate)
	w.end(trun)
	w.end(traf)
}

// sample writes one entry of trun.
func (r *run) sample(w *writer, p *media.Packet, next time.Duration, rate int) {
	at := media.ToClock(p.DTS, rate)
	w.u32(clamp32(media.ToClock(next, rate) - at))
	w.u32(uint32(len(p.Payload))) //nolint:gosec // see MaxFragment
	if r.video() {
		flags := uint32(interSample)
		if p.Key {
			flags = syncSample
		}
		w.u32(flags)
	}
	if r.offsets {
		offset := max(math.MinInt32, min(media.ToClock(p.PTS, rate)-at, math.MaxInt32))
		w.u32(uint32(int32(offset))) //nolint:gosec // just bounded, and signed in version 1
	}
}

// clamp32 returns a duration as its 32-bit field holds it.
func clamp32(v int64) uint32 { return uint32(max(0, min(v, math.MaxUint32))) } //nolint:gosec // just bounded
