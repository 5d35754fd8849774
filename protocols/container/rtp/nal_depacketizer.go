package rtp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// nalKind is what the payload of a packet is.
type nalKind uint8

const (
	nalSingle      nalKind = iota
	nalAggregation         // several units, each after its size in 2 bytes
	nalFragment
	nalIgnored
	nalRefused // needs interleaving, which nobody offers
)

// nalAssembler is the pictureFormat of H264 (RFC 6184) and H265 (RFC 7798).
type nalAssembler struct {
	syntax nalSyntax

	unit   unitBuffer // NAL units, each after its length
	count  int        // of NAL units
	vcl    int        // of them slices
	first  int        // where the first slice is
	seen   nalClass
	open   int  // where the length of the unit is whose fragments come
	opened bool // fragments of it came, and its end did not

	sets   parameterSets
	track  *media.Track
	inBand bool // the last key picture brought its parameter sets
}

func (a *nalAssembler) slices() int { return a.vcl }

// place implements pictureFormat, by H.264 7.4.1.2.3 and H.265 7.4.2.4.4: parameter
// sets behind a picture are those of the next one.
func (a *nalAssembler) place(payload []byte) place {
	payload = withoutStartCode(payload)
	header := a.syntax.header()
	if len(payload) < header {
		return anyplace
	}
	switch a.syntax.kind(payload) {
	case nalSingle:
	case nalAggregation:
		payload = payload[min(header+2, len(payload)):] // the first one in it
	default:
		return anyplace
	}
	if len(payload) < header {
		return anyplace
	}
	switch a.syntax.classify(payload) {
	case nalVPS, nalSPS, nalPPS:
		return atStart
	case nalIdle:
		return nowhere
	default:
		return anyplace
	}
}

func (a *nalAssembler) inForce() *media.Track { return a.track }

func (a *nalAssembler) reset() {
	a.unit.b = a.unit.b[:0]
	a.count, a.vcl, a.seen, a.opened = 0, 0, 0, false
}

func (a *nalAssembler) push(payload []byte) error {
	payload = withoutStartCode(payload)
	header := a.syntax.header()
	if len(payload) < header {
		return fmt.Errorf("%w: payload of %d bytes", ErrMalformed, len(payload))
	}
	kind := a.syntax.kind(payload)
	if a.opened && kind != nalFragment && kind != nalIgnored {
		return fmt.Errorf("%w: fragments of a NAL unit without the last", ErrMalformed)
	}
	switch kind {
	case nalSingle:
		return a.add(payload)
	case nalAggregation:
		return a.split(payload[header:])
	case nalFragment:
		return a.join(payload)
	case nalIgnored:
		return nil
	default:
		return fmt.Errorf("%w: payload type %#x", ErrUnsupported, payload[0])
	}
}

// add takes a whole unit.
func (a *nalAssembler) add(unit []byte) error {
	if err := a.grow(unit); err != nil {
		return err
	}
	return a.note(len(a.unit.b) - len(unit))
}

// split takes the units of an aggregation packet.
func (a *nalAssembler) split(b []byte) error {
	for len(b) > 0 {
		if len(b) < 2 {
			return fmt.Errorf("%w: aggregation packet ends early", ErrMalformed)
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) || n < a.syntax.header() {
			return fmt.Errorf("%w: NAL unit of %d bytes in an aggregation packet", ErrMalformed, n)
		}
		if err := a.add(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// join takes a fragment.
func (a *nalAssembler) join(payload []byte) error {
	header := a.syntax.header()
	if len(payload) <= header {
		return fmt.Errorf("%w: fragment of %d bytes", ErrMalformed, len(payload))
	}
	flags, content := payload[header], payload[header+1:]
	if start := flags&fuStart != 0; start == a.opened {
		return fmt.Errorf("%w: fragment of a NAL unit out of place", ErrMalformed)
	}
	if !a.opened {
		head := a.syntax.unitHeader(payload)
		a.open = len(a.unit.b)
		if err := a.grow(head[:header]); err != nil {
			return err
		}
		a.opened = true
	}
	if err := a.unit.add(content...); err != nil {
		return err
	}
	if flags&fuEnd == 0 {
		return nil
	}
	a.opened = false
	start := a.open + nal.LengthSize
	binary.BigEndian.PutUint32(a.unit.b[a.open:], uint32(len(a.unit.b)-start))
	return a.note(start)
}

// grow appends a unit, or the start of one, after its length.
func (a *nalAssembler) grow(unit []byte) error {
	if a.count == maxUnits {
		return fmt.Errorf("%w: over %d NAL units", ErrTooLarge, maxUnits)
	}
	a.count++
	if len(a.unit.b)+nal.LengthSize+len(unit) > a.unit.max {
		return ErrTooLarge
	}
	a.unit.b = nal.Append(a.unit.b, unit)
	return nil
}

// startCode never stands in a unit (H.264 7.4.1, H.265 7.4.2.1).
const startCode = "\x00\x00\x01"

// note looks at the whole unit that was added last, at offset start. Some cameras
// send what comes before a slice and the slice itself as one, with start codes.
func (a *nalAssembler) note(start int) error {
	unit := a.unit.b[start:]
	class := a.syntax.classify(unit)
	if class != nalSlice && bytes.Contains(unit, []byte(startCode)) {
		return a.divide(start)
	}
	a.seen |= class
	switch class {
	case nalSlice:
		if a.vcl == 0 {
			a.first = start
		}
		a.vcl++
	case nalVPS, nalSPS, nalPPS:
		return a.sets.put(class, a.syntax.setID(unit), unit)
	}
	return nil
}

// divide makes the units of a byte stream of the one that was added last, at offset
// start.
func (a *nalAssembler) divide(start int) error {
	stream := append([]byte(startCode), a.unit.b[start:]...)
	a.unit.b = a.unit.b[:start-nal.LengthSize]
	a.count--
	for unit := range nal.SplitAnnexB(stream) {
		if err := a.add(unit); err != nil {
			return err
		}
	}
	return nil
}

func (a *nalAssembler) finish(afterGap bool) (Unit, error) {
	if a.opened {
		return Unit{}, fmt.Errorf("%w: fragments of a NAL unit without the last", ErrMalformed)
	}
	if afterGap && !a.syntax.startsPicture(a.unit.b[a.first:]) {
		return Unit{}, ErrLost
	}
	key := a.syntax.isKey(a.unit.b)
	if key {
		kinds := a.syntax.setKinds()
		inBand := a.seen&kinds == kinds
		if afterGap && a.inBand && !inBand {
			return Unit{}, ErrLost // its parameter sets were in the gap, and may be new
		}
		a.inBand = inBand
	}
	if err := a.update(); err != nil {
		return Unit{}, err
	}
	return Unit{Track: a.track, Key: key, Payload: slices.Clone(a.unit.b)}, nil
}

// update makes a new track when parameter sets have changed.
func (a *nalAssembler) update() error {
	if !a.sets.changed {
		if a.track == nil {
			return ErrNoConfig
		}
		return nil
	}
	t, err := a.syntax.track(&a.sets)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	a.sets.changed = false
	if !t.Same(a.track) {
		a.track = t
	}
	return nil
}
