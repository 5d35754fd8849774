package message

import (
	"encoding/binary"
	"fmt"
)

const (
	tagHeader   = 11 // type, size, timestamp, stream id, as in an FLV tag
	backPointer = 4
)

// Split returns the messages of an Aggregate (RTMP 7.1.6): their bodies are
// part of m's. Their times keep their distances and start at m's own. A
// missing last back pointer is tolerated.
func Split(m Message) ([]Message, error) {
	var list []Message
	var first uint32
	for b := m.Body; len(b) > 0; {
		if len(b) < tagHeader {
			return nil, fmt.Errorf("%w: header in an aggregate has %d bytes", ErrTruncated, len(b))
		}
		t := Type(b[0])
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		ts := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
		b = b[tagHeader:]
		if size > len(b) {
			return nil, fmt.Errorf("%w: %v of %d bytes in an aggregate has %d", ErrTruncated, t, size, len(b))
		}
		switch t {
		case Audio, Video, DataAMF0, DataAMF3:
		default:
			return nil, fmt.Errorf("%w: %v inside an aggregate", ErrInvalid, t)
		}
		if list == nil {
			first = ts
		}
		list = append(list, Message{
			Type:      t,
			StreamID:  m.StreamID,
			Timestamp: m.Timestamp + int64(int32(ts-first)),
			Body:      b[:size:size],
		})
		b = b[min(size+backPointer, len(b)):]
	}
	return list, nil
}

// AppendPart appends m to the body of an Aggregate.
func AppendPart(dst []byte, m Message) []byte {
	n, ts := len(m.Body), uint32(m.Timestamp)
	dst = append(dst, byte(m.Type), byte(n>>16), byte(n>>8), byte(n),
		byte(ts>>16), byte(ts>>8), byte(ts), byte(ts>>24),
		byte(m.StreamID>>16), byte(m.StreamID>>8), byte(m.StreamID))
	dst = append(dst, m.Body...)
	return binary.BigEndian.AppendUint32(dst, uint32(tagHeader+n))
}
