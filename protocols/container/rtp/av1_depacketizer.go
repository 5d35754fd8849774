package rtp

import (
	"fmt"
	"slices"

	"sluice/protocols/codec/av1"
	"sluice/server/media"
)

// av1Assembler is the pictureFormat of AV1 (AV1 RTP 4). A picture here is a
// temporal unit.
type av1Assembler struct {
	unit     unitBuffer // OBUs with size fields
	fragment unitBuffer // what came of an OBU that goes on in the next packet
	opened   bool       // there is such an OBU
	count    int        // of OBUs
	frames   int        // of them parts of frames
	sequence bool       // the unit is known to be whole at its start

	track *media.Track
}

func (*av1Assembler) place([]byte) place { return anyplace }

func (a *av1Assembler) slices() int { return a.frames }

func (a *av1Assembler) inForce() *media.Track { return a.track }

func (a *av1Assembler) reset() {
	a.unit.b, a.fragment.b = a.unit.b[:0], a.fragment.b[:0]
	a.opened, a.count, a.frames, a.sequence = false, 0, 0, false
}

func (a *av1Assembler) push(payload []byte) error {
	head, rest := payload[0], payload[1:]
	if len(rest) == 0 {
		return fmt.Errorf("%w: AV1 payload of 1 byte", ErrMalformed)
	}
	if head&av1Continues != 0 != a.opened {
		return fmt.Errorf("%w: fragment of an OBU out of place", ErrMalformed)
	}
	if a.count == 0 && !a.opened && head&av1Sequence != 0 {
		a.sequence = true
	}
	count := int(head >> 4 & 3) // W
	for i := 0; len(rest) > 0; i++ {
		var element []byte
		if count > 0 && i == count-1 {
			element, rest = rest, nil
		} else {
			size, n := av1.ReadLeb128(rest)
			if n == 0 || size > uint64(len(rest)-n) {
				return fmt.Errorf("%w: AV1 element ends early", ErrMalformed)
			}
			element, rest = rest[n:n+int(size)], rest[n+int(size):]
		}
		if err := a.add(element, len(rest) == 0 && head&av1Goes != 0); err != nil {
			return err
		}
	}
	return nil
}

// add takes one element; more says that it is not the end of its OBU.
func (a *av1Assembler) add(element []byte, more bool) error {
	if !a.opened && !more {
		return a.addUnit(element)
	}
	a.opened = more
	if err := a.fragment.add(element...); err != nil || more {
		return err
	}
	err := a.addUnit(a.fragment.b)
	a.fragment.b = a.fragment.b[:0]
	return err
}

// addUnit takes a whole OBU, with or without a size field.
func (a *av1Assembler) addUnit(b []byte) error {
	if err := av1.Check(b); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for o := range av1.Units(b) {
		if av1Idle(o.Type) {
			continue
		}
		const head = 2 + 5 // header, and a size field of 32 bits
		if a.count == maxUnits || len(a.unit.b)+head+len(o.Data) > a.unit.max {
			return ErrTooLarge
		}
		switch o.Type {
		case av1.TypeFrame, av1.TypeFrameHeader, av1.TypeTileGroup:
			a.frames++
		case av1.TypeSequenceHeader:
			a.sequence = a.sequence || a.count == 0
		}
		a.count++
		a.unit.b = o.Append(a.unit.b)
	}
	return nil
}

// finish takes a unit after a gap for whole only if it begins a coded video
// sequence: nothing else shows that its first OBUs are there.
func (a *av1Assembler) finish(afterGap bool) (Unit, error) {
	if a.opened {
		return Unit{}, fmt.Errorf("%w: OBU without its last fragment", ErrMalformed)
	}
	if afterGap && !a.sequence {
		return Unit{}, ErrLost
	}
	key := av1.IsKey(a.unit.b)
	if config := av1.ConfigOf(a.unit.b); config != nil {
		t, err := av1.Track(config)
		if err != nil {
			return Unit{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if !t.Same(a.track) {
			a.track = t
		}
	}
	if a.track == nil {
		return Unit{}, fmt.Errorf("%w: AV1 before its sequence header", ErrNoConfig)
	}
	return Unit{Track: a.track, Key: key, Payload: slices.Clone(a.unit.b)}, nil
}
