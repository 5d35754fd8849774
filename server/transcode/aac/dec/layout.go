package dec

import (
	"fmt"
	"slices"
)

// Speaker is the place of one channel.
type Speaker uint8

// The speakers, in the order in which their samples are interleaved. It is the order
// of WAVE files.
const (
	FrontLeft Speaker = iota
	FrontRight
	FrontCenter
	LowFrequency
	BackLeft
	BackRight
	FrontLeftOfCenter
	FrontRightOfCenter
	BackCenter
	SideLeft
	SideRight
	TopFrontLeft
	TopFrontRight
	speakers
)

var speakerNames = [speakers]string{
	"FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TFL", "TFR",
}

// String returns the speaker's usual abbreviation.
func (s Speaker) String() string {
	if s < speakers {
		return speakerNames[s]
	}
	return fmt.Sprintf("speaker(%d)", uint8(s))
}

// elementKind is id_syn_ele (ISO/IEC 14496-3 4.5.2.1).
type elementKind uint8

const (
	singleElement elementKind = iota
	pairElement
	couplingElement
	lfeElement
	dataElement
	programElement
	fillElement
	endElement
)

// element is a channel element that the configuration announces.
type element struct {
	kind     elementKind
	tag      int // element_instance_tag, or anyTag
	speakers [2]Speaker
	channels [2]int // where the speakers stand in the output; set by arrange
}

// anyTag lets an element match by its order alone.
const anyTag = -1

func single(s Speaker) element  { return element{singleElement, anyTag, [2]Speaker{s}, [2]int{}} }
func lfe() element              { return element{lfeElement, anyTag, [2]Speaker{LowFrequency}, [2]int{}} }
func pair(l, r Speaker) element { return element{pairElement, anyTag, [2]Speaker{l, r}, [2]int{}} }

// configurations lists the elements of each channelConfiguration (ISO/IEC
// 14496-3 1.6.3.5). For 7 the standard has two pairs in front, left and right
// of the centre; encoders in the field use it for two surround pairs, and the
// common decoders take it so, as this one does.
var configurations = [15][]element{
	1:  {single(FrontCenter)},
	2:  {pair(FrontLeft, FrontRight)},
	3:  {single(FrontCenter), pair(FrontLeft, FrontRight)},
	4:  {single(FrontCenter), pair(FrontLeft, FrontRight), single(BackCenter)},
	5:  {single(FrontCenter), pair(FrontLeft, FrontRight), pair(BackLeft, BackRight)},
	6:  {single(FrontCenter), pair(FrontLeft, FrontRight), pair(BackLeft, BackRight), lfe()},
	7:  {single(FrontCenter), pair(FrontLeft, FrontRight), pair(SideLeft, SideRight), pair(BackLeft, BackRight), lfe()},
	11: {single(FrontCenter), pair(FrontLeft, FrontRight), pair(BackLeft, BackRight), single(BackCenter), lfe()},
	12: {single(FrontCenter), pair(FrontLeft, FrontRight), pair(SideLeft, SideRight), pair(BackLeft, BackRight), lfe()},
	14: {single(FrontCenter), pair(FrontLeft, FrontRight), pair(BackLeft, BackRight), lfe(), pair(TopFrontLeft, TopFrontRight)},
}

// arrange gives each speaker of the elements its place in the output and
// returns the speakers in output order. It fails if one is there twice.
func arrange(elements []element) ([]Speaker, error) {
	var layout []Speaker
	for _, e := range elements {
		layout = append(layout, e.speakers[:e.width()]...)
	}
	slices.Sort(layout)
	if len(slices.Compact(slices.Clone(layout))) != len(layout) || len(layout) == 0 {
		return nil, fmt.Errorf("%w: channel layout", ErrUnsupported)
	}
	for i := range elements {
		e := &elements[i]
		for k, s := range e.speakers[:e.width()] {
			e.channels[k] = slices.Index(layout, s)
		}
	}
	return layout, nil
}

// width returns the number of channels of an element.
func (e *element) width() int {
	if e.kind == pairElement {
		return 2
	}
	return 1
}
