package rtp

import (
	"fmt"

	"sluice/protocols/codec/h264"
	"sluice/server/media"
)

// Payload types of RFC 6184 5.2 that are used here, beside the NAL unit types 1
// to 23.
const (
	h264STAPA = 24
	h264FUA   = 28
)

// Bits of the FU header of H264 (RFC 6184 5.8) and H265 (RFC 7798 4.4.3).
const (
	fuStart = 0x80
	fuEnd   = 0x40
)

// h264Syntax is the nalSyntax of RFC 6184.
type h264Syntax struct{}

func (h264Syntax) header() int { return 1 }

func (h264Syntax) classify(unit []byte) nalClass {
	switch t := h264.TypeOf(unit); {
	case t.IsSlice():
		return nalSlice
	case t == h264.TypeSPS:
		return nalSPS
	case t == h264.TypePPS:
		return nalPPS
	case t == h264.TypeAUD, t == h264.TypeFiller:
		return nalIdle
	default:
		return nalOther
	}
}

// aggregate makes a STAP-A (RFC 6184 5.7.1): F is set if any unit has it, NRI
// is the highest of them (5.3).
func (h264Syntax) aggregate(dst []byte, units [][]byte) []byte {
	var f, nri byte
	for _, u := range units {
		f |= u[0] & 0x80
		nri = max(nri, u[0]&0x60)
	}
	return append(dst, f|nri|h264STAPA)
}

// fragment makes a FU-A (RFC 6184 5.8).
func (h264Syntax) fragment(dst, unit []byte, start, end bool) []byte {
	return append(dst, unit[0]&0xe0|h264FUA, fuFlags(start, end)|unit[0]&0x1f)
}

func (h264Syntax) sets(config []byte) ([][]byte, error) {
	c, err := h264.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	if len(c.SPS) == 0 || len(c.PPS) == 0 {
		return nil, fmt.Errorf("%w: configuration record without SPS or PPS", ErrMalformed)
	}
	sets := append([][]byte{}, c.SPS...)
	if c.High != nil {
		sets = append(sets, c.High.SPSExt...)
	}
	return append(sets, c.PPS...), nil
}

func (h264Syntax) setKinds() nalClass { return nalSPS | nalPPS }

func (h264Syntax) kind(payload []byte) nalKind {
	switch t := payload[0] & 0x1f; {
	case t >= 1 && t < h264STAPA:
		return nalSingle
	case t == h264STAPA:
		return nalAggregation
	case t == h264FUA:
		return nalFragment
	default: // STAP-B, MTAP and FU-B carry decoding order numbers
		return nalRefused
	}
}

func (h264Syntax) unitHeader(fragment []byte) [2]byte {
	return [2]byte{fragment[0]&0xe0 | fragment[1]&0x1f}
}

func (h264Syntax) setID(set []byte) uint32 {
	if h264.TypeOf(set) == h264.TypeSPS {
		return firstUE(set[min(4, len(set)):]) // after profile, constraints and level
	}
	return firstUE(set[1:])
}

func (h264Syntax) startsPicture(slice []byte) bool {
	s, err := h264.ParseSlice(slice)
	return err == nil && s.FirstMB == 0
}

func (h264Syntax) isKey(payload []byte) bool { return h264.IsKey(payload) }

func (h264Syntax) track(sets *parameterSets) (*media.Track, error) {
	c, err := h264.NewConfig(sets.units(nalSPS), sets.units(nalPPS))
	if err != nil {
		return nil, err
	}
	return h264.Track(c.Append(nil))
}

// fuFlags returns the S and E bits of a FU header.
func fuFlags(start, end bool) byte {
	var b byte
	if start {
		b |= fuStart
	}
	if end {
		b |= fuEnd
	}
	return b
}
