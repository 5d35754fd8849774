package mpegts

// writer cuts a PES packet into transport packets.
type writer struct {
	dst []byte
	e   *elementary

	left  int    // bytes of the PES packet that are to come
	room  int    // bytes that the open transport packet still takes
	begun bool   // the first transport packet is written
	flags byte   // of the first one's adaptation field
	pcr   uint64 // for it, where flags has flagPCR
}

// write appends a part of the PES packet.
func (w *writer) write(b []byte) {
	for len(b) > 0 {
		if w.room == 0 {
			w.open()
		}
		n := min(len(b), w.room)
		w.dst = append(w.dst, b[:n]...)
		b = b[n:]
		w.room -= n
		w.left -= n
	}
}

// open begins the next transport packet. Its adaptation field takes what the
// PES packet does not fill.
func (w *writer) open() {
	const start, payload, field = 0x40, 0x10, 0x20
	first, flags := byte(0), byte(0)
	if !w.begun {
		first, flags, w.begun = start, w.flags, true
	}
	used := 0 // bytes of the adaptation field
	if flags != 0 {
		if used = 2; flags&flagPCR != 0 {
			used += pcrSize
		}
	}
	stuffing := max(bodySize-used-w.left, 0)
	w.room = bodySize - used - stuffing
	counter := w.e.counter()
	control := byte(payload) | *counter
	*counter = (*counter + 1) & 0xf
	if used+stuffing > 0 {
		control |= field
	}
	w.dst = append(w.dst, syncByte, first|byte(w.e.pid>>8), byte(w.e.pid), control)
	if used+stuffing == 0 {
		return
	}
	w.dst = append(w.dst, byte(used+stuffing-1))
	if used == 0 {
		if stuffing == 1 {
			return
		}
		stuffing -= 2 // the length and the flags
	}
	w.dst = append(w.dst, flags)
	if flags&flagPCR != 0 {
		w.dst = appendPCR(w.dst, w.pcr)
	}
	w.dst = appendStuffing(w.dst, stuffing)
}
