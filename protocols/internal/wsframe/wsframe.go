// Package wsframe writes what a WebSocket server sends (RFC 6455 section 5.2).
// It is pure.
package wsframe

import "encoding/binary"

// Opcodes (RFC 6455 section 5.2).
const (
	Text   = 1
	Binary = 2
	Close  = 8
	Ping   = 9
	Pong   = 10
)

// MaxHeader is the longest header of a frame without a mask, in bytes, and
// MaxShortHeader that of one with less than 64 KiB.
const (
	MaxHeader      = 10
	MaxShortHeader = 4
)

// AppendHeader appends the header of a final, unmasked frame whose payload has
// size bytes.
func AppendHeader(dst []byte, opcode byte, size int) []byte {
	const final = 0x80
	switch {
	case size < 126:
		return append(dst, final|opcode, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, final|opcode, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, final|opcode, 127), uint64(size))
	}
}

// HeaderSize returns the size of the header at the start of a frame that
// AppendHeader began.
func HeaderSize(frame []byte) int {
	switch frame[1] {
	case 126:
		return 4
	case 127:
		return 10
	default:
		return 2
	}
}

// Frame returns a whole frame with a copy of the payload.
func Frame(opcode byte, payload []byte) []byte {
	b := make([]byte, 0, MaxHeader+len(payload))
	return append(AppendHeader(b, opcode, len(payload)), payload...)
}
