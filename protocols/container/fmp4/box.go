package fmp4

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Box is one box of the file format (4.2).
type Box struct {
	Type string // four characters
	Body []byte // without the header
	Size int    // with the header
}

// NextBox reads the box at the start of b and returns what follows it. The
// error wraps io.ErrUnexpectedEOF where b ends inside the box.
func NextBox(b []byte) (box Box, rest []byte, err error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Box{}, nil, err
	}
	size := h.Size
	if size == 0 {
		size = int64(len(b))
	}
	if size > int64(len(b)) {
		return Box{}, nil, fmt.Errorf("fmp4: box %q of %d bytes in %d: %w", h.Type, size, len(b), io.ErrUnexpectedEOF)
	}
	return Box{Type: h.Type, Body: b[h.Length:size:size], Size: int(size)}, b[size:], nil
}

// BoxHeader is the start of a box.
type BoxHeader struct {
	Type   string // four characters
	Length int    // of the header in bytes: 8 or 16
	Size   int64  // of the box with its header, at least Length; 0: to the end of the file
}

// ParseHeader reads the header at the start of b. The error wraps
// io.ErrUnexpectedEOF where b is too short for one.
func ParseHeader(b []byte) (BoxHeader, error) {
	if len(b) < headerSize {
		return BoxHeader{}, fmt.Errorf("fmp4: box header: %w", io.ErrUnexpectedEOF)
	}
	h := BoxHeader{Type: string(b[4:8]), Length: headerSize, Size: int64(binary.BigEndian.Uint32(b))}
	const large = 1
	switch {
	case h.Size == large:
		const largeSize = 16
		if len(b) < largeSize {
			return BoxHeader{}, fmt.Errorf("fmp4: box header: %w", io.ErrUnexpectedEOF)
		}
		h.Length, h.Size = largeSize, int64(binary.BigEndian.Uint64(b[8:])) //nolint:gosec // checked below
		if h.Size < largeSize {
			return BoxHeader{}, fmt.Errorf("fmp4: box %q of %d bytes", h.Type, h.Size)
		}
	case h.Size != 0 && h.Size < headerSize:
		return BoxHeader{}, fmt.Errorf("fmp4: box %q of %d bytes", h.Type, h.Size)
	}
	return h, nil
}

// find returns the body of the first box of a kind among those in b.
func find(b []byte, kind string) ([]byte, error) {
	for len(b) > 0 {
		box, rest, err := NextBox(b)
		if err != nil {
			return nil, err
		}
		if box.Type == kind {
			return box.Body, nil
		}
		b = rest
	}
	return nil, fmt.Errorf("fmp4: no %s box", kind)
}

// descend returns the body of a box by its path.
func descend(b []byte, path ...string) ([]byte, error) {
	for _, kind := range path {
		var err error
		if b, err = find(b, kind); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// reader takes fields from the body of a box. What it lacks is 0, and short is
// set.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.short, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// full reads version and flags of a full box.
func (r *reader) full() (version byte, flags uint32) {
	v := r.u32()
	return byte(v >> 24), v & 0xffffff
}

// err returns an error when the box was too short.
func (r *reader) err(kind string) error {
	if r.short {
		return fmt.Errorf("fmp4: box %s: %w", kind, io.ErrUnexpectedEOF)
	}
	return nil
}
