package aac

import "sluice/protocols/codec/bits"

// Program is a program config element (4.4.1.1): the channels of a stream
// whose channel configuration is 0.
type Program struct {
	InstanceTag uint8 // 0 to 15
	ObjectType  uint8 // 0 Main to 3 LTP: one less than the object type
	RateIndex   uint8 // 0 to 12

	Front, Side, Back []Element // at most 15 each
	LFE               []uint8   // tags of the LFE elements, at most 3
	Data              []uint8   // tags of the data stream elements, at most 7
	Coupling          []Element // at most 15; Pair is cc_element_is_ind_sw

	MonoMixdown, StereoMixdown *uint8 // element number, nil when absent
	MatrixMixdown              *uint8 // index and pseudo surround flag, 3 bits

	Comment []byte // at most 255 bytes
}

// Element is one channel element of a Program.
type Element struct {
	Pair bool  // a channel pair rather than a single channel
	Tag  uint8 // 0 to 15
}

// Channels returns the number of loudspeakers.
func (p *Program) Channels() int {
	n := len(p.LFE)
	for _, list := range [][]Element{p.Front, p.Side, p.Back} {
		for _, e := range list {
			if n++; e.Pair {
				n++
			}
		}
	}
	return n
}

func parseProgram(r *bits.Reader) *Program {
	p := &Program{InstanceTag: uint8(r.Uint(4)), ObjectType: uint8(r.Uint(2)), RateIndex: uint8(r.Uint(4))}
	front, side, back := r.Uint(4), r.Uint(4), r.Uint(4)
	lfe, data, coupling := r.Uint(2), r.Uint(3), r.Uint(4)
	p.MonoMixdown = readOptional(r, 4)
	p.StereoMixdown = readOptional(r, 4)
	p.MatrixMixdown = readOptional(r, 3)
	p.Front, p.Side, p.Back = readElements(r, front), readElements(r, side), readElements(r, back)
	p.LFE, p.Data = readTags(r, lfe), readTags(r, data)
	p.Coupling = readElements(r, coupling)
	r.Align()
	for range r.Uint(8) {
		p.Comment = append(p.Comment, byte(r.Uint(8)))
	}
	return p
}

func readOptional(r *bits.Reader, n int) *uint8 {
	if !r.Flag() {
		return nil
	}
	v := uint8(r.Uint(n))
	return &v
}

func readElements(r *bits.Reader, n uint32) (list []Element) {
	for range n {
		list = append(list, Element{Pair: r.Flag(), Tag: uint8(r.Uint(4))})
	}
	return list
}

func readTags(r *bits.Reader, n uint32) (list []uint8) {
	for range n {
		list = append(list, uint8(r.Uint(4)))
	}
	return list
}

func (p *Program) write(w *bits.Writer) {
	w.Uint(uint32(p.InstanceTag), 4)
	w.Uint(uint32(p.ObjectType), 2)
	w.Uint(uint32(p.RateIndex), 4)
	w.Uint(uint32(len(p.Front)), 4)
	w.Uint(uint32(len(p.Side)), 4)
	w.Uint(uint32(len(p.Back)), 4)
	w.Uint(uint32(len(p.LFE)), 2)
	w.Uint(uint32(len(p.Data)), 3)
	w.Uint(uint32(len(p.Coupling)), 4)
	writeOptional(w, p.MonoMixdown, 4)
	writeOptional(w, p.StereoMixdown, 4)
	writeOptional(w, p.MatrixMixdown, 3)
	writeElements(w, p.Front)
	writeElements(w, p.Side)
	writeElements(w, p.Back)
	for _, tag := range p.LFE {
		w.Uint(uint32(tag), 4)
	}
	for _, tag := range p.Data {
		w.Uint(uint32(tag), 4)
	}
	writeElements(w, p.Coupling)
	w.Align()
	w.Uint(uint32(len(p.Comment)), 8)
	for _, b := range p.Comment {
		w.Uint(uint32(b), 8)
	}
}

func writeOptional(w *bits.Writer, v *uint8, n int) {
	w.Flag(v != nil)
	if v != nil {
		w.Uint(uint32(*v), n)
	}
}

func writeElements(w *bits.Writer, list []Element) {
	for _, e := range list {
		w.Flag(e.Pair)
		w.Uint(uint32(e.Tag), 4)
	}
}

// idPCE is the id of a program config element in a raw data block (table 4.85).
const idPCE = 5

// AppendElement appends the program as the syntactic element that stands at the
// start of a raw data block, as ADTS frames of channel configuration 0 need
// (1.A.3.1). It ends on a byte boundary: the rest of the block may follow.
func (p *Program) AppendElement(dst []byte) []byte {
	w := bits.NewWriter(nil)
	w.Uint(idPCE, 3)
	p.write(w)
	return append(dst, w.Bytes()...)
}

// ParseElement returns the program at the start of a raw data block, nil when
// the block starts with something else.
func ParseElement(block []byte) *Program {
	r := bits.NewReader(block)
	if r.Uint(3) != idPCE {
		return nil
	}
	p := parseProgram(r)
	if r.Err() != nil {
		return nil
	}
	return p
}
