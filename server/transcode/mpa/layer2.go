package mpa

import (
	"math"

	header "sluice/protocols/codec/mpa"
)

// quantiser is a row of Table 3-B.4: how many steps there are, and the bits of a
// sample, or of three that are packed in one code.
type quantiser struct {
	steps, bits int
	packed      bool
}

var quantisers = [17]quantiser{
	{3, 5, true},
	{5, 7, true},
	{7, 3, false},
	{9, 10, true},
	{15, 4, false},
	{31, 5, false},
	{63, 6, false},
	{127, 7, false},
	{255, 8, false},
	{511, 9, false},
	{1023, 10, false},
	{2047, 11, false},
	{4095, 12, false},
	{8191, 13, false},
	{16383, 14, false},
	{32767, 15, false},
	{65535, 16, false},
}

// choice is the quantisers that a subband's allocation chooses from, after
// none: as many as its bits can tell.
type choice struct {
	bits  int
	which []int8
}

// The choices of Tables 3-B.2 a to d, and of 13818-3 Table B.1.
var (
	choiceA = choice{4, []int8{0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}
	choiceB = choice{4, []int8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16}}
	choiceC = choice{3, []int8{0, 1, 2, 3, 4, 5, 16}}
	choiceD = choice{2, []int8{0, 1, 16}}
	choiceE = choice{4, []int8{0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}
	choiceF = choice{3, []int8{0, 1, 3, 4, 5, 6, 7}}
	choiceG = choice{4, []int8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}}
	choiceH = choice{2, []int8{0, 1, 3}}
)

// choiceOf returns the choice of a subband.
func (p plan) choiceOf(subband int) choice {
	switch {
	case p == low && subband < 4:
		return choiceG
	case p == low && subband < 11:
		return choiceF
	case p == low:
		return choiceH
	case p.narrow() && subband < 2:
		return choiceE
	case p.narrow():
		return choiceF
	case subband < 3:
		return choiceA
	case subband < 11:
		return choiceB
	case subband < 23:
		return choiceC
	default:
		return choiceD
	}
}

// plan is one of the tables, by the subbands that it has.
type plan int

const (
	planA plan = 27
	planB plan = 30
	planC plan = 8
	planD plan = 12
	low   plan = -30
)

func (p plan) narrow() bool { return p == planC || p == planD }

func (p plan) subbands() int { return max(int(p), -int(p)) }

// planOf returns the plan of a frame.
func planOf(h header.Header) plan {
	rate := h.BitRate / h.Channels / 1000
	switch {
	case h.LowRate:
		return low
	case rate >= 56 && (h.SampleRate == 48000 || rate <= 80):
		return planA
	case rate >= 96:
		return planB
	case h.SampleRate == 32000:
		return planD
	default:
		return planC
	}
}

// allocation is the side information of a layer II frame, by channel and subband.
type allocation struct {
	quantiser [2][subbands]int8 // -1 for none
	scale     [2][subbands][3]float32
}

// scaleFactors are those of Table 3-B.1; 63 is reserved.
var scaleFactors = func() (f [64]float32) {
	for i := range f {
		f[i] = float32(2 * math.Exp2(-float64(i)/3))
	}
	return f
}()

// decodeII decodes a frame of layer II to the samples of the subbands
// (2.4.1.6).
func (d *Decoder) decodeII(h header.Header, body []byte) error {
	p, r := planOf(h), &bitReader{data: body}
	joint := p.subbands() // subbands from here on have the samples of both channels
	if h.Mode == header.JointStereo {
		joint = min(joint, 4*(int(h.Extension)+1))
	}
	if err := d.readAllocation(r, p, joint); err != nil {
		return err
	}
	for c := range d.channels {
		clear(d.samples[c][:])
	}
	for slot := 0; slot < slots; slot += 3 {
		for band := range p.subbands() {
			for c := range d.channels {
				q := d.alloc.quantiser[c][band]
				if q < 0 || c == 1 && band >= joint {
					continue
				}
				values := quantisers[q].read(r)
				for i, v := range values {
					d.samples[c][slot+i][band] = v * d.alloc.scale[c][band][slot/12]
					if band >= joint && d.channels == 2 {
						d.samples[1][slot+i][band] = v * d.alloc.scale[1][band][slot/12]
					}
				}
			}
		}
	}
	if r.left() < 0 {
		return ErrTruncated
	}
	return nil
}

// readAllocation reads the bit allocation and the scale factors.
func (d *Decoder) readAllocation(r *bitReader, p plan, joint int) error {
	a := &d.alloc
	for band := range p.subbands() {
		choice := p.choiceOf(band)
		for c := range d.channels {
			if c == 1 && band >= joint {
				a.quantiser[1][band] = a.quantiser[0][band]
				continue
			}
			a.quantiser[c][band] = -1
			if i := r.bits(choice.bits); i > 0 {
				a.quantiser[c][band] = choice.which[i-1]
			}
		}
	}
	var sharing [2][subbands]int
	for band := range p.subbands() {
		for c := range d.channels {
			if a.quantiser[c][band] >= 0 {
				sharing[c][band] = r.bits(2)
			}
		}
	}
	for band := range p.subbands() {
		for c := range d.channels {
			if a.quantiser[c][band] < 0 {
				continue
			}
			if !readScales(r, sharing[c][band], &a.scale[c][band]) {
				return errScale
			}
		}
	}
	return nil
}

// readScales reads the scale factors of the three parts of a frame, some of
// which may be the same (scfsi, 2.4.2.6).
func readScales(r *bitReader, sharing int, scale *[3]float32) bool {
	ok := true
	next := func() float32 {
		i := r.bits(6)
		ok = ok && i < len(scaleFactors)-1
		return scaleFactors[i]
	}
	scale[0] = next()
	switch sharing {
	case 0:
		scale[1], scale[2] = next(), next()
	case 1:
		scale[1], scale[2] = scale[0], next()
	case 2:
		scale[1], scale[2] = scale[0], scale[0]
	case 3:
		scale[1] = next()
		scale[2] = scale[1]
	}
	return ok
}

// read reads three samples.
func (q quantiser) read(r *bitReader) (values [3]float32) {
	code := 0
	if q.packed {
		code = r.bits(q.bits)
	}
	for i := range values {
		v := code % q.steps
		if code /= q.steps; !q.packed {
			v = r.bits(q.bits)
		}
		values[i] = float32(2*v-q.steps+1) / float32(q.steps)
	}
	return values
}
