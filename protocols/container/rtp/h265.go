package rtp

import (
	"fmt"

	"sluice/protocols/codec/h265"
	"sluice/server/media"
)

// h265PACI is a payload with control information (RFC 7798 4.4.4).
const h265PACI h265.Type = 50

// h265Syntax is the nalSyntax of RFC 7798, without decoding order numbers.
type h265Syntax struct{}

func (h265Syntax) header() int { return h265.HeaderSize }

func (h265Syntax) classify(unit []byte) nalClass {
	switch t := h265.TypeOf(unit); {
	case t == h265.TypeAUD, t == h265.TypeFiller:
		return nalIdle
	case len(unit) < h265.HeaderSize, layerOf(unit) != 0: // the latter of an extension
		return nalOther
	case t.IsSlice():
		return nalSlice
	case t == h265.TypeVPS:
		return nalVPS
	case t == h265.TypeSPS:
		return nalSPS
	case t == h265.TypePPS:
		return nalPPS
	default:
		return nalOther
	}
}

// layerOf returns nuh_layer_id.
func layerOf(unit []byte) byte { return unit[0]&1<<5 | unit[1]>>3 }

// aggregate makes the header of an aggregation packet, with the lowest layer
// and temporal id of its units (RFC 7798 4.4.2).
func (h265Syntax) aggregate(dst []byte, units [][]byte) []byte {
	f, layer, tid := byte(0), byte(63), byte(7)
	for _, u := range units {
		f |= u[0] & 0x80
		layer = min(layer, layerOf(u))
		tid = min(tid, u[1]&7)
	}
	return append(dst, f|byte(h265.TypeAggregation)<<1|layer>>5, layer<<3|tid)
}

// fragment makes a FU (RFC 7798 4.4.3).
func (h265Syntax) fragment(dst, unit []byte, start, end bool) []byte {
	return append(dst, unit[0]&0x81|byte(h265.TypeFragment)<<1, unit[1], fuFlags(start, end)|byte(h265.TypeOf(unit)))
}

func (h265Syntax) kind(payload []byte) nalKind {
	switch t := h265.TypeOf(payload); {
	case t < h265.TypeAggregation:
		return nalSingle
	case t == h265.TypeAggregation:
		return nalAggregation
	case t == h265.TypeFragment:
		return nalFragment
	case t == h265PACI:
		return nalIgnored
	default:
		return nalRefused
	}
}

func (h265Syntax) unitHeader(fragment []byte) [2]byte {
	return [2]byte{fragment[0]&0x81 | fragment[2]&0x3f<<1, fragment[1]}
}

func (h265Syntax) setKinds() nalClass { return nalVPS | nalSPS | nalPPS }

func (h265Syntax) sets(config []byte) ([][]byte, error) {
	c, err := h265.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	var sets [][]byte
	for _, t := range []h265.Type{h265.TypeVPS, h265.TypeSPS, h265.TypePPS} {
		units := c.Units(t)
		if len(units) == 0 {
			return nil, fmt.Errorf("%w: configuration record without parameter sets of type %d", ErrMalformed, t)
		}
		sets = append(sets, units...)
	}
	return sets, nil
}

// setID returns 0 for every SPS: its id stands behind fields of variable size,
// and single-layer streams have one SPS at a time.
func (h265Syntax) setID(set []byte) uint32 {
	content := set[h265.HeaderSize:]
	switch {
	case len(content) == 0, h265.TypeOf(set) == h265.TypeSPS:
		return 0
	case h265.TypeOf(set) == h265.TypeVPS:
		return uint32(content[0] >> 4)
	default:
		return firstUE(content)
	}
}

func (h265Syntax) startsPicture(slice []byte) bool {
	return len(slice) > h265.HeaderSize && slice[h265.HeaderSize]&0x80 != 0 // first_slice_segment_in_pic_flag
}

func (h265Syntax) isKey(payload []byte) bool { return h265.IsKey(payload) }

func (h265Syntax) track(sets *parameterSets) (*media.Track, error) {
	c, err := h265.NewConfig(sets.units(nalVPS), sets.units(nalSPS), sets.units(nalPPS))
	if err != nil {
		return nil, err
	}
	return h265.Track(c.Append(nil))
}
