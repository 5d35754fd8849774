package rtp

import (
	"fmt"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/bits"
)

// latmConfig is what a StreamMuxConfig says (ISO/IEC 14496-3 1.7.3), of the
// only kind in use: one program with one layer, frames of variable size.
type latmConfig struct {
	asc       []byte // AudioSpecificConfig
	subFrames int    // access units per AudioMuxElement, 1 to 64
}

// readLATMConfig reads a StreamMuxConfig.
func readLATMConfig(r *bits.Reader) (*latmConfig, error) {
	version := r.Flag()
	if version {
		if r.Flag() {
			return nil, fmt.Errorf("%w: LATM of audioMuxVersionA 1", ErrUnsupported)
		}
		readLATMValue(r) // taraBufferFullness
	}
	c := new(latmConfig)
	sameFraming := r.Flag()
	c.subFrames = r.Int(6) + 1
	programs, layers := r.Uint(4), r.Uint(3)
	if !sameFraming || programs > 0 || layers > 0 {
		return nil, fmt.Errorf("%w: LATM with several programs or layers", ErrUnsupported)
	}
	var extended bool
	var err error
	if c.asc, extended, err = readLATMSpecific(r, version); err != nil {
		return nil, err
	}
	if extended && r.Left() < 11 && r.Err() == nil {
		return c, nil // GStreamer leaves out what comes after an extension
	}
	if kind := r.Uint(3); kind != 0 {
		return nil, fmt.Errorf("%w: LATM frameLengthType %d", ErrUnsupported, kind)
	}
	r.Skip(8)     // latmBufferFullness
	if r.Flag() { // otherDataPresent: its size, which nobody needs
		if version {
			readLATMValue(r)
		} else {
			for more := true; more && r.Err() == nil; {
				more = r.Flag()
				r.Skip(8)
			}
		}
	}
	if r.Flag() { // crcCheckPresent
		r.Skip(8)
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("%w: StreamMuxConfig ends early", ErrMalformed)
	}
	return c, nil
}

// readLATMValue reads a LatmGetValue.
func readLATMValue(r *bits.Reader) int {
	n := r.Int(2) + 1
	return r.Int(8 * n)
}

// readLATMSpecific reads the AudioSpecificConfig, whose size only version 1
// tells; extended says that it has an extension behind it.
func readLATMSpecific(r *bits.Reader, sized bool) (asc []byte, extended bool, err error) {
	size := 0
	if sized {
		size = readLATMValue(r)
	}
	from := *r
	if sized {
		r.Skip(size)
	} else if extended, err = skipSpecific(r); err != nil {
		return nil, false, err
	}
	n := r.Pos() - from.Pos()
	if r.Err() != nil || n > 8*256 {
		return nil, false, fmt.Errorf("%w: AudioSpecificConfig of %d bits in LATM", ErrMalformed, n)
	}
	asc = from.AppendBytes(nil, n/8)
	if rest := n % 8; rest > 0 {
		asc = append(asc, byte(from.Uint(rest)<<(8-rest)))
	}
	return asc, extended, nil
}

// skipSpecific passes over an AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) of
// the AAC object types 1 to 4, with or without hierarchical SBR and PS.
func skipSpecific(r *bits.Reader) (extended bool, err error) {
	object := aac.ObjectType(r.Uint(5))
	skipRate(r)
	channels := r.Uint(4)
	explicit := object == aac.SBR || object == aac.PS
	if explicit {
		skipRate(r)
		object = aac.ObjectType(r.Uint(5))
	}
	if object < aac.Main || object > aac.LTP || channels == 0 {
		return false, fmt.Errorf("%w: audio object type %d with channel configuration %d in LATM", ErrUnsupported, object, channels)
	}
	r.Skip(1)     // frameLengthFlag
	if r.Flag() { // dependsOnCoreCoder
		r.Skip(14)
	}
	r.Skip(1) // extensionFlag
	return !explicit && skipSyncExtension(r), nil
}

// skipSyncExtension passes over SBR and PS that are signalled behind the
// configuration, if they are (ISO/IEC 14496-3 1.6.5.2). What else can follow a
// configuration in LATM begins with other bits.
func skipSyncExtension(r *bits.Reader) bool {
	const sbrSync, psSync = 0x2b7, 0x548
	next := *r
	if next.Uint(11) != sbrSync {
		return false
	}
	*r = next
	if aac.ObjectType(r.Uint(5)) != aac.SBR || !r.Flag() {
		return true
	}
	skipRate(r)
	if next = *r; next.Uint(11) == psSync {
		*r = next
		r.Skip(1) // psPresentFlag
	}
	return true
}

// skipRate passes over a samplingFrequencyIndex, and the frequency after 15.
func skipRate(r *bits.Reader) {
	if r.Uint(4) == 15 {
		r.Skip(24)
	}
}
