package message

import (
	"errors"
	"strconv"
)

// Type is the message type id (RTMP 5.4, 7.1).
type Type uint8

// The message types. 16 and 19 are shared objects, which live media has no
// use for.
const (
	SetChunkSize     Type = 1
	Abort            Type = 2
	Acknowledgement  Type = 3
	UserControl      Type = 4
	WindowAckSize    Type = 5
	SetPeerBandwidth Type = 6
	Audio            Type = 8
	Video            Type = 9
	DataAMF3         Type = 15
	SharedAMF3       Type = 16
	CommandAMF3      Type = 17
	DataAMF0         Type = 18
	SharedAMF0       Type = 19
	CommandAMF0      Type = 20
	Aggregate        Type = 22
)

var typeNames = map[Type]string{
	SetChunkSize: "set chunk size", Abort: "abort", Acknowledgement: "acknowledgement",
	UserControl: "user control", WindowAckSize: "window acknowledgement size",
	SetPeerBandwidth: "set peer bandwidth", Audio: "audio", Video: "video",
	DataAMF3: "data (AMF3)", SharedAMF3: "shared object (AMF3)", CommandAMF3: "command (AMF3)",
	DataAMF0: "data", SharedAMF0: "shared object", CommandAMF0: "command", Aggregate: "aggregate",
}

// String returns the type's name in the specification.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "type " + strconv.Itoa(int(t))
}

// Message is one whole RTMP message.
type Message struct {
	Type Type

	// StreamID is the message stream, 0 for the connection itself.
	StreamID uint32

	// Timestamp is in milliseconds. The wire has its lowest 32 bits; the
	// chunk reader counts the wraps.
	Timestamp int64

	Body []byte
}

// Errors of the parsers in this package, wrapped with their context.
var (
	ErrTruncated = errors.New("rtmp: message is truncated")
	ErrInvalid   = errors.New("rtmp: message is invalid")
)
