package dec

import (
	"fmt"
	"slices"

	"sluice/protocols/codec/aac"
)

// parseConfig reads an AudioSpecificConfig and returns what it says of the
// stream and the channel elements of a frame.
func parseConfig(asc []byte) (Info, []element, error) {
	c, err := aac.ParseConfig(asc)
	if err != nil {
		return Info{}, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if c.ObjectType != aac.LC {
		return Info{}, nil, fmt.Errorf("%w: audio object type %d; AAC-LC and HE-AAC are decoded", ErrUnsupported, c.ObjectType)
	}
	if c.FrameLength != frameLen {
		return Info{}, nil, fmt.Errorf("%w: frames of %d samples", ErrUnsupported, c.FrameLength)
	}
	var elements []element
	if c.Program != nil {
		elements, err = programElements(c.Program)
	} else {
		elements, err = configElements(c.ChannelConfig)
	}
	if err != nil {
		return Info{}, nil, err
	}
	info := Info{SampleRate: c.SampleRate, SBR: c.SBR, PS: c.PS, ExtensionRate: c.ExtensionRate}
	info.Layout, err = arrange(elements)
	return info, elements, err
}

// configElements returns the elements of a channelConfiguration.
func configElements(n uint8) ([]element, error) {
	if int(n) >= len(configurations) || configurations[n] == nil {
		return nil, fmt.Errorf("%w: channel configuration %d", ErrUnsupported, n)
	}
	return append([]element(nil), configurations[n]...), nil
}

// programElements returns the elements of a program config element with their
// speakers: in front from the middle outwards, elsewhere from front to back
// (ISO/IEC 14496-3 4.5.1.2).
func programElements(p *aac.Program) ([]element, error) {
	var out []element
	for _, tag := range p.LFE {
		out = append(out, element{kind: lfeElement, tag: int(tag), speakers: [2]Speaker{LowFrequency}})
	}
	frontPairs := []Speaker{FrontLeftOfCenter, FrontRightOfCenter, FrontLeft, FrontRight}
	sidePairs, backPairs := []Speaker{SideLeft, SideRight}, []Speaker{BackLeft, BackRight}
	if len(p.Side) == 0 {
		backPairs = append(sidePairs, backPairs...)
	}
	front, frontFits := place(p.Front, frontPairs, FrontCenter, false)
	side, sideFits := place(p.Side, sidePairs, speakers, false)
	back, backFits := place(p.Back, backPairs, BackCenter, true)
	out = slices.Concat(out, front, side, back)
	if frontFits && sideFits && backFits {
		return out, nil
	}
	return out, improvise(out)
}

// place gives the elements of one direction their speakers. Of an odd number of
// channels one is the centre: the first or last single element. A list that is
// shorter than pairs has the last of them. It reports whether all fit.
func place(list []aac.Element, pairs []Speaker, center Speaker, last bool) (out []element, fit bool) {
	channels, middle := 0, -1
	for i, e := range list {
		out = append(out, element{kind: singleElement, tag: int(e.Tag)})
		if e.Pair {
			out[i].kind = pairElement
		} else if middle < 0 || last {
			middle = i
		}
		channels += out[i].width()
	}
	if channels%2 == 0 {
		middle = -1
	}
	if channels/2*2 > len(pairs) || channels%2 == 1 && center == speakers {
		return out, false
	}
	pairs = pairs[len(pairs)-channels/2*2:]
	for i := range out {
		e := &out[i]
		if i == middle {
			e.speakers[0] = center
			continue
		}
		if e.kind == pairElement && len(pairs)%2 == 1 {
			return out, false
		}
		pairs = pairs[copy(e.speakers[:e.width()], pairs):]
	}
	return out, true
}

// improvise gives speakers to elements whose directions make no sense, as if
// they stood in the order of the speakers; LFE elements come first. ffmpeg's encoder writes such program
// config elements for 4.1, 5.1(side) and 6.1: the LFE is a single channel at
// the side there.
func improvise(elements []element) error {
	pairs := []Speaker{FrontLeft, FrontRight, BackLeft, BackRight, SideLeft, SideRight}
	singles := []Speaker{FrontCenter, LowFrequency, BackCenter}
	for i := range elements {
		e := &elements[i]
		free := &singles
		switch e.kind {
		case lfeElement:
			singles = []Speaker{FrontCenter, BackCenter}
			continue
		case pairElement:
			free = &pairs
		}
		if len(*free) < e.width() {
			return fmt.Errorf("%w: channel layout of the program config element", ErrUnsupported)
		}
		*free = (*free)[copy(e.speakers[:e.width()], *free):]
	}
	return nil
}
