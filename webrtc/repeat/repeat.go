package repeat

import "encoding/binary"

// Repeater follows a stream and makes repeats for it. The zero value knows no
// parameter sets.
type Repeater struct {
	sps    map[uint32]*sps
	pps    map[uint32]*pps
	plain  map[uint32][]byte // the set for repeats, by SPS
	id     uint32            // of that set
	poc    uint32            // of the newest picture sent
	anchor bool              // there is one
}

// NewRepeater returns a Repeater for a stream with the given parameter sets, each a
// NAL unit, or false where they can't be used.
func NewRepeater(spsUnits, ppsUnits [][]byte) (*Repeater, bool) {
	r := &Repeater{sps: map[uint32]*sps{}, pps: map[uint32]*pps{}, plain: map[uint32][]byte{}}
	for _, u := range spsUnits {
		s, ok := parseSPS(u)
		if !ok {
			return nil, false
		}
		id := newReader(u)
		id.u(24)
		r.sps[id.ue()] = &s
	}
	for _, u := range ppsUnits {
		p, ok := parsePPS(u)
		if !ok {
			return nil, false
		}
		r.pps[p.id] = &p
		r.id = max(r.id, p.id+1)
	}
	return r, len(r.sps) > 0 && len(r.pps) > 0
}

func (r *Repeater) find(id uint32) (*sps, *pps) {
	p := r.pps[id]
	if p == nil {
		return nil, nil
	}
	return r.sps[p.sps], p
}

// Sent notes a picture that is sent as it is: the payload of a media.Packet.
func (r *Repeater) Sent(payload []byte) {
	if h, ok := parseSlice(firstSlice(payload), r.find); ok {
		r.poc, r.anchor = h.poc, true
	}
}

// Picture returns the payload of the picture to send in place of the given one,
// and false where there can't be one.
func (r *Repeater) Picture(payload []byte) ([]byte, bool) {
	unit := firstSlice(payload)
	h, ok := parseSlice(unit, r.find)
	if !ok || !r.anchor {
		return nil, false
	}
	s, p := r.find(h.pps)
	if s.pocType == 2 {
		return nil, false // pictures come in the order in which they are shown
	}
	if r.plain[p.sps] == nil {
		r.plain[p.sps] = plainPPS(r.id, p.sps)
	}
	r.poc = (r.poc + 1) & (1<<s.pocBits - 1)
	var out []byte
	for _, u := range [][]byte{r.plain[p.sps], h.picture(unit[0]>>5&3, s, r.id, r.poc)} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(u)))
		out = append(out, u...)
	}
	return out, true
}

// firstSlice returns the first slice of a payload of NAL units with 4-byte lengths,
// or nil.
func firstSlice(payload []byte) []byte {
	for len(payload) > 4 {
		n := binary.BigEndian.Uint32(payload)
		payload = payload[4:]
		if uint64(n) > uint64(len(payload)) || n == 0 {
			return nil
		}
		if t := payload[0] & 0x1f; t == 1 || t == 5 {
			return payload[:n]
		}
		payload = payload[n:]
	}
	return nil
}
