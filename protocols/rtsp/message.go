package rtsp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"sluice/protocols/internal/wsframe"
)

// messageHead returns the size of the header that b begins with, which is that
// of an RTP packet.
func messageHead(b []byte) int {
	if b[1] < 126 {
		return 2
	}
	return 4
}

// maxControl is the longest payload of a control message (RFC 6455 5.5).
const maxControl = 125

// errMessage is returned for what is no message of a client.
var errMessage = errors.New("rtsp: not a WebSocket message of a client")

// messageReader reads the payload of the messages of a WebSocket client, text
// and binary alike, as one stream of bytes. It ends at a close message.
type messageReader struct {
	r *bufio.Reader
	// answer is called for control messages that want one; may be nil.
	answer func(opcode byte, payload []byte) error

	left   uint64 // of the message at hand
	mask   [4]byte
	masked int // bytes of it so far
}

// Read implements io.Reader.
func (m *messageReader) Read(b []byte) (int, error) {
	for m.left == 0 {
		if err := m.next(); err != nil {
			return 0, err
		}
	}
	n, err := m.r.Read(b[:min(uint64(len(b)), m.left)])
	for i := range b[:n] {
		b[i] ^= m.mask[m.masked&3]
		m.masked++
	}
	m.left -= uint64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the header of the next message that has payload (RFC 6455 5.2).
func (m *messageReader) next() error {
	var head [2]byte
	if _, err := io.ReadFull(m.r, head[:]); err != nil {
		return err
	}
	opcode, size := head[0]&0x0f, uint64(head[1]&0x7f)
	if head[0]&0x70 != 0 || head[1]&0x80 == 0 {
		return errMessage // extensions, or no mask
	}
	var long [8]byte
	switch size {
	case 126:
		if _, err := io.ReadFull(m.r, long[6:]); err != nil {
			return unexpected(err)
		}
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		if _, err := io.ReadFull(m.r, long[:]); err != nil {
			return unexpected(err)
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	if _, err := io.ReadFull(m.r, m.mask[:]); err != nil {
		return unexpected(err)
	}
	m.masked = 0
	const control = 8
	switch {
	case opcode < 3:
		m.left = size
		return nil
	case opcode < control || opcode > wsframe.Pong || size > maxControl:
		return errMessage
	}
	return m.control(opcode, int(size))
}

// control reads and answers a control message.
func (m *messageReader) control(opcode byte, size int) error {
	payload := make([]byte, size)
	if _, err := io.ReadFull(m.r, payload); err != nil {
		return unexpected(err)
	}
	for i := range payload {
		payload[i] ^= m.mask[i&3]
	}
	switch opcode {
	case wsframe.Close:
		if m.answer != nil {
			_ = m.answer(wsframe.Close, payload) // it ends in any case
		}
		return io.EOF
	case wsframe.Ping:
		if m.answer != nil {
			return m.answer(wsframe.Pong, payload)
		}
	}
	return nil
}

// unexpected makes an end inside a message an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
