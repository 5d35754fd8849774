package rtp

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"sluice/protocols/codec/bits"
)

// Bounds of the parameter sets that are kept for a stream.
const (
	maxSets    = 64
	maxSetSize = 8192
)

// parameterSets are the parameter sets in force, by class and id.
type parameterSets struct {
	list    []parameterSet // in the order of their first appearance
	changed bool           // since it was last cleared
}

type parameterSet struct {
	class nalClass
	id    uint32
	unit  []byte
}

// put takes a set into the list, in the place of the one with its class and id.
func (s *parameterSets) put(class nalClass, id uint32, unit []byte) error {
	if len(unit) > maxSetSize {
		return fmt.Errorf("%w: parameter set of %d bytes", ErrTooLarge, len(unit))
	}
	i := slices.IndexFunc(s.list, func(p parameterSet) bool { return p.class == class && p.id == id })
	if i >= 0 && bytes.Equal(s.list[i].unit, unit) {
		return nil
	}
	set := parameterSet{class, id, bytes.Clone(unit)}
	switch {
	case i >= 0:
		s.list[i] = set
	case len(s.list) == maxSets:
		return fmt.Errorf("%w: over %d parameter sets", ErrTooLarge, maxSets)
	default:
		s.list = append(s.list, set)
	}
	s.changed = true
	return nil
}

// units returns the sets of one class.
func (s *parameterSets) units(class nalClass) (units [][]byte) {
	for _, p := range s.list {
		if p.class == class {
			units = append(units, p.unit)
		}
	}
	return units
}

// firstUE reads the unsigned Exp-Golomb code (H.264 9.1) at the start of b; the
// largest value when there is none.
func firstUE(b []byte) uint32 {
	r := bits.NewReader(b)
	v := r.UE()
	if r.Err() != nil {
		return math.MaxUint32
	}
	return v
}
