package chunk

import (
	"encoding/binary"
	"fmt"

	"sluice/protocols/rtmp/message"
)

// Writer cuts messages into chunks with the shortest headers that what it
// wrote before allows.
type Writer struct {
	chunkSize int
	streams   map[uint32]*written
}

// written is the last message on a chunk stream.
type written struct {
	header
	delta    uint32
	hasDelta bool
}

// NewWriter returns a Writer with the default chunk size.
func NewWriter() *Writer {
	return &Writer{chunkSize: DefaultSize, streams: make(map[uint32]*written)}
}

// SetChunkSize changes the chunk size of what follows, 1 to MaxSize. The peer
// must have been told by a Set Chunk Size message.
func (w *Writer) SetChunkSize(n int) { w.chunkSize = max(1, min(n, MaxSize)) }

// Append appends the chunks of m on the chunk stream id, 2 to 65599, to dst.
// The error is ErrTooLong, or ErrInvalid for the id.
func (w *Writer) Append(dst []byte, id uint32, m message.Message) ([]byte, error) {
	h, err := headerOf(id, m)
	if err != nil {
		return dst, err
	}
	last, delta := w.streams[id], uint32(0)
	format := uint8(0)
	if last == nil {
		last = &written{}
		w.streams[id] = last
	} else {
		delta = h.timestamp - last.timestamp
		format = last.format(h, delta)
	}
	time := delta
	if format == 0 {
		time = h.timestamp
	}
	*last = written{header: h, delta: delta, hasDelta: format > 0}
	return appendChunks(dst, w.chunkSize, format, id, time, h, m.Body), nil
}

// format returns the chunk type with which h can follow. A type 3 chunk never
// starts the message behind a type 0 one: readers differ on what it adds to
// the time then.
func (l *written) format(h header, delta uint32) uint8 {
	switch {
	case h.streamID != l.streamID || int32(delta) < 0:
		return 0
	case h.length != l.length || h.typ != l.typ:
		return 1
	case !l.hasDelta || delta != l.delta:
		return 2
	}
	return 3
}

// Append appends the chunks of m, headed by a type 0 chunk, to dst: bytes
// that mean the same whatever was written before them, so that connections
// can share them. id is 2 to 65599. The error is ErrTooLong, or ErrInvalid
// for the id.
func Append(dst []byte, chunkSize int, id uint32, m message.Message) ([]byte, error) {
	h, err := headerOf(id, m)
	if err != nil {
		return dst, err
	}
	return appendChunks(dst, chunkSize, 0, id, h.timestamp, h, m.Body), nil
}

// Size returns the room that Append needs at most for a body of n bytes.
func Size(chunkSize, n int) int {
	const basic, whole, ext = 3, 11, 4
	return basic + whole + ext + n + (n/chunkSize)*(basic+ext)
}

func headerOf(id uint32, m message.Message) (header, error) {
	if id < 2 || id > 65599 {
		return header{}, fmt.Errorf("%w: chunk stream id %d", ErrInvalid, id)
	}
	if len(m.Body) > MaxSize {
		return header{}, fmt.Errorf("%w: %v of %d", ErrTooLong, m.Type, len(m.Body))
	}
	return header{uint32(m.Timestamp), len(m.Body), m.Type, m.StreamID}, nil
}

func appendChunks(b []byte, size int, format uint8, id, time uint32, h header, body []byte) []byte {
	b = appendBasicHeader(b, format, id)
	field := min(time, extended)
	if format <= 2 {
		b = appendUint24(b, field)
	}
	if format <= 1 {
		b = append(appendUint24(b, uint32(h.length)), byte(h.typ))
	}
	if format == 0 {
		b = binary.LittleEndian.AppendUint32(b, h.streamID)
	}
	for {
		if field == extended {
			b = binary.BigEndian.AppendUint32(b, time)
		}
		n := min(size, len(body))
		b = append(b, body[:n]...)
		if body = body[n:]; len(body) == 0 {
			return b
		}
		b = appendBasicHeader(b, 3, id)
	}
}

func appendBasicHeader(b []byte, format uint8, id uint32) []byte {
	switch {
	case id < 64:
		return append(b, format<<6|byte(id))
	case id < 320:
		return append(b, format<<6, byte(id-64))
	default:
		return append(b, format<<6|1, byte(id-64), byte((id-64)>>8))
	}
}

func appendUint24(b []byte, v uint32) []byte {
	return append(b, byte(v>>16), byte(v>>8), byte(v))
}

// Reset forgets what was written, for when others write to the same peer:
// the next message on each chunk stream gets a whole header.
func (w *Writer) Reset() { clear(w.streams) }
