package rtp

import (
	"fmt"

	"sluice/protocols/codec/av1"
	"sluice/server/media"
)

// Bits of the aggregation header (AV1 RTP 4.4).
const (
	av1Continues = 0x80 // Z: the first element continues the last packet's last
	av1Goes      = 0x40 // Y: the last element goes on in the next packet
	av1Sequence  = 0x08 // N: first packet of a coded video sequence
)

// av1MaxElements is the largest number of elements that the W field can say.
// With it the last element needs no length.
const av1MaxElements = 3

// av1MinFragment is the least that is put of an OBU into the rest of a packet.
const av1MinFragment = 16

// av1Packetizer packs AV1 (AV1 RTP 5).
type av1Packetizer struct {
	size   int
	insert bool // put the track's sequence header before key pictures

	units []av1.OBU // of the media packet at hand
}

// av1Element is a part of an OBU, in bytes of its form without a size field.
type av1Element struct {
	obu      int
	from, to int
}

// Append implements Packetizer.
func (z *av1Packetizer) Append(dst []Payload, p *media.Packet) ([]Payload, error) {
	if err := z.collect(p); err != nil {
		return dst, err
	}
	defer func() { clear(z.units) }() // keeps no payload alive
	total := 0
	for _, o := range z.units {
		total += av1Size(o)
	}
	const overhead = 1 + 3*(av1MaxElements-1) // of a packet, at most
	buf := make([]byte, 0, total+overhead*(total/(z.size-overhead-av1MinFragment)+len(z.units)+1))

	first := len(dst)
	for next := (av1Element{}); next.obu < len(z.units); {
		var elements [av1MaxElements]av1Element
		n, after := z.plan(&elements, next)
		from := len(buf)
		buf = append(buf, byte(n)<<4)
		if next.from > 0 {
			buf[from] |= av1Continues
		}
		if after.from > 0 {
			buf[from] |= av1Goes
		}
		if p.Key && len(dst) == first {
			buf[from] |= av1Sequence
		}
		for i, e := range elements[:n] {
			if i < n-1 {
				buf = av1.AppendLeb128(buf, uint64(e.to-e.from))
			}
			buf = appendOBUPart(buf, z.units[e.obu], e.from, e.to)
		}
		next = after
		dst = append(dst, Payload{Data: buf[from:len(buf):len(buf)]})
	}
	if len(dst) > first {
		dst[len(dst)-1].Marker = true
	}
	return dst, nil
}

// plan fills one packet, beginning where next says, and returns the number of
// its elements and where the next packet begins.
func (z *av1Packetizer) plan(elements *[av1MaxElements]av1Element, next av1Element) (n int, after av1Element) {
	room, length := z.size-1, 0 // length is that of the last element's size field, once it needs one
	for n < av1MaxElements && next.obu < len(z.units) {
		size := av1Size(z.units[next.obu]) - next.from
		if size > room-length && n > 0 && room-length < av1MinFragment {
			break
		}
		room -= length
		e := av1Element{next.obu, next.from, next.from + min(size, room)}
		elements[n] = e
		n++
		room -= e.to - e.from
		length = leb128Size(e.to - e.from)
		if e.to-e.from < size {
			return n, av1Element{obu: e.obu, from: e.to}
		}
		next = av1Element{obu: next.obu + 1}
	}
	return n, next
}

// collect gathers the OBUs to send, a sequence header first where it is wanted
// and missing. Temporal delimiters and tile lists are not sent (AV1 RTP 5), and
// padding says nothing.
func (z *av1Packetizer) collect(p *media.Packet) error {
	if err := av1.Check(p.Payload); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	z.units = z.units[:0]
	if p.Key && z.insert && !hasSequenceHeader(p.Payload) {
		c, err := av1.ParseConfig(p.Track.Config)
		if err != nil {
			return fmt.Errorf("rtp: sequence header of the track: %w", err)
		}
		for o := range av1.Units(c.OBUs) {
			if o.Type == av1.TypeSequenceHeader {
				z.units = append(z.units, o)
			}
		}
	}
	for o := range av1.Units(p.Payload) {
		if av1Idle(o.Type) {
			continue
		}
		if len(z.units) == maxUnits {
			return fmt.Errorf("%w: over %d OBUs", ErrTooLarge, maxUnits)
		}
		z.units = append(z.units, o)
	}
	return nil
}

// av1Idle reports whether OBUs of this type are left out of RTP.
func av1Idle(t av1.Type) bool {
	return t == av1.TypeTemporalDelimiter || t == av1.TypeTileList || t == av1.TypePadding
}

func hasSequenceHeader(payload []byte) bool {
	for o := range av1.Units(payload) {
		if o.Type == av1.TypeSequenceHeader {
			return true
		}
	}
	return false
}

// av1Size returns the size of the OBU without a size field.
func av1Size(o av1.OBU) int {
	if o.Extension {
		return 2 + len(o.Data)
	}
	return 1 + len(o.Data)
}

// appendOBUPart appends a part of the OBU without a size field.
func appendOBUPart(dst []byte, o av1.OBU, from, to int) []byte {
	header := av1Size(o) - len(o.Data)
	if from < header {
		var head [2]byte
		data := o.Data
		o.Data = nil
		o.AppendBare(head[:0])
		dst = append(dst, head[from:min(to, header)]...)
		o.Data, from = data, header
	}
	if to > header {
		dst = append(dst, o.Data[from-header:to-header]...)
	}
	return dst
}

// leb128Size returns the size of n as leb128.
func leb128Size(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
