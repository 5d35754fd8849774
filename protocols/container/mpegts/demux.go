package mpegts

import (
	"errors"
	"fmt"
	"time"

	"sluice/server/media"
)

// DefaultMaxPicture is DemuxerConfig's MaxPicture when it is 0.
const DefaultMaxPicture = 16 << 20

// maxSound bounds the PES packets of sound, which must tell their size in 16
// bits; some do not.
const maxSound = 1 << 17

// DemuxerConfig says how a Demuxer reads.
type DemuxerConfig struct {
	// MaxPicture bounds the bytes of a picture; 0 means DefaultMaxPicture.
	MaxPicture int
}

// Errors of events. They say that something is missing from here on; the Demuxer
// goes on.
var (
	// ErrLost: transport packets are missing, or were broken. Of pictures,
	// none comes before the next key frame.
	ErrLost = errors.New("mpegts: packets are missing")
	// ErrSync: bytes that are no transport packets were passed over.
	ErrSync = errors.New("mpegts: not in step with the packets")
	// ErrScrambled: a stream's packets are scrambled from here on, and nothing of
	// it comes until they are not.
	ErrScrambled = errors.New("mpegts: packets are scrambled")
	// ErrTooLarge: a picture is over MaxPicture, or a packet of sound over
	// 128 KiB.
	ErrTooLarge = errors.New("mpegts: packet is too large")
)

// Event is one thing that a Demuxer has found. One of its fields is set.
type Event struct {
	// Track is now the one in force of its kind.
	Track *media.Track
	// Packet is the next packet. Its times are on the program's own time line,
	// which starts where the stream's does and leaps where that does. Arrival is
	// left to the caller.
	Packet *media.Packet
	// Err says what was lost, or with *CodecError which stream is left out.
	Err error
}

// Demuxer reads the first program of a transport stream: its first picture and
// its first sound stream. Its packets are 188 bytes long, or these with 4 bytes
// before (M2TS) or 16 after them (with error correction).
//
// It is for one goroutine at a time.
type Demuxer struct {
	maxPicture int

	in    framer
	queue []Event
	next  int // place in queue
	ended bool

	pat, pmt sections
	pmtPID   uint16 // pidNull when unknown
	number   uint16 // of the program
	mapped   []byte // the PMT section in force

	pcrPID   uint16
	pcr      time.Duration
	pcrKnown bool
	clock    unwrapper

	video, audio *stage // nil when the program has none
}

// NewDemuxer returns a Demuxer at the start of a stream, or anywhere in it.
func NewDemuxer(c DemuxerConfig) *Demuxer {
	d := &Demuxer{maxPicture: c.MaxPicture, pmtPID: pidNull, pcrPID: pidNull}
	if d.maxPicture <= 0 {
		d.maxPicture = DefaultMaxPicture
	}
	return d
}

// Write takes the next bytes of the stream, cut anywhere; it never fails. Call
// Next until it has no more before the next Write: nothing else bounds what is
// kept.
func (d *Demuxer) Write(b []byte) (int, error) {
	d.in.write(b)
	return len(b), nil
}

// Next returns what the bytes so far hold next, and false when there must be
// more of them.
func (d *Demuxer) Next() (Event, bool) {
	for d.next == len(d.queue) {
		clear(d.queue)
		d.queue, d.next = d.queue[:0], 0
		b, lost := d.in.next()
		if lost {
			d.fail(ErrSync)
			d.lose()
		}
		switch {
		case b != nil:
			d.take(b)
		case d.in.ended && !d.ended:
			d.end()
		case !lost:
			return Event{}, false
		}
	}
	e := d.queue[d.next]
	d.next++
	return e, true
}

// Flush says that the stream has ended: Next then returns what is left.
func (d *Demuxer) Flush() { d.in.ended = true }

// end lets out what waits for the start of what follows it.
func (d *Demuxer) end() {
	d.ended = true
	for _, s := range []*stage{d.video, d.audio} {
		if s != nil {
			s.finish()
			s.sink.flush()
		}
	}
}

// Tracks returns the tracks known so far.
func (d *Demuxer) Tracks() media.Tracks {
	var ts media.Tracks
	for _, s := range []*stage{d.video, d.audio} {
		if s != nil && s.sink.inForce() != nil {
			ts = ts.With(s.sink.inForce())
		}
	}
	return ts
}

// Kinds returns the kinds of track that the program map in force names and that
// are read: those that will come.
func (d *Demuxer) Kinds() (kinds []media.Kind) {
	for _, s := range []*stage{d.video, d.audio} {
		if s != nil {
			kinds = append(kinds, s.sink.codec().Kind())
		}
	}
	return kinds
}

// PCR returns the program's clock as it was sent last, on the time line of the
// packets, and false before the first.
func (d *Demuxer) PCR() (time.Duration, bool) { return d.pcr, d.pcrKnown }

func (d *Demuxer) emit(e Event) { d.queue = append(d.queue, e) }

func (d *Demuxer) fail(err error) { d.emit(Event{Err: err}) }

// lose says that anything may be missing.
func (d *Demuxer) lose() {
	d.pat.reset()
	d.pmt.reset()
	for _, s := range []*stage{d.video, d.audio} {
		if s != nil {
			s.lose()
		}
	}
}

// take takes a transport packet.
func (d *Demuxer) take(b []byte) {
	p, payload, err := parsePacket(b)
	if err != nil || p.failed || p.pid == pidNull {
		return // the counter will tell what is missing
	}
	if p.hasPCR && p.pid == d.pcrPID {
		d.pcr, d.pcrKnown = d.clock.unwrap(p.pcr/300), true
	}
	switch {
	case p.pid == pidPAT:
		d.pat.push(p, payload, d.takePAT)
	case p.pid == d.pmtPID:
		d.pmt.push(p, payload, d.takePMT)
	case d.video != nil && p.pid == d.video.pid:
		d.video.push(p, payload)
	case d.audio != nil && p.pid == d.audio.pid:
		d.audio.push(p, payload)
	}
}

// takePAT takes a section of the program association table.
func (d *Demuxer) takePAT(b []byte) {
	s, err := parseSection(b)
	if err != nil {
		d.fail(err)
		return
	}
	if s.table != tablePAT || !s.current || s.number > 0 {
		return
	}
	list, err := parsePAT(s.body)
	if err != nil {
		d.fail(err)
		return
	}
	for _, p := range list {
		if p.number == 0 {
			continue
		}
		if p.pid != d.pmtPID || p.number != d.number {
			d.pmtPID, d.number, d.mapped = p.pid, p.number, d.mapped[:0]
			d.pmt = sections{}
		}
		return
	}
}

// takePMT takes a section of the program map.
func (d *Demuxer) takePMT(b []byte) {
	if string(b) == string(d.mapped) {
		return
	}
	s, err := parseSection(b)
	if err != nil {
		d.fail(err)
		return
	}
	if s.table != tablePMT || s.id != d.number || !s.current {
		return
	}
	m, err := parsePMT(s.body)
	if err != nil {
		d.fail(err)
		return
	}
	d.mapped, d.pcrPID = append(d.mapped[:0], b...), m.pcrPID
	var video, audio *stream
	for i := range m.streams {
		st := &m.streams[i]
		switch codec := codecOf(*st); {
		case codec == media.CodecUnknown:
			d.fail(&CodecError{kindOf(st.kind), fmt.Sprintf("stream type %#02x", st.kind)})
		case codec.Kind() == media.Video && video == nil:
			video = st
		case codec.Kind() == media.Audio && audio == nil:
			audio = st
		}
	}
	d.video = d.restage(d.video, video)
	d.audio = d.restage(d.audio, audio)
}

// kindOf returns what a stream type that is not carried is.
func kindOf(kind byte) media.Kind {
	switch kind {
	case 0x01, 0x02, 0x10, 0x21, 0x33: // MPEG-1, MPEG-2, MPEG-4, JPEG 2000, VVC
		return media.Video
	default:
		return media.Data
	}
}

// restage returns the stage for an elementary stream: the present one where it
// goes on.
func (d *Demuxer) restage(present *stage, st *stream) *stage {
	if st != nil && present != nil && present.pid == st.pid && present.kind == st.kind && present.sink.codec() == codecOf(*st) {
		return present
	}
	if present != nil {
		present.finish()
		present.sink.flush()
	}
	if st == nil {
		return nil
	}
	s := &stage{d: d, pid: st.pid, kind: st.kind, max: maxSound}
	if codec := codecOf(*st); codec.Kind() == media.Video {
		s.max, s.sink = d.maxPicture, newPictures(d, codec)
	} else {
		s.sink = newSounds(d, codec, *st)
	}
	return s
}
