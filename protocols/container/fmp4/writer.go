package fmp4

import "encoding/binary"

// headerSize is the size of a box header with a 32-bit size, and fullSize of
// one with version and flags (4.2).
const (
	headerSize = 8
	fullSize   = 12
)

// writer appends boxes to b.
type writer struct{ b []byte }

// box opens a box and returns its place for end.
func (w *writer) box(kind string) int {
	at := len(w.b)
	w.b = append(w.b, 0, 0, 0, 0)
	w.b = append(w.b, kind...)
	return at
}

// full opens a box with version and flags.
func (w *writer) full(kind string, version byte, flags uint32) int {
	at := w.box(kind)
	w.u32(uint32(version)<<24 | flags)
	return at
}

// end closes the box that box or full opened.
func (w *writer) end(at int) {
	binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at)) //nolint:gosec // headers and fragments are bounded, see MaxFragment
}

func (w *writer) u8(v ...byte)  { w.b = append(w.b, v...) }
func (w *writer) u16(v uint16)  { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)  { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)  { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) text(s string) { w.b = append(w.b, s...) }

// zero appends n zero bytes.
func (w *writer) zero(n int) {
	for range n {
		w.b = append(w.b, 0)
	}
}

// putU64 writes a time that is not negative.
func putU64(b []byte, v int64) {
	binary.BigEndian.PutUint64(b, uint64(v)) //nolint:gosec // see split
}
