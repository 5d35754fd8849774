package enc

// bitWriter appends bit fields to a byte slice, most significant bit first.
type bitWriter struct {
	buf  []byte
	acc  uint64 // the pending bits, in the low end
	fill uint   // how many there are, below 8 between calls
}

// put appends the n low bits of v, n at most 32.
func (w *bitWriter) put(v uint32, n uint) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	w.fill += n
	for w.fill >= 8 {
		w.fill -= 8
		w.buf = append(w.buf, byte(w.acc>>w.fill))
	}
}

// flag appends one bit.
func (w *bitWriter) flag(b bool) {
	if b {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
}

// align appends zero bits up to the next byte boundary.
func (w *bitWriter) align() {
	if w.fill > 0 {
		w.put(0, 8-w.fill)
	}
}
