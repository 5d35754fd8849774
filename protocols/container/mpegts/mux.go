package mpegts

import (
	"fmt"
	"slices"
	"time"

	"sluice/server/media"
)

const (
	// DefaultDelay is MuxerConfig's Delay when it is 0.
	DefaultDelay = 500 * time.Millisecond

	// TablesEvery is the longest stream time between tables.
	TablesEvery = 400 * time.Millisecond

	clockEvery = 80 * time.Millisecond // the clock's aim; 100 ms is the bound (2.7.2)
	clockLeast = 20 * time.Millisecond // nearer than this it isn't repeated
	maxFill    = time.Second           // a longer gap is not filled with clocks

	// A track's time that goes further ahead or back than this is another time
	// line.
	maxAhead = 10 * time.Second
	maxBack  = 500 * time.Millisecond

	programNumber = 1
)

// MuxerConfig says how a Muxer writes.
type MuxerConfig struct {
	// Delay is how far the clock (PCR) stays behind the decoding times: what a
	// decoder has to receive a picture before it needs it, and what sound and
	// picture may be apart in the stream. 0 means DefaultDelay.
	Delay time.Duration
}

// Muxer writes a program. It is for one goroutine at a time.
type Muxer struct {
	delay  time.Duration
	tracks media.Tracks

	video, audio elementary
	clock        *elementary // the one whose PID carries the PCR; nil without tracks

	pat, pmt table
	mapped   []byte // the body of the PMT in force
	version  uint8  // of it

	tablesAt  time.Duration
	tablesDue bool
	fresh     bool // the tables stand just before what comes next

	pcr     time.Duration // decoding time of the last clock
	pcrSent bool
	jump    bool // the time line is another one from here on

	head []byte // scratch for what comes before the payload
}

// elementary is what a Muxer knows of a track.
type elementary struct {
	form
	counters [len(forms)]uint8 // continuity_counter of the next packet with payload, by the codec's place

	last  time.Duration // DTS of the last packet
	begun bool
	// broken asks for the discontinuity_indicator in the next packet.
	broken bool
}

// NewMuxer returns a Muxer without tracks.
func NewMuxer(c MuxerConfig) *Muxer {
	m := &Muxer{delay: c.Delay, tablesDue: true}
	if m.delay <= 0 {
		m.delay = DefaultDelay
	}
	m.pat.set(pidPAT, section{table: tablePAT, id: 1, current: true, body: appendPAT(nil, program{programNumber, pidPMT})})
	m.remap()
	return m
}

// SetTracks changes the tracks; script data is left out. Where the program map
// changes by it, its version does too, and it is due before the next packet. Each
// codec has a PID of its own, since players take a PID's codec for granted. A track
// that is changed in any way is flagged as discontinuous. A codec that is not
// carried is a *CodecError, and one whose configuration can't be used an error;
// the tracks stay as they were then.
func (m *Muxer) SetTracks(ts media.Tracks) error {
	ts.Data = nil
	if ts == m.tracks {
		return nil
	}
	video, err := newForm(ts.Video)
	if err != nil {
		return err
	}
	audio, err := newForm(ts.Audio)
	if err != nil {
		return err
	}
	if ts.Video != m.tracks.Video {
		m.video.change(video)
	}
	if ts.Audio != m.tracks.Audio {
		m.audio.change(audio)
	}
	m.tracks = ts
	m.remap()
	return nil
}

// counter returns the counter of the track's PID.
func (e *elementary) counter() *uint8 { return &e.counters[e.place] }

// change puts another track into the place of the present one.
func (e *elementary) change(f form) {
	e.broken = e.broken || e.track != nil
	e.form = f
}

// remap makes the program map of the tracks.
func (m *Muxer) remap() {
	pm := programMap{pcrPID: pidNull}
	was := m.clock
	m.clock = nil
	for _, e := range []*elementary{&m.video, &m.audio} {
		if e.track == nil {
			continue
		}
		if m.clock == nil {
			m.clock, pm.pcrPID = e, e.pid
		}
		pm.streams = append(pm.streams, stream{e.kind, e.pid, appendDescriptors(nil, e.track)})
	}
	if m.clock != was {
		m.pcrSent = false
	}
	body := pm.append(nil)
	if slices.Equal(body, m.mapped) {
		return
	}
	version := versionOf(m.tracks)
	if m.mapped != nil && version == m.version {
		version = otherVersion
	}
	m.mapped, m.version = body, version
	m.pmt.set(pidPMT, section{table: tablePMT, id: programNumber, version: version, current: true, body: body})
	m.tablesDue, m.fresh = true, false
}

// Discontinuity says that the packets to come do not follow those before them
// in time, as where a publisher has come back: the clock starts anew, and all
// packet ids are flagged.
func (m *Muxer) Discontinuity() {
	m.jump, m.tablesDue = true, true
	for _, e := range []*elementary{&m.video, &m.audio} {
		e.broken, e.begun = true, false
	}
}

// TablesDue reports whether AppendPacket would append the tables before the
// packet: at the start, when they have changed, before key frames, and each
// TablesEvery. It takes the packet's track for the one in force, see SetTracks.
func (m *Muxer) TablesDue(p *media.Packet) bool {
	since := p.DTS - m.tablesAt
	return !m.fresh && (m.tablesDue || p.Key && p.Kind() == media.Video || since >= TablesEvery)
}

// AppendBreak appends packets without data that flag each packet id as
// discontinuous. They stand before AppendTables for a player that enters here and
// had something else before: a part that it missed, or another Muxer's stream.
func (m *Muxer) AppendBreak(dst []byte) []byte {
	dst = appendBreak(dst, pidPAT, m.pat.packet[3]-1)
	dst = appendBreak(dst, pidPMT, m.pmt.packet[3]-1)
	for _, e := range []*elementary{&m.video, &m.audio} {
		if e.track != nil {
			dst = appendBreak(dst, e.pid, *e.counter()-1)
		}
	}
	return dst
}

func appendBreak(dst []byte, pid uint16, counter uint8) []byte {
	const field, length = 0x20, bodySize - 1
	dst = append(dst, syncByte, byte(pid>>8), byte(pid), field|counter&0xf, length, flagDiscontinuity)
	return appendStuffing(dst, length-1)
}

// AppendTables appends the program association table and the program map. They
// count as those that are due before the next packet, so that AppendPacket does not
// repeat them.
func (m *Muxer) AppendTables(dst []byte) []byte {
	m.fresh = true
	return m.pmt.append(m.pat.append(dst))
}

// AppendPacket appends a packet as one PES packet, and before it the tables where
// they are due (at the start, when they change, before key frames, and each
// TablesEvery) and the clock. A packet whose track is another than the one in force
// sets it, see SetTracks. Packets without data append nothing. On an error dst comes
// back as it was. The bytes are whole transport packets; where dst has no room, it
// grows once.
func (m *Muxer) AppendPacket(dst []byte, p *media.Packet) ([]byte, error) {
	e := &m.video
	switch p.Kind() {
	case media.Video:
	case media.Audio:
		e = &m.audio
	default:
		return dst, &CodecError{p.Kind(), p.Track.Codec.String()}
	}
	if p.Track != e.track {
		if err := m.SetTracks(m.tracks.With(p.Track)); err != nil {
			return dst, err
		}
	}
	var size int
	var err error
	if m.head, size, err = e.measure(m.head[:0], p); err != nil || size == 0 {
		return dst, err
	}
	h := pesHeader{id: e.id, pts: ticks(p.PTS + m.delay), dts: ticks(p.DTS + m.delay)}
	if p.PTS < p.DTS {
		h.pts = h.dts
	}
	// The PES header goes before what measure has put into head.
	var room [pesFixed + 2*stampSize]byte
	header := h.appendPES(room[:0], len(m.head)+size)
	total := len(header) + len(m.head) + size
	if e.id != idVideo && total-pesCounted > maxPESLength {
		return dst, fmt.Errorf("mpegts: %s packet of %d bytes is too large", p.Track.Codec, size)
	}
	if e.begun && (p.DTS > e.last+maxAhead || p.DTS < e.last-maxBack) {
		m.Discontinuity()
	}
	e.last, e.begun = p.DTS, true

	w := writer{dst: slices.Grow(dst, m.need(p, total)), e: e, left: total}
	m.appendDue(&w, p)
	w.flags, w.pcr = m.adaptation(p, e), ticks(p.DTS)
	w.write(header)
	w.write(m.head)
	e.writePayload(&w, p.Payload)
	return w.dst, nil
}

// need returns the room for a PES packet of size bytes with what may come before
// it: a wire log keeps the bytes, so that they should not be many more.
func (m *Muxer) need(p *media.Packet, size int) int {
	packets := (size + 2 + pcrSize + bodySize - 1) / bodySize
	if m.TablesDue(p) {
		packets += 2
	}
	if !m.pcrSent {
		packets++
	} else if gap := int((p.DTS - m.pcr) / clockEvery); gap > 0 {
		packets += min(gap, int(maxFill/clockEvery))
	}
	return PacketSize * packets
}

// appendDue appends the tables and clocks that are due before the packet.
func (m *Muxer) appendDue(w *writer, p *media.Packet) {
	if m.TablesDue(p) {
		w.dst = m.AppendTables(w.dst)
	}
	if m.fresh {
		m.tablesAt, m.tablesDue, m.fresh = p.DTS, false, false
	}
	if m.jump {
		m.jump, m.pcrSent = false, false
	}
	if !m.pcrSent || p.DTS-m.pcr > maxFill {
		if w.e != m.clock {
			m.appendClock(w, p.DTS)
		}
		return
	}
	// The clock goes on between pictures that are far apart; the one at the
	// packet's own time is in the packet, where its PID carries the clock.
	for p.DTS-m.pcr > clockEvery || w.e != m.clock && p.DTS-m.pcr == clockEvery {
		m.appendClock(w, m.pcr+clockEvery)
	}
}

// appendClock appends a packet with nothing but the clock.
func (m *Muxer) appendClock(w *writer, at time.Duration) {
	c := m.clock
	flags := byte(flagPCR)
	if c.broken {
		flags |= flagDiscontinuity
	}
	c.broken = false
	const length = bodySize - 1
	w.dst = append(w.dst, syncByte, byte(c.pid>>8), byte(c.pid), 0x20|(*c.counter()-1)&0xf, length, flags)
	w.dst = appendStuffing(appendPCR(w.dst, ticks(at)), length-1-pcrSize)
	m.pcr, m.pcrSent = at, true
}

// adaptation returns the flags of the adaptation field of the PES packet's first
// transport packet.
func (m *Muxer) adaptation(p *media.Packet, e *elementary) (flags byte) {
	if e.broken {
		flags |= flagDiscontinuity
		e.broken = false
	}
	if p.Kind() == media.Video && p.Key || e == m.clock && p.Kind() == media.Audio {
		flags |= flagRandomAccess
	}
	if e == m.clock && (!m.pcrSent || p.DTS-m.pcr >= clockLeast || flags != 0 && p.DTS >= m.pcr) {
		flags |= flagPCR
		m.pcr, m.pcrSent = p.DTS, true
	}
	return flags
}

// table is a table in one transport packet.
type table struct {
	packet [PacketSize]byte
}

// set puts a section into the packet and keeps its counter.
func (t *table) set(pid uint16, s section) {
	const payload, start, counter = 0x10, 0x40, 0xf
	b := append(t.packet[:0], syncByte, start|byte(pid>>8), byte(pid), payload|t.packet[3]&counter, 0)
	b = s.append(b)
	if len(b) > PacketSize {
		panic("mpegts: a program map of two tracks does not fit")
	}
	appendStuffing(b, PacketSize-len(b))
}

// append appends the packet and counts it.
func (t *table) append(dst []byte) []byte {
	dst = append(dst, t.packet[:]...)
	t.packet[3] = t.packet[3]&^0xf | (t.packet[3]+1)&0xf
	return dst
}

func appendStuffing(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, 0xff)
	}
	return dst
}
