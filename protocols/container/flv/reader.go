package flv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// Reader reads the tags of an FLV stream.
type Reader struct {
	r    *bufio.Reader
	max  int
	head *Header
	time int64 // of the last tag, in ms, unfolded
	any  bool  // a tag has been read
}

// NewReader returns a Reader that refuses tags with a body of more than
// maxBody bytes.
func NewReader(r io.Reader, maxBody int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 32<<10), max: maxBody}
}

// Header reads the file header, if that has not happened yet. Its flags are a
// hint: many writers set both.
func (r *Reader) Header() (Header, error) {
	if r.head != nil {
		return *r.head, nil
	}
	var b [fileHeader]byte
	if _, err := io.ReadFull(r.r, b[:]); err != nil {
		return Header{}, fmt.Errorf("flv: file header: %w", err)
	}
	h, size, err := parseHeader(b[:])
	if err != nil {
		return Header{}, err
	}
	if _, err := r.r.Discard(size - fileHeader); err != nil {
		return Header{}, fmt.Errorf("flv: file header: %w", err)
	}
	r.head = &h
	return h, nil
}

// Next reads the next tag, and the file header before the first one. The
// body is the caller's. At the end of the stream between two tags the error is
// io.EOF itself; a stream that ends inside a tag is io.ErrUnexpectedEOF.
func (r *Reader) Next() (Tag, error) {
	if _, err := r.Header(); err != nil {
		return Tag{}, err
	}
	// The size of the tag before comes first: to wait for the size after a tag
	// would hold the tag back where writers send it with the next.
	var b [prevTagSize + TagHeaderSize]byte
	if n, err := io.ReadFull(r.r, b[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) || n == prevTagSize && errors.Is(err, io.ErrUnexpectedEOF) {
			return Tag{}, io.EOF
		}
		return Tag{}, fmt.Errorf("flv: tag header: %w", err)
	}
	h := b[prevTagSize:]
	if h[0]&filterBit != 0 {
		return Tag{}, errors.New("flv: encrypted tag")
	}
	size := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
	if size > r.max {
		return Tag{}, fmt.Errorf("flv: tag of %d bytes is over the limit of %d", size, r.max)
	}
	body, err := r.body(size)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Tag{}, fmt.Errorf("flv: tag body: %w", err)
	}
	ms := uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6])
	return Tag{Type: TagType(h[0] & typeMask), Timestamp: r.unfold(ms), Body: body}, nil
}

// firstRead is how much of a body is allocated before any of it has arrived.
const firstRead = 64 << 10

// body reads size bytes, and takes memory only as they arrive.
func (r *Reader) body(size int) ([]byte, error) {
	b := make([]byte, min(size, firstRead))
	for have := 0; ; {
		if _, err := io.ReadFull(r.r, b[have:]); err != nil {
			return nil, err
		}
		if have = len(b); have == size {
			return b, nil
		}
		b = append(make([]byte, 0, min(size, 4*have)), b...)
		b = b[:cap(b):cap(b)]
	}
}

// unfold returns the time of a 32-bit timestamp, taken to be less than 24.8
// days from the last one.
func (r *Reader) unfold(ms uint32) time.Duration {
	if r.any {
		r.time += int64(int32(ms - uint32(r.time))) //nolint:gosec // modular arithmetic
	} else {
		r.any, r.time = true, int64(ms)
	}
	return time.Duration(r.time) * time.Millisecond
}
