package wire

import (
	"encoding/binary"
	"fmt"
)

// FrameHeaderSize is what goes before the data of an interleaved frame
// (RFC 2326 10.12).
const FrameHeaderSize = 4

// MaxFrame is the most bytes that one interleaved frame can carry.
const MaxFrame = 0xffff

// frameMagic begins an interleaved frame; no message begins with it.
const frameMagic = '$'

// AppendFrameHeader appends the header of an interleaved frame of size bytes on
// channel. It panics where size is over MaxFrame or negative: RTP packets are
// far smaller.
func AppendFrameHeader(dst []byte, channel uint8, size int) []byte {
	if size < 0 || size > MaxFrame {
		panic(fmt.Sprintf("wire: interleaved frame of %d bytes", size))
	}
	return binary.BigEndian.AppendUint16(append(dst, frameMagic, channel), uint16(size))
}

// AppendFrame appends an interleaved frame.
func AppendFrame(dst []byte, channel uint8, data []byte) []byte {
	return append(AppendFrameHeader(dst, channel, len(data)), data...)
}
