package repeat

import "math/bits"

// reader reads the fields of a NAL unit's payload (ITU-T H.264 7.2, 9.1). After a
// field that goes beyond the end it is spent, and all further fields are 0.
type reader struct {
	b     []byte
	pos   int // in bits
	spent bool
}

// maxHeader bounds how much of a unit is looked at: headers and parameter sets are
// far shorter.
const maxHeader = 1024

// newReader returns a reader behind the unit's header byte. It takes emulation
// prevention bytes out (7.4.1).
func newReader(unit []byte) *reader {
	r := &reader{}
	zeros := 0
	for _, c := range unit[min(1, len(unit)):min(maxHeader, len(unit))] {
		if zeros == 2 && c == 3 {
			zeros = 0
			continue
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		r.b = append(r.b, c)
	}
	return r
}

func (r *reader) u(n int) (v uint32) {
	if r.pos+n > 8*len(r.b) {
		r.spent = true
		return 0
	}
	for range n {
		v = v<<1 | uint32(r.b[r.pos/8]>>(7-r.pos%8)&1)
		r.pos++
	}
	return v
}

func (r *reader) flag() bool { return r.u(1) == 1 }

// ue reads an unsigned Exp-Golomb code.
func (r *reader) ue() uint32 {
	zeros := 0
	for !r.flag() {
		if zeros++; r.spent || zeros > 31 {
			r.spent = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}

// skip passes over n Exp-Golomb codes, signed or not.
func (r *reader) skip(n int) {
	for range n {
		r.ue()
	}
}

// writer writes fields.
type writer struct {
	b    []byte
	free int // bits left in the last byte
}

func (w *writer) u(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.free == 0 {
			w.b, w.free = append(w.b, 0), 8
		}
		w.free--
		w.b[len(w.b)-1] |= byte(v>>i&1) << w.free
	}
}

func (w *writer) ue(v uint32) {
	n := bits.Len32(v + 1)
	w.u(n-1, 0)
	w.u(n, v+1)
}

// unit ends the payload (7.3.2.11) and returns it behind the header byte, with
// emulation prevention.
func (w *writer) unit(header byte) []byte {
	w.u(1, 1)
	out := []byte{header}
	zeros := 0
	for _, c := range w.b {
		if zeros == 2 && c <= 3 {
			out, zeros = append(out, 3), 0
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}
