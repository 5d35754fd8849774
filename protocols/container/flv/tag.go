package flv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// TagType is the kind of a tag, and the message type id of RTMP.
type TagType uint8

// The tag types (E.4.1).
const (
	TagAudio  TagType = 8
	TagVideo  TagType = 9
	TagScript TagType = 18
)

const (
	// HeaderSize is the size of the file header with the first
	// PreviousTagSize, in bytes.
	HeaderSize = 13

	// TagHeaderSize is the size of a tag's header in bytes.
	TagHeaderSize = 11

	// MaxBody is the largest tag body, in bytes.
	MaxBody = 1<<24 - 1

	prevTagSize   = 4
	fileHeader    = 9
	flagAudio     = 0x04
	flagVideo     = 0x01
	filterBit     = 0x20
	typeMask      = 0x1f
	maxFileHeader = 1024
)

// Tag is one tag, or one RTMP message of the same kinds.
type Tag struct {
	Type TagType

	// Timestamp is the tag's time, the wrap-around of the 32-bit field at
	// 49.7 days unfolded.
	Timestamp time.Duration

	// Body is what follows the tag's header. A Demuxer's packets alias it.
	Body []byte
}

// Header is the file header (E.2).
type Header struct {
	Audio, Video bool // such tags are present
}

// Append appends the file header and the first PreviousTagSize to dst.
func (h Header) Append(dst []byte) []byte {
	var flags byte
	if h.Audio {
		flags |= flagAudio
	}
	if h.Video {
		flags |= flagVideo
	}
	return append(dst, 'F', 'L', 'V', 1, flags, 0, 0, 0, fileHeader, 0, 0, 0, 0)
}

// ErrNotFLV is returned for a stream that does not start with an FLV header.
var ErrNotFLV = errors.New("flv: the stream does not start with an FLV header")

// parseHeader reads the first 9 bytes and returns the header's size.
func parseHeader(b []byte) (h Header, size int, err error) {
	if len(b) < fileHeader {
		return h, 0, fmt.Errorf("flv: file header: %w", io.ErrUnexpectedEOF)
	}
	if string(b[:3]) != "FLV" {
		return h, 0, ErrNotFLV
	}
	offset := binary.BigEndian.Uint32(b[5:])
	if offset < fileHeader || offset > maxFileHeader {
		return h, 0, fmt.Errorf("flv: file header says that it has %d bytes", offset)
	}
	return Header{Audio: b[4]&flagAudio != 0, Video: b[4]&flagVideo != 0}, int(offset), nil
}

// AppendTagHeader appends the header of a tag whose body has size bytes, at
// most MaxBody. The timestamp is in milliseconds, wrapped to 32 bits.
func AppendTagHeader(dst []byte, t TagType, timestamp uint32, size int) []byte {
	return append(dst, byte(t), byte(size>>16), byte(size>>8), byte(size),
		byte(timestamp>>16), byte(timestamp>>8), byte(timestamp), byte(timestamp>>24), 0, 0, 0)
}

// AppendTag appends a whole tag: header, body and PreviousTagSize. The body
// has at most MaxBody bytes.
func AppendTag(dst []byte, t TagType, timestamp uint32, body []byte) []byte {
	dst = append(AppendTagHeader(dst, t, timestamp, len(body)), body...)
	return binary.BigEndian.AppendUint32(dst, uint32(TagHeaderSize+len(body))) //nolint:gosec // at most MaxBody
}

// TagSize returns the bytes that a tag with a body of size bytes takes, with
// its header and PreviousTagSize.
func TagSize(size int) int { return TagHeaderSize + size + prevTagSize }
