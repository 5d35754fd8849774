package h264

import (
	"fmt"

	"sluice/protocols/codec/bits"
	"sluice/protocols/codec/nal"
)

// Type is a nal_unit_type (table 7-1).
type Type uint8

// The NAL unit types of single-layer streams.
const (
	TypeUnassigned Type = 0
	TypeSlice      Type = 1 // coded slice of a non-IDR picture
	TypeDataA      Type = 2
	TypeDataB      Type = 3
	TypeDataC      Type = 4
	TypeIDR        Type = 5 // coded slice of an IDR picture
	TypeSEI        Type = 6
	TypeSPS        Type = 7
	TypePPS        Type = 8
	TypeAUD        Type = 9 // access unit delimiter
	TypeEndOfSeq   Type = 10
	TypeEndOfStrm  Type = 11
	TypeFiller     Type = 12
	TypeSPSExt     Type = 13
	TypePrefix     Type = 14
	TypeSubsetSPS  Type = 15
	TypeAuxSlice   Type = 19
	TypeSliceExt   Type = 20
)

// TypeOf returns the unit's type, TypeUnassigned for an empty unit.
func TypeOf(unit []byte) Type {
	if len(unit) == 0 {
		return TypeUnassigned
	}
	return Type(unit[0] & 0x1f)
}

// IsSlice reports whether units of this type carry picture data of the base
// layer (the VCL NAL unit types 1 to 5).
func (t Type) IsSlice() bool { return t >= TypeSlice && t <= TypeIDR }

// IsKey reports whether the payload (4-byte lengths) holds an IDR picture.
func IsKey(payload []byte) bool {
	for u := range nal.Units(payload) {
		switch TypeOf(u) {
		case TypeIDR:
			return true
		case TypeSlice, TypeDataA:
			return false
		}
	}
	return false
}

// Disposable reports whether the payload (4-byte lengths) holds a picture that
// no other picture refers to: all its slices have nal_ref_idc 0 (7.4.1). A
// decoder goes on without it as if it had never been sent.
func Disposable(payload []byte) bool {
	found := false
	for u := range nal.Units(payload) {
		if !TypeOf(u).IsSlice() {
			continue
		}
		if u[0]&0x60 != 0 {
			return false
		}
		found = true
	}
	return found
}

// SliceType is a slice_type modulo 5 (table 7-6).
type SliceType uint8

// The slice types.
const (
	SliceP SliceType = iota
	SliceB
	SliceI
	SliceSP
	SliceSI
)

// Slice is the start of a slice header (7.3.3).
type Slice struct {
	FirstMB uint32    // address of its first macroblock: 0 starts a picture
	Type    SliceType // P, B, I, SP or SI
	PPS     uint8     // pic_parameter_set_id, 0 to 255
	RefIDC  uint8     // nal_ref_idc: 0 when no picture refers to this one
	IDR     bool
}

// ParseSlice reads the start of the header of a coded slice (unit types 1, 2
// and 5).
func ParseSlice(unit []byte) (Slice, error) {
	switch t := TypeOf(unit); t {
	case TypeSlice, TypeDataA, TypeIDR:
	default:
		return Slice{}, fmt.Errorf("h264: unit type %d is not a coded slice", t)
	}
	var head [24]byte // three codes of at most 63 bits
	r := bits.NewReader(nal.Unescape(head[:0], unit[1:], len(head)))
	s := Slice{FirstMB: r.UE(), RefIDC: unit[0] >> 5 & 3, IDR: TypeOf(unit) == TypeIDR}
	kind, pps := r.UE(), r.UE()
	if err := r.Err(); err != nil {
		return Slice{}, fmt.Errorf("h264: slice header: %w", err)
	}
	if kind > 9 || pps > 255 {
		return Slice{}, fmt.Errorf("h264: slice header: slice type %d or parameter set %d out of range", kind, pps)
	}
	s.Type, s.PPS = SliceType(kind%5), uint8(pps)
	return s, nil
}

// seiRecoveryPoint is the payloadType of a recovery point (D.1.8).
const seiRecoveryPoint = 6

// IsRecovery reports whether the payload (4-byte lengths) holds a picture of I
// slices at which its SEI says that decoding can start with right pictures at
// once (recovery_frame_cnt 0, D.2.8): the start of an open group of pictures.
// Pictures that are shown before it may not decode.
func IsRecovery(payload []byte) bool {
	recovery := false
	for u := range nal.Units(payload) {
		switch t := TypeOf(u); {
		case t == TypeSEI:
			recovery = recovery || hasRecovery(u[1:])
		case t.IsSlice():
			if s, err := ParseSlice(u); !recovery || err != nil || s.Type != SliceI {
				return false
			}
		}
	}
	return recovery
}

// hasRecovery looks for a recovery point among the messages of an SEI unit
// (7.3.2.3.1).
func hasRecovery(sei []byte) bool {
	const maxSEI = 1024 // recovery points stand near the start
	b := nal.Unescape(make([]byte, 0, min(len(sei), maxSEI)), sei, maxSEI)
	for len(b) > 2 {
		kind, n := seiValue(b)
		size, m := seiValue(b[n:])
		if n+m+size > len(b) {
			return false
		}
		if b = b[n+m:]; kind == seiRecoveryPoint {
			r := bits.NewReader(b[:size])
			return r.UE() == 0 && r.Err() == nil
		}
		b = b[size:]
	}
	return false
}

// seiValue reads a number in bytes of 255 and a last one below it, and returns
// how many these are.
func seiValue(b []byte) (v, n int) {
	for n < len(b) {
		v += int(b[n])
		if n++; b[n-1] < 255 {
			break
		}
	}
	return v, n
}
