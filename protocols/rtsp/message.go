package rtsp

import "encoding/binary"

// maxMessageHead is the longest header of a WebSocket message of less than 64
// KiB without a mask.
const maxMessageHead = 4

// WebSocket opcodes (RFC 6455 5.2).
const (
	opBinary = 2
	opClose  = 8
	opPong   = 10
)

// appendMessageHead appends the header of a final, unmasked WebSocket message
// of size bytes, less than 64 KiB (RFC 6455 5.2).
func appendMessageHead(dst []byte, opcode byte, size int) []byte {
	const final = 0x80
	if size < 126 {
		return append(dst, final|opcode, byte(size))
	}
	return binary.BigEndian.AppendUint16(append(dst, final|opcode, 126), uint16(size))
}

// messageHead returns the size of the header that b begins with.
func messageHead(b []byte) int {
	if b[1] < 126 {
		return 2
	}
	return 4
}
