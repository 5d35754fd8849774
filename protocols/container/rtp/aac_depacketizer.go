package rtp

import (
	"encoding/binary"
	"fmt"

	"sluice/protocols/codec/bits"
	"sluice/server/media"
)

// maxSoundUnit bounds the size in bytes of an access unit of sound.
const maxSoundUnit = 1 << 16

// auHeader gives the sizes in bits of the fields of an AU header, as the SDP
// says (RFC 3640 3.2.1 and 4.1).
type auHeader struct {
	size, index, indexDelta int
	ctsDelta, dtsDelta      int
	randomAccess            int // 0 or 1
	streamState             int
	auxiliary               int // of the auxiliary section's size field

	constantSize int // bytes of each access unit where size is 0
}

// present reports whether packets have an AU header section.
func (h *auHeader) present() bool {
	return h.size+h.index+h.indexDelta+h.ctsDelta+h.dtsDelta+h.randomAccess+h.streamState > 0
}

// read reads one AU header, and returns the size of its access unit.
func (h *auHeader) read(r *bits.Reader, first bool) (int, error) {
	size := h.constantSize
	if h.size > 0 {
		size = r.Int(h.size)
	}
	index := h.indexDelta
	if first {
		index = h.index
	}
	if r.Uint(index) != 0 && !first {
		return 0, fmt.Errorf("%w: interleaved AAC", ErrUnsupported)
	}
	for _, n := range []int{h.ctsDelta, h.dtsDelta} {
		if n > 0 && r.Flag() {
			r.Skip(n)
		}
	}
	r.Skip(h.randomAccess + h.streamState)
	if r.Err() != nil {
		return 0, fmt.Errorf("%w: AU header section ends early", ErrMalformed)
	}
	if size > maxSoundUnit {
		return 0, fmt.Errorf("%w: AAC access unit of %d bytes", ErrTooLarge, size)
	}
	return size, nil
}

// aacDepacketizer takes AAC in the modes of RFC 3640: several access units per
// packet, or fragments of one.
type aacDepacketizer struct {
	track  *media.Track
	header auHeader
	ticks  uint32 // of an access unit
	sizes  []int  // of the access units of the packet at hand
	lost   bool

	fragment  []byte // what came of an access unit in fragments
	size      int    // of the whole of it, 0 when none is in the making
	timestamp uint32 // of it

	// torn says that the next fragment may be from the middle of an access
	// unit, since fragments do not tell; skipping, that fragments with this
	// timestamp are such.
	torn, skipping bool
}

// Append implements Depacketizer.
func (d *aacDepacketizer) Append(dst []Unit, p Packet, lost bool) ([]Unit, error) {
	if lost {
		d.drop()
	}
	if len(p.Payload) == 0 {
		return dst, nil
	}
	data, err := d.readHeaders(p.Payload)
	if err != nil {
		d.drop()
		return dst, err
	}
	if d.size > 0 && p.Timestamp != d.timestamp {
		d.drop() // it never came to its end
		d.torn = false
		err = fmt.Errorf("%w: fragments of an AAC access unit without the last", ErrMalformed)
	}
	if len(d.sizes) == 1 && d.sizes[0] > len(data) || d.size > 0 {
		return d.join(dst, p, data)
	}
	d.torn = false
	for i, n := range d.sizes {
		if n > len(data) {
			d.drop()
			return dst, fmt.Errorf("%w: AAC access unit of %d bytes in %d", ErrMalformed, n, len(data))
		}
		if n > 0 {
			dst = d.unit(dst, p.Timestamp+uint32(i)*d.ticks, data[:n:n])
		}
		data = data[n:]
	}
	return dst, err
}

// Track implements Depacketizer.
func (d *aacDepacketizer) Track() *media.Track { return d.track }

// Flush implements Depacketizer.
func (d *aacDepacketizer) Flush(dst []Unit) []Unit { return dst }

// drop gives up what is in the making.
func (d *aacDepacketizer) drop() {
	d.fragment, d.size, d.lost = d.fragment[:0], 0, true
	d.torn, d.skipping = true, false
}

func (d *aacDepacketizer) unit(dst []Unit, timestamp uint32, payload []byte) []Unit {
	dst = append(dst, Unit{Track: d.track, Payload: payload, Timestamp: timestamp, Lost: d.lost})
	d.lost = false
	return dst
}

// readHeaders reads the AU headers into sizes and returns what follows them.
func (d *aacDepacketizer) readHeaders(b []byte) ([]byte, error) {
	d.sizes = d.sizes[:0]
	if !d.header.present() {
		if n := d.header.constantSize; n > 0 {
			for range len(b) / n {
				d.sizes = append(d.sizes, n)
			}
		} else {
			d.sizes = append(d.sizes, len(b))
		}
		return d.skipAuxiliary(b)
	}
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: AAC payload of %d bytes", ErrMalformed, len(b))
	}
	size := int(binary.BigEndian.Uint16(b)) // in bits
	bytes := (size + 7) / 8
	if b = b[2:]; bytes > len(b) {
		return nil, fmt.Errorf("%w: AU header section ends early", ErrMalformed)
	}
	r := bits.NewReader(b[:bytes])
	for first := true; r.Pos() < size; first = false {
		from := r.Pos()
		n, err := d.header.read(r, first)
		if err != nil {
			return nil, err
		}
		if r.Pos() == from && !first {
			return nil, fmt.Errorf("%w: AU headers without bits after the first", ErrMalformed)
		}
		d.sizes = append(d.sizes, n)
	}
	return d.skipAuxiliary(b[bytes:])
}

// skipAuxiliary passes over the auxiliary section (RFC 3640 3.2.2).
func (d *aacDepacketizer) skipAuxiliary(b []byte) ([]byte, error) {
	if d.header.auxiliary == 0 {
		return b, nil
	}
	r := bits.NewReader(b)
	r.Skip(r.Int(d.header.auxiliary))
	if r.Err() != nil {
		return nil, fmt.Errorf("%w: auxiliary section ends early", ErrMalformed)
	}
	return b[(r.Pos()+7)/8:], nil
}

// join takes a fragment; each has the AU header of the whole.
func (d *aacDepacketizer) join(dst []Unit, p Packet, data []byte) ([]Unit, error) {
	if len(d.sizes) != 1 || d.size > 0 && d.sizes[0] != d.size || len(d.fragment)+len(data) > d.sizes[0] {
		d.drop()
		d.torn = !p.Marker
		return dst, fmt.Errorf("%w: fragment of another AAC access unit", ErrMalformed)
	}
	if d.torn && (!d.skipping || p.Timestamp == d.timestamp) {
		d.timestamp, d.skipping, d.torn = p.Timestamp, true, !p.Marker
		return dst, nil
	}
	d.size, d.timestamp, d.torn = d.sizes[0], p.Timestamp, false
	d.fragment = append(d.fragment, data...)
	if len(d.fragment) < d.size {
		return dst, nil
	}
	dst = d.unit(dst, p.Timestamp, d.fragment)
	d.fragment, d.size = nil, 0
	return dst, nil
}
