package demo

import "math/bits"

// bitWriter writes an RBSP (ITU-T H.264 7.2).
type bitWriter struct {
	out  []byte
	acc  uint64
	have int
}

func (w *bitWriter) u(n int, v uint32) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	for w.have += n; w.have >= 8; w.have -= 8 {
		w.out = append(w.out, byte(w.acc>>(w.have-8)))
	}
}

// ue writes an unsigned Exp-Golomb code (9.1).
func (w *bitWriter) ue(v uint32) {
	n := bits.Len32(v + 1)
	w.u(n-1, 0)
	w.u(n, v+1)
}

// se writes a signed Exp-Golomb code (9.1.1).
func (w *bitWriter) se(v int) {
	if v > 0 {
		w.ue(uint32(2*v - 1))
	} else {
		w.ue(uint32(-2 * v))
	}
}

// unit ends the RBSP and returns it as a NAL unit with emulation prevention (7.4.1).
func (w *bitWriter) unit(header byte) []byte {
	w.u(1, 1)
	if w.have > 0 {
		w.u(8-w.have, 0)
	}
	nal, zeros := []byte{header}, 0
	for _, b := range w.out {
		if zeros >= 2 && b <= 3 {
			nal, zeros = append(nal, 3), 0
		}
		if nal = append(nal, b); b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return nal
}
