package fmp4

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// Fragment is a moof box and its media.
type Fragment struct {
	Sequence uint32
	// Samples are of the movie's tracks, by decode time, pictures first.
	Samples []Sample
}

const (
	// maxSamples bounds the samples of a fragment.
	maxSamples = 1 << 16
	// maxSeconds bounds a decode time: 136 years, so that it and a 32-bit
	// offset fit a time.Duration at any rate.
	maxSeconds = 1 << 32

	headBaseOffset  = 0x1
	headDescription = 0x2
	headDuration    = 0x8
	headSize        = 0x10
	runFirstFlags   = 0x4
)

// ParseFragment reads the first fragment in b: boxes before moof are passed
// over, and what comes after its media is not looked at. offset is the place of
// b in its file, for files that count from their start; else 0. The payloads
// are parts of b but where lengths of NAL units had to be widened.
func (m *Movie) ParseFragment(b []byte, offset int64) (*Fragment, error) {
	for {
		box, rest, err := NextBox(b)
		if err != nil {
			return nil, err
		}
		if box.Type == "moof" {
			return m.parseMoof(b, box.Body, offset)
		}
		b, offset = rest, offset+int64(box.Size)
	}
}

// parseMoof reads the fragment whose moof box, with the given body, b begins
// with.
func (m *Movie) parseMoof(b, moof []byte, offset int64) (*Fragment, error) {
	f := &Fragment{}
	p := parser{data: b, fragment: f}
	for rest := moof; len(rest) > 0; {
		box, after, err := NextBox(rest)
		if err != nil {
			return nil, err
		}
		switch rest = after; box.Type {
		case "mfhd":
			r := reader{b: box.Body}
			r.full()
			f.Sequence = r.u32()
			if err := r.err("mfhd"); err != nil {
				return nil, err
			}
		case "traf":
			if err := p.parseTraf(m, box.Body, offset); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(f.Samples, func(a, b Sample) int {
		switch {
		case a.Packet.DTS != b.Packet.DTS:
			return int(min(1, max(-1, a.Packet.DTS-b.Packet.DTS)))
		case a.Packet.Kind() != b.Packet.Kind():
			return int(a.Packet.Kind()) - int(b.Packet.Kind())
		default:
			return 0
		}
	})
	return f, nil
}

// parser holds what the track fragments of one moof share.
type parser struct {
	data     []byte // from the start of moof
	next     int64  // where the data of the last run ended
	bytes    int64  // of all samples, which may not be more than data
	fragment *Fragment
}

// trafHead is tfhd and tfdt: what holds for the runs of a track.
type trafHead struct {
	*movieTrack
	duration, size, flags uint32
	base                  int64 // of data offsets, from the start of moof
	time                  int64 // of the next sample
}

func (p *parser) parseTraf(m *Movie, traf []byte, offset int64) error {
	h, err := p.parseTrafHead(m, traf, offset)
	if err != nil || h.movieTrack == nil {
		return err
	}
	for rest := traf; len(rest) > 0; {
		box, after, err := NextBox(rest)
		if err != nil {
			return err
		}
		if rest = after; box.Type != "trun" {
			continue
		}
		if err := p.parseRun(h, box.Body); err != nil {
			return err
		}
	}
	return nil
}

// parseTrafHead reads tfhd (8.8.7) and tfdt (8.8.12). The track is nil where it
// is one that is passed over.
func (p *parser) parseTrafHead(m *Movie, traf []byte, offset int64) (*trafHead, error) {
	tfhd, err := find(traf, "tfhd")
	if err != nil {
		return nil, err
	}
	r := reader{b: tfhd}
	_, flags := r.full()
	h := &trafHead{movieTrack: m.lane(r.u32())}
	if h.movieTrack == nil {
		return h, r.err("tfhd")
	}
	h.duration, h.size, h.flags = h.movieTrack.duration, h.movieTrack.size, h.movieTrack.flags
	h.base = p.next
	if flags&headBaseIsMoof != 0 {
		h.base = 0
	}
	if flags&headBaseOffset != 0 {
		h.base = int64(r.u64()) - offset //nolint:gosec // checked where it is used
	}
	if flags&headDescription != 0 {
		if n := r.u32(); n != 1 {
			return nil, fmt.Errorf("fmp4: track fragment with sample description %d", n)
		}
	}
	if flags&headDuration != 0 {
		h.duration = r.u32()
	}
	if flags&headSize != 0 {
		h.size = r.u32()
	}
	if flags&headDefaultFlags != 0 {
		h.flags = r.u32()
	}
	if err := r.err("tfhd"); err != nil {
		return nil, err
	}
	tfdt, err := find(traf, "tfdt")
	if err != nil {
		return nil, err
	}
	r = reader{b: tfdt}
	if version, _ := r.full(); version == 1 {
		h.time = int64(r.u64()) //nolint:gosec // checked below
	} else {
		h.time = int64(r.u32())
	}
	if h.time < 0 || h.time/int64(h.rate) >= maxSeconds {
		return nil, errors.New("fmp4: track fragment with an impossible decode time")
	}
	return h, r.err("tfdt")
}

// parseRun reads trun (8.8.8).
func (p *parser) parseRun(h *trafHead, body []byte) error {
	r := reader{b: body}
	version, flags := r.full()
	count := r.u32()
	at := p.next
	if flags&runDataOffset != 0 {
		at = h.base + int64(int32(r.u32())) //nolint:gosec // the field is signed
	}
	first := h.flags
	if flags&runFirstFlags != 0 {
		first = r.u32()
	}
	if int64(count)+int64(len(p.fragment.Samples)) > maxSamples {
		return fmt.Errorf("fmp4: fragment of over %d samples", maxSamples)
	}
	for i := range count {
		duration, size, sampleFlags, composition := h.duration, h.size, h.flags, int64(0)
		if i == 0 {
			sampleFlags = first
		}
		if flags&runDuration != 0 {
			duration = r.u32()
		}
		if flags&runSize != 0 {
			size = r.u32()
		}
		if flags&runFlags != 0 {
			sampleFlags = r.u32()
		}
		if flags&runOffset != 0 {
			if composition = int64(r.u32()); version != 0 {
				composition = int64(int32(composition)) //nolint:gosec // signed in version 1
			}
		}
		if err := r.err("trun"); err != nil {
			return err
		}
		if at < 0 || at > int64(len(p.data)) || int64(size) > int64(len(p.data))-max(at, p.bytes) {
			return fmt.Errorf("fmp4: sample outside of the fragment: %w", io.ErrUnexpectedEOF)
		}
		payload := p.data[at : at+int64(size) : at+int64(size)]
		if err := p.add(h, payload, duration, composition, sampleFlags&nonSync == 0); err != nil {
			return err
		}
		at += int64(size)
		p.bytes += int64(size)
		if h.time += int64(duration); h.time/int64(h.rate) >= maxSeconds {
			return errors.New("fmp4: track fragment with an impossible decode time")
		}
	}
	p.next = at
	return nil
}

// add makes a sample's packet.
func (p *parser) add(h *trafHead, payload []byte, duration uint32, composition int64, sync bool) error {
	if h.lengthSize != 0 {
		var err error
		if payload, err = nal.Resize(payload, h.lengthSize); err != nil {
			return err
		}
	}
	at := func(ticks int64) time.Duration { return media.FromClock(ticks, h.rate) }
	packet := &media.Packet{Track: h.track, DTS: at(h.time), PTS: at(h.time + composition), Payload: payload}
	packet.Key = sync && h.track.Codec.Kind() == media.Video
	p.fragment.Samples = append(p.fragment.Samples, Sample{Packet: packet, Duration: at(h.time+int64(duration)) - packet.DTS})
	return nil
}
