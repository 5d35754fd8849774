package record

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

const (
	// partSuffix marks a take that is being written, tmpSuffix a small file that
	// is replaced as a whole.
	partSuffix = ".part"
	tmpSuffix  = ".tmp"
)

// file is what a muxer writes.
type file interface {
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// storage is the record folder. Nothing that is done through it leaves the
// folder, by a symbolic link neither.
type storage struct {
	dir string
	// wrap lets tests stand between a muxer and its file.
	wrap func(name string, f file) file

	mu     sync.Mutex
	root   *os.Root
	closed bool
	// reserved are the names of the takes that are being made, in lower case: two
	// that begin at once find different names free.
	reserved map[string]bool
}

// open makes the folder where it is missing, at the start or since somebody has
// taken it away. It can be called again after an error.
func (s *storage) open() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosing
	case s.root != nil && s.current():
		return s.root, nil
	case s.root != nil:
		_ = s.root.Close()
		s.root = nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("record folder: %w", err)
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, fmt.Errorf("record folder: %w", err)
	}
	s.root = root
	return root, nil
}

// current reports whether the open folder still is the one that its name says.
// s.mu is held.
func (s *storage) current() bool {
	named, err := os.Stat(s.dir)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	open, err := s.root.Stat(".")
	return err == nil && os.SameFile(named, open)
}

func (s *storage) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed = true; s.root != nil {
		_ = s.root.Close()
	}
}

// exists reports whether the folder is there, without making it.
func (s *storage) exists() bool {
	st, err := os.Stat(s.dir)
	return err == nil && st.IsDir()
}

// create makes a file that was not there, and the folders above it.
func (s *storage) create(name string) (file, error) {
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	if s.wrap != nil {
		return s.wrap(name, f), nil
	}
	return f, nil
}

// edit opens a file that is there, and returns its size.
func (s *storage) edit(name string) (*os.File, int64, error) {
	root, err := s.open()
	if err != nil {
		return nil, 0, err
	}
	f, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		f.Close()
		return nil, 0, fmt.Errorf("%s is no file", name)
	}
	return f, st.Size(), nil
}

// write replaces a small file as a whole.
func (s *storage) write(name string, content []byte) error {
	root, err := s.open()
	if err != nil {
		return err
	}
	tmp := name + tmpSuffix
	if err := root.WriteFile(tmp, content, 0o644); err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	return root.Rename(tmp, name)
}

// free returns the path, or where that is taken, finished or not, the path with
// the first number that makes a new one. The name is the caller's until release.
func (s *storage) free(base, ext string) (string, error) {
	root, err := s.open()
	if err != nil {
		return "", err
	}
	const attempts = 10000
	for i := range attempts {
		name := base + ext
		if i > 0 {
			name = fmt.Sprintf("%s-%d%s", base, i, ext)
		}
		if s.reserve(name) {
			if missing(root, name) && missing(root, name+partSuffix) {
				return name, nil
			}
			s.release(name)
		}
	}
	return "", fmt.Errorf("%s%s: %w", base, ext, fs.ErrExist)
}

// reserve takes a name, and reports false where somebody has it.
func (s *storage) reserve(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(name)
	if s.reserved[key] {
		return false
	}
	if s.reserved == nil {
		s.reserved = make(map[string]bool)
	}
	s.reserved[key] = true
	return true
}

// release gives a name back.
func (s *storage) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reserved, strings.ToLower(name))
}

// there reports whether a take that is being written still has its place.
func (s *storage) there(name string) bool {
	root, err := s.open()
	return err != nil || !missing(root, name+partSuffix)
}

func missing(root *os.Root, name string) bool {
	_, err := root.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// rename moves a file or folder to a name that is free.
func (s *storage) rename(from, to string) error {
	root, err := s.open()
	if err != nil {
		return err
	}
	return root.Rename(from, to)
}

// taken reports whether something stands at a name.
func (s *storage) taken(name string) bool {
	root, err := s.open()
	return err == nil && !missing(root, name)
}

// remove deletes a record and the folders that it leaves empty.
func (s *storage) remove(name string) error {
	root, err := s.open()
	if err != nil {
		return err
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	// Folders that are not empty stay.
	for dir := path.Dir(name); dir != "." && root.Remove(dir) == nil; {
		dir = path.Dir(dir)
	}
	return nil
}

// probeSize is how much room there must be for a recording to be worth a new try.
const probeSize = 4 << 20

// room reports whether something can be written again.
func (s *storage) room() bool {
	root, err := s.open()
	if err != nil {
		return false
	}
	// Several jobs may look at once.
	name := path.Join(ledgerDir, rand.Text()+tmpSuffix)
	if root.MkdirAll(ledgerDir, 0o755) != nil {
		return false
	}
	f, err := root.Create(name)
	if err != nil {
		return false
	}
	var out file = f
	if s.wrap != nil {
		out = s.wrap(name, f)
	}
	_, err = out.Write(make([]byte, probeSize))
	return errors.Join(err, out.Close(), root.Remove(name)) == nil
}

// sink collects what a muxer makes into large writes.
type sink struct {
	f   file
	buf []byte
	off int64 // bytes that the file has
}

// sinkSize is when the buffer is written, whatever the time.
const sinkSize = 256 << 10

// size returns the file's size with what is buffered.
func (s *sink) size() int64 { return s.off + int64(len(s.buf)) }

// added takes the buffer back after something was appended to it.
func (s *sink) added(buf []byte) error {
	s.buf = buf
	if len(s.buf) < sinkSize {
		return nil
	}
	return s.flush()
}

func (s *sink) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	n, err := s.f.Write(s.buf)
	s.off += int64(n)
	if err == nil && n < len(s.buf) {
		err = io.ErrShortWrite
	}
	s.buf = s.buf[:0]
	return err
}

// commit flushes, and with sync waits for the disk.
func (s *sink) commit(sync bool) error {
	if err := s.flush(); err != nil || !sync {
		return err
	}
	return s.f.Sync()
}

// finish flushes, waits for the disk, and closes.
func (s *sink) finish() error {
	return errors.Join(s.flush(), s.f.Sync(), s.f.Close())
}
