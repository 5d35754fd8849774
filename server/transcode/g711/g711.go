// Package g711 turns ITU-T G.711 sound to samples and back. Samples are float32
// with full scale at 1; the package is pure.
package g711

import (
	"math/bits"

	"sluice/server/transcode/internal/pcm"
)

// Law is one of the two companding laws.
type Law uint8

// The laws.
const (
	ALaw Law = iota
	MuLaw
)

// Decode appends the samples of src to dst.
func (l Law) Decode(src []byte, dst []float32) []float32 {
	table := &tables[l]
	for _, b := range src {
		dst = append(dst, table[b])
	}
	return dst
}

// Encode appends the codes of src to dst. What is over full scale is clipped.
func (l Law) Encode(src []float32, dst []byte) []byte {
	if l == MuLaw {
		for _, x := range src {
			dst = append(dst, muLaw(int(pcm.Int16(x))))
		}
		return dst
	}
	for _, x := range src {
		dst = append(dst, aLaw(int(pcm.Int16(x))))
	}
	return dst
}

var tables = [...][256]float32{ALaw: table(fromALaw), MuLaw: table(fromMuLaw)}

func table(f func(byte) int) (t [256]float32) {
	for i := range t {
		t[i] = float32(f(byte(i))) / 32768
	}
	return t
}

// A-law has 13 bits with the sign, and inverts every other bit on the line
// (G.711 table 1a). Scaled to 16 bits the smallest step is 16.

func fromALaw(b byte) int {
	b ^= 0x55
	exp, mantissa := int(b>>4&7), int(b&15)
	v := mantissa<<4 + 8
	if exp > 0 {
		v = (v + 256) << (exp - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}

func aLaw(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		sign, v = 0, -v-1
	}
	exp := max(0, bits.Len(uint(v))-8)
	code := byte(v >> 4)
	if exp > 0 {
		code = byte(exp)<<4 | byte(v>>(exp+3))&15
	}
	return (sign | code) ^ 0x55
}

// Mu-law has 14 bits with the sign, and inverts all bits on the line (G.711
// table 2a). Scaled to 16 bits the smallest step is 8 and the bias of the
// segments is 132.

const (
	muBias = 132
	muMax  = 32635 // 32767-muBias
)

func fromMuLaw(b byte) int {
	b = ^b
	exp, mantissa := b>>4&7, int(b&15)
	v := (mantissa<<3+muBias)<<exp - muBias
	if b&0x80 != 0 {
		return -v
	}
	return v
}

func muLaw(v int) byte {
	sign := byte(0)
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, muMax) + muBias
	exp := bits.Len(uint(v)) - 8
	return ^(sign | byte(exp)<<4 | byte(v>>(exp+3))&15)
}
