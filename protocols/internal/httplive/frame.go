package httplive

import "encoding/binary"

// WebSocket opcodes (RFC 6455 section 5.2).
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPong   = 10
)

// maxFrameHeader is the longest header of a frame without a mask.
const maxFrameHeader = 10

// appendFrameHeader appends the header of a final, unmasked frame whose
// payload has size bytes (RFC 6455 section 5.2).
func appendFrameHeader(dst []byte, opcode byte, size int) []byte {
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

// frame returns a whole unmasked frame.
func frame(opcode byte, payload []byte) []byte {
	b := make([]byte, 0, maxFrameHeader+len(payload))
	return append(appendFrameHeader(b, opcode, len(payload)), payload...)
}
