package fmp4

import (
	"errors"
	"fmt"
	"io"
)

const (
	// maxHeader bounds moov and moof in bytes.
	maxHeader = 16 << 20
	// longHeader is the size of a box header with a 64-bit size.
	longHeader = 16
)

// Scanner walks through a fragmented file, which may be cut anywhere, as one
// that a crash left behind.
type Scanner struct {
	r     io.ReaderAt
	size  int64
	end   int64 // of what is whole
	movie *Movie
	data  []byte // of the last fragment
}

// NewScanner reads a file of size bytes up to the end of its initialisation
// segment. The error wraps io.ErrUnexpectedEOF where the file ends before that.
func NewScanner(r io.ReaderAt, size int64) (*Scanner, error) {
	s := &Scanner{r: r, size: size}
	for {
		h, err := s.header(s.end)
		if err != nil {
			return nil, noEOF(err)
		}
		if h.Type == "moof" || h.Type == "mdat" {
			return nil, errors.New("fmp4: no moov box before the media")
		}
		if h.Type != "moov" {
			s.end += h.Size
			continue
		}
		b, err := s.read(s.end, h.Size, maxHeader)
		if err != nil {
			return nil, err
		}
		if s.movie, err = ParseInit(b); err != nil {
			return nil, err
		}
		s.end += h.Size
		return s, nil
	}
}

// Movie returns what the initialisation segment says.
func (s *Scanner) Movie() *Movie { return s.movie }

// End returns where what has been scanned ends: all before it is whole.
func (s *Scanner) End() int64 { return s.end }

// Next reads the next fragment, and returns it with the place of its moof in
// the file. The payloads are overwritten by the next call. At the end of the
// file the error is io.EOF itself, and wraps io.ErrUnexpectedEOF where the file
// is cut inside of a box; End is then the end of the last fragment, or of a box
// that stands alone after it.
func (s *Scanner) Next() (f *Fragment, offset int64, err error) {
	for at := s.end; ; {
		h, err := s.header(at)
		if err != nil {
			return nil, 0, err
		}
		if h.Type != "moof" {
			at += h.Size
			if h.Type == "mfra" || h.Type == "free" || h.Type == "skip" {
				s.end = at
			}
			continue
		}
		after, err := s.header(at + h.Size)
		if err != nil {
			return nil, 0, noEOF(err)
		}
		if after.Type != "mdat" {
			return nil, 0, fmt.Errorf("fmp4: %s box after moof at %d, want mdat", after.Type, at)
		}
		if h.Size > maxHeader {
			return nil, 0, fmt.Errorf("fmp4: moof of %d bytes", h.Size)
		}
		b, err := s.read(at, h.Size+after.Size, maxHeader+MaxFragment)
		if err != nil {
			return nil, 0, err
		}
		if f, err = s.movie.ParseFragment(b, at); err != nil {
			return nil, 0, err
		}
		s.end = at + h.Size + after.Size
		return f, at, nil
	}
}

// header reads the header of the box at a place, whose size it makes sure is in
// the file. It returns io.EOF at the file's end.
func (s *Scanner) header(at int64) (BoxHeader, error) {
	if at == s.size {
		return BoxHeader{}, io.EOF
	}
	var room [longHeader]byte
	b := room[:min(longHeader, s.size-at)]
	if err := readAt(s.r, b, at); err != nil {
		return BoxHeader{}, err
	}
	h, err := ParseHeader(b)
	if err != nil {
		return h, err
	}
	if h.Size == 0 {
		h.Size = s.size - at
	}
	if h.Size > s.size-at {
		return h, fmt.Errorf("fmp4: box %q at %d: %w", h.Type, at, io.ErrUnexpectedEOF)
	}
	return h, nil
}

// read reads a part of the file that header has found to be in it.
func (s *Scanner) read(at, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("fmp4: box of %d bytes", size)
	}
	if int64(cap(s.data)) < size {
		s.data = make([]byte, size)
	}
	s.data = s.data[:size]
	return s.data, readAt(s.r, s.data, at)
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		if !errors.Is(err, io.EOF) {
			return &readError{err}
		}
		return fmt.Errorf("fmp4: at %d: %w", at, io.ErrUnexpectedEOF)
	}
	return nil
}

// readError is an error of the file, not of what is in it.
type readError struct{ err error }

func (e *readError) Error() string { return "fmp4: " + e.err.Error() }

func (e *readError) Unwrap() error { return e.err }

// noEOF makes an unexpected end of an end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Recovery is what is whole of a file that was cut.
type Recovery struct {
	Movie *Movie
	// End is where the last whole fragment ends, in bytes: the file can be
	// truncated there, and an mfra box appended.
	End int64
	// Index is of the whole fragments.
	Index Index
	// Sequence is the last fragment's, 0 when there is none.
	Sequence uint32
}

// Recover finds what is whole of a file of size bytes. A file that is cut or
// damaged is no error, unless its initialisation segment is; an error of r is.
func Recover(r io.ReaderAt, size int64) (*Recovery, error) {
	s, err := NewScanner(r, size)
	if err != nil {
		return nil, err
	}
	rec := &Recovery{Movie: s.movie, End: s.end}
	for {
		f, offset, err := s.Next()
		if failed := (*readError)(nil); errors.As(err, &failed) {
			return nil, err
		}
		if err != nil {
			return rec, nil //nolint:nilerr // the damage is what the caller asks about
		}
		rec.Index.Add(offset, f.Samples)
		rec.End, rec.Sequence = s.end, f.Sequence
	}
}
