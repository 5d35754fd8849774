package message

import (
	"encoding/binary"
	"fmt"
)

// Limit says how a peer takes a bandwidth (RTMP 5.4.5).
type Limit uint8

// The limit types of SetPeerBandwidth.
const (
	Hard    Limit = 0
	Soft    Limit = 1
	Dynamic Limit = 2
)

// ParseUint32 reads the body that SetChunkSize, Abort, Acknowledgement and
// WindowAckSize share: one number of 4 bytes.
func ParseUint32(m Message) (uint32, error) {
	if len(m.Body) < 4 {
		return 0, fmt.Errorf("%w: %v of %d bytes", ErrTruncated, m.Type, len(m.Body))
	}
	return binary.BigEndian.Uint32(m.Body), nil
}

// NewUint32 returns a SetChunkSize, Abort, Acknowledgement or WindowAckSize
// message.
func NewUint32(t Type, v uint32) Message {
	return Message{Type: t, Body: binary.BigEndian.AppendUint32(nil, v)}
}

// ParsePeerBandwidth reads a SetPeerBandwidth body: a window in bytes and how
// to take it. A body without the limit type counts as Hard.
func ParsePeerBandwidth(m Message) (window uint32, l Limit, err error) {
	window, err = ParseUint32(m)
	if err == nil && len(m.Body) > 4 {
		l = Limit(m.Body[4])
	}
	return window, l, err
}

// NewPeerBandwidth returns a SetPeerBandwidth message.
func NewPeerBandwidth(window uint32, l Limit) Message {
	m := NewUint32(SetPeerBandwidth, window)
	m.Body = append(m.Body, byte(l))
	return m
}

// EventType is the kind of a user control event (RTMP 6.2).
type EventType uint16

// The user control events that mean something to live media.
const (
	StreamBegin      EventType = 0
	StreamEOF        EventType = 1
	StreamDry        EventType = 2
	SetBufferLength  EventType = 3
	StreamIsRecorded EventType = 4
	PingRequest      EventType = 6
	PingResponse     EventType = 7
)

// Event is a user control event.
type Event struct {
	Type EventType
	// Value is the message stream id, or the time of a ping in milliseconds.
	Value uint32
	// BufferLength in milliseconds, for SetBufferLength only.
	BufferLength uint32
}

// ParseEvent reads a UserControl body. An event of a type that is not listed
// above comes back with what Value it has, and no error.
func ParseEvent(m Message) (Event, error) {
	b := m.Body
	if len(b) < 2 {
		return Event{}, fmt.Errorf("%w: user control of %d bytes", ErrTruncated, len(b))
	}
	e := Event{Type: EventType(binary.BigEndian.Uint16(b))}
	b = b[2:]
	if len(b) >= 4 {
		e.Value = binary.BigEndian.Uint32(b)
		b = b[4:]
	} else if e.Type <= StreamIsRecorded || e.Type == PingRequest || e.Type == PingResponse {
		return Event{}, fmt.Errorf("%w: user control event %d has %d bytes", ErrTruncated, e.Type, len(b))
	}
	if e.Type == SetBufferLength {
		if len(b) < 4 {
			return Event{}, fmt.Errorf("%w: buffer length has %d bytes", ErrTruncated, len(b))
		}
		e.BufferLength = binary.BigEndian.Uint32(b)
	}
	return e, nil
}

// Message returns e as a UserControl message.
func (e Event) Message() Message {
	b := binary.BigEndian.AppendUint16(nil, uint16(e.Type))
	b = binary.BigEndian.AppendUint32(b, e.Value)
	if e.Type == SetBufferLength {
		b = binary.BigEndian.AppendUint32(b, e.BufferLength)
	}
	return Message{Type: UserControl, Body: b}
}
