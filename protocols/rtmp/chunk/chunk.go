package chunk

import (
	"errors"

	"sluice/protocols/rtmp/message"
)

const (
	// DefaultSize is the chunk size of both directions before a Set Chunk
	// Size message.
	DefaultSize = 128
	// MaxSize is the largest chunk size: that of the longest message.
	MaxSize = 0xffffff

	// extended in the 24 bits of a time says that 32 bits follow.
	extended = 0xffffff
)

// Chunk streams that this package's users write on. Any would do; these are
// what other implementations use.
const (
	ControlStream = 2
	CommandStream = 3
	AudioStream   = 4
	DataStream    = 5
	VideoStream   = 6
)

// StreamFor returns the chunk stream for messages of that type.
func StreamFor(t message.Type) uint32 {
	switch t {
	case message.CommandAMF0, message.CommandAMF3:
		return CommandStream
	case message.Audio:
		return AudioStream
	case message.Video, message.Aggregate:
		return VideoStream
	case message.DataAMF0, message.DataAMF3:
		return DataStream
	default:
		return ControlStream
	}
}

// Errors of Reader and Writer, wrapped with their context.
var (
	// ErrInvalid: the peer breaks the rules of the chunk stream.
	ErrInvalid = errors.New("rtmp: invalid chunk stream")
	// ErrLimit: the peer exceeds a limit of the reader.
	ErrLimit = errors.New("rtmp: chunk stream exceeds a limit")
	// ErrTooLong: the message does not fit into 24 bits of length.
	ErrTooLong = errors.New("rtmp: message longer than 16777215 bytes")
)
