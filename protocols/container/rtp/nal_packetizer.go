package rtp

import (
	"encoding/binary"
	"fmt"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// nalSyntax is what differs between the payload formats of H264 and H265,
// which share one design: a NAL unit goes alone, together with others in an
// aggregation packet, or in fragments. Units and payloads are at least header
// bytes long, fragments one byte more.
type nalSyntax interface {
	// header is the size in bytes of a unit's header, which is also the size
	// of the payload header of aggregation packets and fragments.
	header() int

	// classify says what the unit is, which may be of any size.
	classify(unit []byte) nalClass

	// aggregate appends the payload header of an aggregation packet that holds
	// the units.
	aggregate(dst []byte, units [][]byte) []byte

	// fragment appends the payload header and the fragmentation header of a
	// part of the unit.
	fragment(dst, unit []byte, start, end bool) []byte

	// kind says what a payload is.
	kind(payload []byte) nalKind

	// unitHeader returns the header of the unit that a fragment is part of.
	unitHeader(fragment []byte) [2]byte

	// setKinds has the classes of parameter set that a key picture needs.
	setKinds() nalClass

	// sets returns the parameter sets of a configuration record, in the order
	// in which they are sent.
	sets(config []byte) ([][]byte, error)

	// setID returns the number of a parameter set among those of its class.
	setID(set []byte) uint32

	// track describes a stream by its parameter sets.
	track(sets *parameterSets) (*media.Track, error)

	// startsPicture reports whether the slice is the first of its picture.
	startsPicture(slice []byte) bool

	// isKey reports whether an access unit in the form of media.Packet is one
	// at which decoding can start.
	isKey(payload []byte) bool
}

// nalClass is a bit set, so that what was seen in an access unit adds up.
type nalClass uint8

const (
	nalOther nalClass = 0
	nalVPS   nalClass = 1 << (iota - 1)
	nalSPS
	nalPPS
	nalSlice // coded picture data of the base layer
	nalIdle  // says nothing that RTP does not say better: delimiters, filler
)

// maxUnits bounds the NAL units of an access unit, and with them the state of
// a stream. An 8K picture with one slice per macroblock row has 270.
const maxUnits = 4096

// nalPacketizer packs H264 (RFC 6184 6) and H265 (RFC 7798 4.4): what fits
// together goes into one aggregation packet, what does not fit is fragmented.
type nalPacketizer struct {
	syntax nalSyntax
	size   int  // largest payload
	single bool // one unit per packet, none divided
	insert bool // put the track's parameter sets before key pictures

	units [][]byte // of the media packet at hand

	track *media.Track // that sets were read from
	sets  [][]byte
}

// Append implements Packetizer.
func (z *nalPacketizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	if err := z.collect(p); err != nil {
		return dst, err
	}
	defer func() { clear(z.units) }() // keeps no payload alive

	room := 0
	for rest := z.units; len(rest) > 0; {
		n, bytes := z.next(rest)
		if bytes > 0 && z.single {
			return dst, fmt.Errorf("%w: NAL unit of %d bytes in packetization-mode 0", ErrTooLarge, len(rest[0]))
		}
		rest = rest[n:]
		room += bytes
	}
	var buf []byte
	if room > 0 {
		buf = make([]byte, 0, room)
	}
	first := len(dst)
	for rest := z.units; len(rest) > 0; {
		n, bytes := z.next(rest)
		switch {
		case bytes == 0:
			dst = append(dst, Payload{Data: rest[0]})
		case n == 1:
			dst, buf = z.fragment(dst, buf, rest[0])
		default:
			start := len(buf)
			buf = z.syntax.aggregate(buf, rest[:n])
			for _, u := range rest[:n] {
				buf = binary.BigEndian.AppendUint16(buf, uint16(len(u)))
				buf = append(buf, u...)
			}
			dst = append(dst, Payload{Data: buf[start:len(buf):len(buf)]})
		}
		rest = rest[n:]
	}
	if len(dst) > first {
		dst[len(dst)-1].Marker = true
	}
	return dst, nil
}

// next says how many of the units go into the next step, and how many new
// bytes that takes: 0 for a unit that is sent as it is, else an aggregation
// packet of n units, or all the fragments of one.
func (z *nalPacketizer) next(units [][]byte) (n, bytes int) {
	header := z.syntax.header()
	if len(units[0]) > z.size {
		content := len(units[0]) - header
		parts, _ := divide(content, z.size-header-1)
		return 1, content + parts*(header+1)
	}
	if z.single {
		return 1, 0
	}
	bytes = header
	for _, u := range units {
		if bytes+2+len(u) > z.size {
			break
		}
		bytes += 2 + len(u)
		n++
	}
	if n < 2 {
		return 1, 0
	}
	return n, bytes
}

// fragment appends the fragments of one unit.
func (z *nalPacketizer) fragment(dst []Payload, buf, unit []byte) ([]Payload, []byte) {
	header := z.syntax.header()
	content := unit[header:]
	_, size := divide(len(content), z.size-header-1)
	for start := 0; start < len(content); start += size {
		end := min(start+size, len(content))
		from := len(buf)
		buf = z.syntax.fragment(buf, unit, start == 0, end == len(content))
		buf = append(buf, content[start:end]...)
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)]})
	}
	return dst, buf
}

// collect gathers the units to send, the track's parameter sets first where
// they are wanted and the picture does not bring its own.
func (z *nalPacketizer) collect(p *media.Packet) error {
	if err := nal.Check(p.Payload); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	z.units = z.units[:0]
	var seen nalClass
	if p.Key && z.insert {
		for u := range nal.Units(p.Payload) {
			seen |= z.syntax.classify(u)
		}
		if kinds := z.syntax.setKinds(); seen&kinds != kinds {
			if err := z.readSets(p.Track); err != nil {
				return err
			}
			z.units = append(z.units, z.sets...)
		}
	}
	for u := range nal.Units(p.Payload) {
		if len(u) < z.syntax.header() {
			return fmt.Errorf("%w: NAL unit of %d bytes", ErrMalformed, len(u))
		}
		if z.syntax.classify(u) == nalIdle {
			continue
		}
		if len(z.units) == maxUnits {
			return fmt.Errorf("%w: over %d NAL units", ErrTooLarge, maxUnits)
		}
		z.units = append(z.units, u)
	}
	return nil
}

// readSets takes the parameter sets from the track's Config, once per track.
func (z *nalPacketizer) readSets(t *media.Track) error {
	if t == z.track {
		return nil
	}
	sets, err := z.syntax.sets(t.Config)
	if err != nil {
		return fmt.Errorf("rtp: parameter sets of the track: %w", err)
	}
	z.track, z.sets = t, sets
	return nil
}
