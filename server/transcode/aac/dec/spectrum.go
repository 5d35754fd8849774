package dec

import (
	"math"
	"math/bits"

	"sluice/server/transcode/aac/tables"
)

// readSpectrum reads spectral_data and pulses into ch.spec, scaled, and fills
// noise bands.
func (d *Decoder) readSpectrum(r *bitReader, ch *channel) error {
	s := &ch.stream
	clear(ch.spec)
	first := 0 // coefficient at which the group's first window begins
	for g := range s.groups {
		for b := range s.maxBand {
			i := g*s.maxBand + b
			start, end := first+int(s.bands[b]), first+int(s.bands[b+1])
			for range s.groupLen[g] {
				if err := d.readBand(r, ch.spec[start:end], s.book[i], s.scale[i]); err != nil {
					return err
				}
				start, end = start+tables.ShortLen, end+tables.ShortLen
			}
		}
		first += int(s.groupLen[g]) * tables.ShortLen
	}
	if r.over() {
		return ErrTruncated
	}
	return s.addPulses(ch.spec)
}

// readBand reads the coefficients of one band of one window.
func (d *Decoder) readBand(r *bitReader, x []float32, book uint8, scale float32) error {
	switch book {
	case tables.ZeroBook, tables.IntensityBook, tables.IntensityBook2:
		return nil
	case tables.NoiseBook:
		d.noise.fill(x, scale)
		return nil
	case 1, 2, 3, 4:
		readQuads(r, spectralLookup[book], x, scale)
		return nil
	case tables.EscapeBook:
		return readEscapes(r, x, scale)
	default:
		readPairs(r, spectralLookup[book], x, scale)
		return nil
	}
}

// dequant is v^(4/3) for each pair field: magnitude and sign.
var dequant = func() (t [2 * pairSign]float32) {
	for v := range pairSign {
		t[v] = dequantise(v)
		t[v|pairSign] = -t[v]
	}
	return t
}()

// dequantise returns v^(4/3) (ISO/IEC 14496-3 4.6.1.3).
func dequantise(v int) float32 {
	return float32(float64(v) * math.Cbrt(float64(v)))
}

// readQuads reads coefficients with one of the books 1 to 4.
func readQuads(r *bitReader, t lookup, x []float32, scale float32) {
	one, two := scale, scale*dequant[2]
	values := [8]float32{1: one, 2: two, quadSign | 1: -one, quadSign | 2: -two}
	data, pos := r.data, r.pos
	for ; len(x) >= 4; x = x[4:] {
		w := window(data, pos)
		e := t.find(w)
		length, count := int(e&31), int(e>>5&15)
		pos += length + count
		signs := uint32(w << length >> 32)
		e >>= 9
		for i := range 4 {
			v := e & 7
			if count > 0 && v != 0 {
				v |= signs >> 31 * quadSign
				signs <<= 1
			}
			x[i] = values[v&7]
			e >>= 3
		}
	}
	r.pos = pos
}

// readPairs reads coefficients with one of the books 5 to 10.
func readPairs(r *bitReader, t lookup, x []float32, scale float32) {
	data, pos := r.data, r.pos
	for ; len(x) >= 2; x = x[2:] {
		w := window(data, pos)
		e := t.find(w)
		length, count := int(e&31), int(e>>5&15)
		pos += length + count
		a, b := signPair(e, w<<length, count)
		x[0], x[1] = dequant[a]*scale, dequant[b]*scale
	}
	r.pos = pos
}

// signPair returns the two fields of a pair entry, each with its sign, taken
// from the count sign bits at the top of signs.
func signPair(e uint32, signs uint64, count int) (a, b uint32) {
	a, b = e>>9&(2*pairSign-1), e>>15&(2*pairSign-1)
	switch {
	case count == 2:
		a |= uint32(signs>>63) * pairSign
		b |= uint32(signs>>62&1) * pairSign
	case count == 1 && a != 0:
		a |= uint32(signs>>63) * pairSign
	case count == 1:
		b |= uint32(signs>>63) * pairSign
	}
	return a, b
}

// readEscapes reads coefficients with book 11, whose largest magnitude says
// that an escape sequence follows.
func readEscapes(r *bitReader, x []float32, scale float32) error {
	t := spectralLookup[tables.EscapeBook]
	const escape = 16
	for ; len(x) >= 2; x = x[2:] {
		w := r.window()
		e := t.find(w)
		length, count := int(e&31), int(e>>5&15)
		r.pos += length + count
		a, b := signPair(e, w<<length, count)
		for i, v := range [2]uint32{a, b} {
			if v&^pairSign != escape {
				x[i] = dequant[v] * scale
				continue
			}
			magnitude, err := readEscape(r)
			if err != nil {
				return err
			}
			x[i] = dequantise(magnitude) * scale
			if v&pairSign != 0 {
				x[i] = -x[i]
			}
		}
	}
	return nil
}

// readEscape reads an escape sequence: n ones, a zero and n+4 bits. Magnitudes
// end at 8191, so n is at most 8 (ISO/IEC 14496-3 4.6.3.3).
func readEscape(r *bitReader) (int, error) {
	w := r.window()
	n := bits.LeadingZeros64(^w)
	if n > 8 {
		return 0, errEscape
	}
	r.pos += 2*n + 5
	return 1<<(n+4) | int(w<<(n+1)>>(60-n)), nil
}

// addPulses adds the pulses to the spectrum, which is dequantised already:
// the quantised magnitude is recovered, changed and dequantised again.
func (s *stream) addPulses(spec []float32) error {
	if s.pulse.count == 0 {
		return nil
	}
	k := int(s.bands[s.pulse.startBand])
	for i := range s.pulse.count {
		k += int(s.pulse.offset[i])
		if k >= tables.FrameLen {
			return errPulse
		}
		band := 0
		for band < s.maxBand && int(s.bands[band+1]) <= k {
			band++
		}
		if band == s.maxBand {
			continue // nothing is transmitted there
		}
		if book := s.book[band]; book == tables.ZeroBook || book >= tables.ReservedBook {
			continue
		}
		scale := s.scale[band]
		magnitude := int(math.Round(math.Pow(math.Abs(float64(spec[k]/scale)), 0.75)))
		v := dequantise(magnitude+int(s.pulse.amplitude[i])) * scale
		if spec[k] <= 0 {
			v = -v
		}
		spec[k] = v
	}
	return nil
}
