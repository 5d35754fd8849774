package mpegts

import (
	"errors"
	"fmt"
	"io"
)

// The control header before each Opus packet: 11 bits of prefix, the flags of
// trimming at start and end and of an extension, 2 reserved bits, then the
// packet's size in bytes of 255 and a last one below it.
const (
	opusPrefix    = 0x7fe0
	opusMask      = 0xffe0
	opusTrimStart = 0x10
	opusTrimEnd   = 0x08
	opusExtension = 0x04
)

var errOpus = errors.New("mpegts: malformed Opus control header")

// appendOpusControl appends the control header of a packet of size bytes.
func appendOpusControl(dst []byte, size int) []byte {
	dst = append(dst, opusPrefix>>8, opusPrefix&0xff)
	for ; size >= 255; size -= 255 {
		dst = append(dst, 255)
	}
	return append(dst, byte(size))
}

// parseOpusControl reads a control header and returns its size and that of the
// packet after it. Trimming is passed over: a live stream is joined anywhere.
func parseOpusControl(b []byte) (header, size int, err error) {
	short := func() (int, int, error) {
		return 0, 0, fmt.Errorf("mpegts: Opus control header: %w", io.ErrUnexpectedEOF)
	}
	if len(b) < 3 {
		return short()
	}
	flags := b[1]
	if (uint16(b[0])<<8|uint16(flags))&opusMask != opusPrefix {
		return 0, 0, errOpus
	}
	for header = 2; ; header++ {
		if header == len(b) {
			return short()
		}
		if size += int(b[header]); size > maxPESLength {
			return 0, 0, errOpus
		}
		if b[header] < 255 {
			header++
			break
		}
	}
	if flags&opusTrimStart != 0 {
		header += 2
	}
	if flags&opusTrimEnd != 0 {
		header += 2
	}
	if flags&opusExtension != 0 {
		if header >= len(b) {
			return short()
		}
		header += 1 + int(b[header])
	}
	if header > len(b) {
		return short()
	}
	return header, size, nil
}
