package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Bounds of one message. What real peers send is far below them.
const (
	// MaxLine is the longest line in bytes, of a request or of a header: URLs
	// and tokens of 4 KiB exist.
	MaxLine = 8 << 10
	// MaxFields is how many fields a header may have; the longest that clients
	// send have about 15.
	MaxFields = 64
	// MaxHead is how many bytes the lines before the body may take together.
	MaxHead = 32 << 10
	// MaxBody is the longest body in bytes: session descriptions with many
	// parameter sets have about 8 KiB.
	MaxBody = 64 << 10
	// maxBlank is how many empty lines may come before a message.
	maxBlank = 16
)

// bufferSize holds a line of the longest kind, and several RTP packets for each
// read of the socket.
const bufferSize = 2 * MaxLine

// Item is what a Reader returns: a request, a response, or an interleaved
// frame. Exactly one of Request, Response and Frame is not nil.
type Item struct {
	Request  *Request
	Response *Response
	// Frame is the data of an interleaved frame. It is newly allocated, of the
	// frame's size, and belongs to the caller.
	Frame []byte
	// Channel is that of the frame.
	Channel uint8
}

// Reader reads one direction of a connection: messages with interleaved frames
// between them. It holds at most one message.
type Reader struct {
	br   *bufio.Reader
	head int // bytes of the lines of this message
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{br: bufio.NewReaderSize(r, bufferSize)} }

// Read returns the next message or frame. The error is io.EOF where the peer
// has ended between two of them, an *Error for what breaks the rules, or that
// of the underlying reader. After an error nothing can be read any more.
func (r *Reader) Read() (Item, error) {
	for range maxBlank {
		first, err := r.br.Peek(1)
		if err != nil {
			return Item{}, err
		}
		switch first[0] {
		case frameMagic:
			return r.frame()
		case '\r', '\n', ' ', 0:
			if _, err := r.br.Discard(1); err != nil {
				return Item{}, err
			}
		default:
			return r.message()
		}
	}
	return Item{}, malformed("nothing but empty lines")
}

// Wait waits until there is something to read. The error is that of the
// underlying reader.
func (r *Reader) Wait() error {
	_, err := r.br.Peek(1)
	return err
}

// Buffered returns how many bytes can be read without waiting for the peer.
func (r *Reader) Buffered() int { return r.br.Buffered() }

func (r *Reader) frame() (Item, error) {
	head, err := r.br.Peek(FrameHeaderSize)
	if err != nil {
		return Item{}, unexpected(err)
	}
	item := Item{Channel: head[1], Frame: make([]byte, int(head[2])<<8|int(head[3]))}
	if _, err := r.br.Discard(FrameHeaderSize); err != nil {
		return Item{}, err
	}
	if _, err := io.ReadFull(r.br, item.Frame); err != nil {
		return Item{}, unexpected(err)
	}
	return item, nil
}

func (r *Reader) message() (Item, error) {
	r.head = 0
	line, err := r.line(URITooLong)
	if err != nil {
		return Item{}, err
	}
	var item Item
	var header *Header
	var body *[]byte
	if hasPrefixFold(line, "RTSP/") {
		resp, perr := parseStatusLine(line)
		if perr != nil {
			return Item{}, perr
		}
		item.Response, header, body = &resp, &resp.Header, &resp.Body
	} else {
		req, perr := parseRequestLine(line)
		if perr != nil {
			return Item{}, r.withCSeq(perr)
		}
		item.Request, header, body = &req, &req.Header, &req.Body
	}
	err = r.fields(header)
	if err == nil {
		*body, err = r.body(header)
	}
	if perr := (*Error)(nil); errors.As(err, &perr) {
		perr.CSeq = header.Get(HeaderCSeq)
	}
	return item, err
}

// withCSeq reads the header of a request whose first line is wrong, so that the
// answer can name it.
func (r *Reader) withCSeq(e *Error) *Error {
	if e.Status == VersionNotSupported {
		var h Header
		if r.fields(&h) == nil {
			e.CSeq = h.Get(HeaderCSeq)
		}
	}
	return e
}

// line reads a line without its end; tooLong is the status for one that is.
func (r *Reader) line(tooLong Status) (string, error) {
	b, err := r.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(b) > MaxLine {
		return "", &Error{Status: tooLong, Reason: "a line is longer than " + strconv.Itoa(MaxLine) + " bytes"}
	}
	if err != nil {
		return "", unexpected(err)
	}
	if r.head += len(b); r.head > MaxHead {
		return "", &Error{Status: EntityTooLarge, Reason: "a header is longer than " + strconv.Itoa(MaxHead) + " bytes"}
	}
	b = bytes.TrimRight(b, "\r\n")
	for i, c := range b {
		if isControl(c) {
			b[i] = ' ' // as it would be written
		}
	}
	return string(b), nil
}

// fields reads the fields up to the empty line. Lines that are none are passed over,
// as some clients send one without a name, and some cameras whatever.
func (r *Reader) fields(h *Header) error {
	skipped := false
	for {
		line, err := r.line(BadRequest)
		if err != nil {
			return err
		}
		if line == "" {
			return nil
		}
		if line[0] == ' ' || line[0] == '\t' { // folded, RFC 2616 2.2
			if n := len(*h); n > 0 && !skipped {
				f := &(*h)[n-1]
				f.Value = strings.TrimSpace(f.Value + " " + strings.TrimSpace(line))
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if skipped = !ok || !isToken(name); skipped {
			continue
		}
		if len(*h) == MaxFields {
			return &Error{Status: EntityTooLarge, Reason: "over " + strconv.Itoa(MaxFields) + " header fields"}
		}
		h.Add(name, strings.TrimSpace(value))
	}
}

func (r *Reader) body(h *Header) ([]byte, error) {
	s := h.Get(HeaderContentLength)
	if s == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, malformed("%.40q is no Content-Length", s)
	}
	if err != nil || n > MaxBody {
		return nil, &Error{Status: EntityTooLarge, Reason: "a body of " + s + " bytes is over " + strconv.Itoa(MaxBody)}
	}
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.br, b); err != nil {
		return nil, unexpected(err)
	}
	return b, nil
}

// unexpected makes an end of the stream inside a message an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
