package chunk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"sluice/protocols/rtmp/message"
)

// Limits bound what a peer can make a Reader hold.
type Limits struct {
	// Message is the longest message in bytes.
	Message int
	// Buffered is how many bytes messages that are not yet whole may take.
	Buffered int
	// Streams is how many chunk streams may be in use.
	Streams int
}

// DefaultLimits allow pictures of 8 MiB, which is a key frame of 8K video.
func DefaultLimits() Limits {
	return Limits{Message: 8 << 20, Buffered: 16 << 20, Streams: 32}
}

// firstAlloc is how much of a body is allocated on the peer's word alone.
const firstAlloc = 8 << 10

// Reader puts messages together. It obeys Set Chunk Size and Abort itself and
// returns all other messages.
type Reader struct {
	br        *bufio.Reader
	limits    Limits
	chunkSize int
	streams   map[uint32]*stream
	buffered  int
	clock     clock
	scratch   [11]byte
}

// stream is the state of one chunk stream.
type stream struct {
	header
	delta    uint32 // what a message that starts with a type 3 chunk adds
	field    uint32 // the last extended time as sent
	extended bool   // the last header had one
	inside   bool   // a message has begun and is not whole
	body     []byte
	largest  int // length of the longest whole message so far
}

// header is what the wire says of a message.
type header struct {
	timestamp uint32
	length    int
	typ       message.Type
	streamID  uint32
}

// NewReader returns a Reader of what follows the handshake.
func NewReader(br *bufio.Reader, l Limits) *Reader {
	return &Reader{br: br, limits: l, chunkSize: DefaultSize, streams: make(map[uint32]*stream)}
}

// SetSource goes on reading from br, which must continue what came before.
func (r *Reader) SetSource(br *bufio.Reader) { r.br = br }

// SetLimits changes the limits for the chunks to come.
func (r *Reader) SetLimits(l Limits) { r.limits = l }

// Read returns the next whole message; its body belongs to the caller. io.EOF
// means that the peer ended between two chunks.
func (r *Reader) Read() (message.Message, error) {
	for {
		m, whole, err := r.readChunk()
		if err != nil {
			return message.Message{}, err
		}
		if !whole {
			continue
		}
		switch m.Type {
		case message.SetChunkSize:
			err = r.setChunkSize(m)
		case message.Abort:
			err = r.abort(m)
		default:
			return m, nil
		}
		if err != nil {
			return message.Message{}, err
		}
	}
}

// readChunk reads one chunk and returns the message that it completes.
func (r *Reader) readChunk() (m message.Message, whole bool, err error) {
	format, id, err := r.basicHeader()
	if err != nil {
		return m, false, err
	}
	s, err := r.stream(format, id)
	if err != nil {
		return m, false, err
	}
	if err := r.messageHeader(format, s); err != nil {
		return m, false, fmt.Errorf("chunk stream %d: %w", id, noEOF(err))
	}
	if s.length > r.limits.Message {
		return m, false, fmt.Errorf("%w: %v of %d bytes, at most %d", ErrLimit, s.typ, s.length, r.limits.Message)
	}
	if err := r.fill(s, min(r.chunkSize, s.length-len(s.body))); err != nil {
		return m, false, noEOF(err)
	}
	if len(s.body) < s.length {
		s.inside = true
		return m, false, nil
	}
	m = message.Message{Type: s.typ, StreamID: s.streamID, Body: s.body}
	m.Timestamp = r.clock.time(s.typ, s.timestamp)
	s.largest = max(s.largest, s.length)
	r.release(s)
	return m, true, nil
}

// basicHeader reads the chunk type and the chunk stream id (5.3.1.1).
func (r *Reader) basicHeader() (format uint8, id uint32, err error) {
	b, err := r.br.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, id = b>>6, uint32(b&0x3f)
	if id >= 2 {
		return format, id, nil
	}
	more := r.scratch[:2]
	more[1] = 0
	if _, err := io.ReadFull(r.br, more[:id+1]); err != nil {
		return 0, 0, noEOF(err)
	}
	return format, uint32(more[0]) + uint32(more[1])<<8 + 64, nil
}

func (r *Reader) stream(format uint8, id uint32) (*stream, error) {
	s := r.streams[id]
	switch {
	case s == nil && format >= 2:
		// Type 1 is tolerated: librtmp sends its first ping response so.
		return nil, fmt.Errorf("%w: chunk stream %d starts with a type %d chunk", ErrInvalid, id, format)
	case s == nil && len(r.streams) >= r.limits.Streams:
		return nil, fmt.Errorf("%w: more than %d chunk streams", ErrLimit, r.limits.Streams)
	case s == nil:
		s = &stream{}
		r.streams[id] = s
	case s.inside && format != 3:
		return nil, fmt.Errorf("%w: type %d chunk inside a message on chunk stream %d", ErrInvalid, format, id)
	}
	return s, nil
}

// headerLength is the length of the message header by chunk type (5.3.1.2).
var headerLength = [4]int{11, 7, 3, 0}

// messageHeader reads the message header and the extended time.
func (r *Reader) messageHeader(format uint8, s *stream) error {
	if format == 3 {
		return r.continued(s)
	}
	b := r.scratch[:]
	if _, err := io.ReadFull(r.br, b[:headerLength[format]]); err != nil {
		return err
	}
	t := uint24(b[0:])
	if format <= 1 {
		s.length = int(uint24(b[3:]))
		s.typ = message.Type(b[6])
	}
	if format == 0 {
		s.timestamp, s.streamID = 0, binary.LittleEndian.Uint32(b[7:])
	}
	if s.extended = t == extended; s.extended {
		var err error
		if t, err = r.extendedTime(); err != nil {
			return err
		}
		s.field = t
	}
	s.delta = t
	s.timestamp += t
	return nil
}

func (r *Reader) extendedTime() (uint32, error) {
	b := r.scratch[:4]
	_, err := io.ReadFull(r.br, b)
	return binary.BigEndian.Uint32(b), err
}

// continued handles a type 3 chunk, which repeats an extended time if the
// chunk before it had one (5.3.1.3). Some encoders leave it out inside a
// message, and some repeat the absolute time where the header had a delta.
func (r *Reader) continued(s *stream) error {
	if !s.inside {
		if s.extended {
			if _, err := r.extendedTime(); err != nil {
				return err
			}
		}
		s.timestamp += s.delta
		return nil
	}
	if !s.extended {
		return nil
	}
	ext, err := r.br.Peek(4)
	if len(ext) < 4 {
		if s.length-len(s.body) < 4 {
			return nil // the end of a message of an encoder that leaves it out
		}
		return err
	}
	if v := binary.BigEndian.Uint32(ext); v == s.field || v == s.timestamp {
		_, err = r.br.Discard(4)
	}
	return err
}

// fill appends n bytes of the stream to the body. Memory is taken as bytes
// arrive: on the peer's word only as much as it has sent in one message
// before.
func (r *Reader) fill(s *stream, n int) error {
	for n > 0 {
		if len(s.body) == cap(s.body) {
			size := min(s.length, max(firstAlloc, s.largest, 4*len(s.body)))
			if r.buffered += size - cap(s.body); r.buffered > r.limits.Buffered {
				return fmt.Errorf("%w: unfinished messages of more than %d bytes", ErrLimit, r.limits.Buffered)
			}
			s.body = append(make([]byte, 0, size), s.body...)
		}
		at := len(s.body)
		part := min(n, cap(s.body)-at)
		s.body = s.body[:at+part]
		if _, err := io.ReadFull(r.br, s.body[at:]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// release ends the message of a stream, whole or not.
func (r *Reader) release(s *stream) {
	r.buffered -= cap(s.body)
	s.body, s.inside = nil, false
}

func (r *Reader) setChunkSize(m message.Message) error {
	n, err := message.ParseUint32(m)
	if err != nil {
		return err
	}
	if n == 0 || n >= 1<<31 {
		return fmt.Errorf("%w: chunk size %d", ErrInvalid, n)
	}
	r.chunkSize = int(min(n, MaxSize))
	return nil
}

func (r *Reader) abort(m message.Message) error {
	id, err := message.ParseUint32(m)
	if s := r.streams[id]; err == nil && s != nil {
		r.release(s)
	}
	return err
}

func uint24(b []byte) uint32 {
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
}

// noEOF makes an end inside a chunk an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
