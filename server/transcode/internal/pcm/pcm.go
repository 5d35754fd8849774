// Package pcm converts between float32 samples with full scale at 1 and 16-bit
// ones.
package pcm

import "encoding/binary"

// Int16 returns the nearest 16-bit sample: what is over full scale is clipped,
// and what is not a number is silence.
func Int16(x float32) int16 {
	x *= 32768
	switch {
	case x >= 32767:
		return 32767
	case x <= -32768:
		return -32768
	case x >= 0:
		return int16(x + 0.5)
	case x < 0:
		return int16(x - 0.5)
	default:
		return 0
	}
}

// Float returns a 16-bit sample as a float32.
func Float(x int16) float32 { return float32(x) * (1.0 / 32768) }

// FromL16 appends the samples of big-endian 16-bit sound (RFC 3551 4.5.11).
func FromL16(src []byte, dst []float32) []float32 {
	for ; len(src) >= 2; src = src[2:] {
		dst = append(dst, Float(int16(binary.BigEndian.Uint16(src)))) //nolint:gosec // the field is signed
	}
	return dst
}
