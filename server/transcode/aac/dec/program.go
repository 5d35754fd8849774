package dec

import "fmt"

// program is program_config_element as far as it places channels (ISO/IEC
// 14496-3 4.4.1.1): a free list of elements instead of a channelConfiguration.
type program struct {
	rateIndex int
	count     int
	places    [3*15 + 3]place
}

// place is an element and where its speakers stand.
type place struct {
	direction direction
	kind      elementKind
	tag       uint8
}

type direction uint8

const (
	front direction = iota
	side
	back
	bass
	directions
)

// readProgram reads a program_config_element up to its end, comment included.
func readProgram(r *bitReader) (p program, err error) {
	r.bits(4 + 2) // element_instance_tag, object_type
	p.rateIndex = r.bits(4)
	counts := [directions]int{front: r.bits(4), side: r.bits(4), back: r.bits(4), bass: r.bits(2)}
	data, coupling := r.bits(3), r.bits(4)
	if r.bit() {
		r.bits(4) // mono_mixdown_element_number
	}
	if r.bit() {
		r.bits(4) // stereo_mixdown_element_number
	}
	if r.bit() {
		r.bits(3) // matrix_mixdown_idx, pseudo_surround_enable
	}
	for d, count := range counts {
		for range count {
			e := place{direction: direction(d), kind: singleElement}
			if e.direction == bass {
				e.kind = lfeElement
			} else if r.bit() {
				e.kind = pairElement
			}
			e.tag = uint8(r.bits(4))
			p.places[p.count] = e
			p.count++
		}
	}
	r.pos += 4*data + 5*coupling
	r.align()
	return p, r.skip(8 * r.bits(8)) // comment
}

// elements returns the channel elements with their speakers.
func (p *program) elements() ([]element, error) {
	channels, centers := p.census()
	pairs := [directions]int{channels[front] / 2, channels[side] / 2, channels[back] / 2}
	if pairs[front] > 2 || channels[side]%2 != 0 || pairs[side]+pairs[back] > 2 || pairs[side] > 1 ||
		channels[bass] > 1 {
		return nil, fmt.Errorf("%w: channel layout of the program config element", ErrUnsupported)
	}
	// The pairs in front come from the middle outwards, the others from the
	// front to the back.
	free := [directions][]Speaker{
		front: {FrontLeftOfCenter, FrontRightOfCenter, FrontLeft, FrontRight},
		side:  {SideLeft, SideRight},
		back:  {SideLeft, SideRight, BackLeft, BackRight},
		bass:  {LowFrequency},
	}
	free[front] = free[front][4-2*pairs[front]:]
	free[back] = free[back][4-2*pairs[back]:]
	var out []element
	for i, at := range p.places[:p.count] {
		e := element{kind: at.kind, tag: int(at.tag)}
		switch d := at.direction; {
		case i == centers[d] && d == front:
			e.speakers[0] = FrontCenter
		case i == centers[d] && d == back:
			e.speakers[0] = BackCenter
		default:
			if len(free[d]) < e.width() {
				return nil, fmt.Errorf("%w: channel order of the program config element", ErrUnsupported)
			}
			free[d] = free[d][copy(e.speakers[:e.width()], free[d]):]
		}
		out = append(out, e)
	}
	return out, nil
}

// census counts the channels in each direction, and finds the single element
// in the centre where their number is odd: the first one in front, the last
// one at the back.
func (p *program) census() (channels, centers [directions]int) {
	first, last := [directions]int{-1, -1, -1, -1}, [directions]int{-1, -1, -1, -1}
	for i, at := range p.places[:p.count] {
		channels[at.direction]++
		if at.kind == pairElement {
			channels[at.direction]++
		} else {
			last[at.direction] = i
			if first[at.direction] < 0 {
				first[at.direction] = i
			}
		}
	}
	centers = [directions]int{front: -1, side: -1, back: -1, bass: -1}
	if channels[front]%2 == 1 {
		centers[front] = first[front]
	}
	if channels[back]%2 == 1 {
		centers[back] = last[back]
	}
	return channels, centers
}
