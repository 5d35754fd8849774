package h265

import "sluice/protocols/codec/nal"

// Type is a nal_unit_type (table 7-1).
type Type uint8

// The NAL unit types. Up to TypeRASLR, the even ones (N) are pictures that no
// picture of the same temporal sub-layer refers to.
const (
	TypeTrailN       Type = 0
	TypeTrailR       Type = 1
	TypeTSAN         Type = 2
	TypeTSAR         Type = 3
	TypeSTSAN        Type = 4
	TypeSTSAR        Type = 5
	TypeRADLN        Type = 6
	TypeRADLR        Type = 7
	TypeRASLN        Type = 8 // skipped when decoding starts at the IRAP picture before it
	TypeRASLR        Type = 9
	TypeBLAWLP       Type = 16
	TypeBLAWRADL     Type = 17
	TypeBLANLP       Type = 18
	TypeIDRWRADL     Type = 19
	TypeIDRNLP       Type = 20
	TypeCRA          Type = 21
	TypeVPS          Type = 32
	TypeSPS          Type = 33
	TypePPS          Type = 34
	TypeAUD          Type = 35 // access unit delimiter
	TypeEndOfSeq     Type = 36
	TypeEndOfStream  Type = 37
	TypeFiller       Type = 38
	TypeSEIPrefix    Type = 39
	TypeSEISuffix    Type = 40
	TypeAggregation  Type = 48 // RTP only (RFC 7798 4.4.2)
	TypeFragment     Type = 49 // RTP only (RFC 7798 4.4.3)
	TypeUnspecified  Type = 63
	lastIRAP         Type = 23
	lastVCL          Type = 31
	lastNonReference Type = 14
)

// HeaderSize is the size of a NAL unit header in bytes.
const HeaderSize = 2

// TypeOf returns the unit's type, TypeUnspecified for one without a header.
func TypeOf(unit []byte) Type {
	if len(unit) < HeaderSize {
		return TypeUnspecified
	}
	return Type(unit[0] >> 1 & 0x3f)
}

// TemporalID returns the unit's TemporalId, 0 to 6, and 0 for a unit without a
// valid header.
func TemporalID(unit []byte) uint8 {
	if len(unit) < HeaderSize || unit[1]&7 == 0 {
		return 0
	}
	return unit[1]&7 - 1
}

// IsSlice reports whether units of this type carry picture data (VCL).
func (t Type) IsSlice() bool { return t <= lastVCL }

// IsIRAP reports whether units of this type belong to an intra random access
// point picture: IDR, CRA or BLA. Decoding can start there.
func (t Type) IsIRAP() bool { return t >= TypeBLAWLP && t <= lastIRAP }

// IsKey reports whether the payload (4-byte lengths) holds an IRAP picture.
func IsKey(payload []byte) bool {
	for u := range nal.Units(payload) {
		if t := TypeOf(u); t.IsSlice() {
			return t.IsIRAP()
		}
	}
	return false
}

// IsRASL reports whether the payload (4-byte lengths) holds a skipped leading
// picture, which cannot be decoded when decoding started at the CRA picture
// before it.
func IsRASL(payload []byte) bool {
	for u := range nal.Units(payload) {
		if t := TypeOf(u); t.IsSlice() {
			return t == TypeRASLN || t == TypeRASLR
		}
	}
	return false
}

// Disposable reports whether the payload (4-byte lengths) holds a picture that
// no other picture refers to: a sub-layer non-reference picture of the highest
// temporal sub-layer. subLayers is the number of sub-layers of the stream
// (SPS.SubLayers). A decoder goes on without it as if it had never been sent.
func Disposable(payload []byte, subLayers uint8) bool {
	found := false
	for u := range nal.Units(payload) {
		t := TypeOf(u)
		if !t.IsSlice() {
			continue
		}
		if t > lastNonReference || t%2 != 0 || TemporalID(u)+1 < subLayers {
			return false
		}
		found = true
	}
	return found
}
