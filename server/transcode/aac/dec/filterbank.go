package dec

import (
	"sluice/server/transcode/aac/mdct"
	"sluice/server/transcode/aac/tables"
)

const (
	frameLen = tables.FrameLen
	shortLen = tables.ShortLen
	// flat is the length of the constant stretches of start and stop windows.
	flat = (frameLen - shortLen) / 2
)

// filterbank turns spectra to samples (ISO/IEC 14496-3 4.6.11). It is shared by
// all channels; what lasts from frame to frame is theirs.
type filterbank struct {
	long, short           *mdct.Transform
	longRises, shortRises [2][]float32 // rising window halves by shape
	block                 []float32    // one long block, or the short ones one after the other
}

func newFilterbank() *filterbank {
	return &filterbank{
		long:       mdct.New(2 * frameLen),
		short:      mdct.New(2 * shortLen),
		longRises:  [2][]float32{mdct.Sine(2 * frameLen), mdct.KBD(2*frameLen, 4)},
		shortRises: [2][]float32{mdct.Sine(2 * shortLen), mdct.KBD(2*shortLen, 6)},
		block:      make([]float32, 2*frameLen),
	}
}

// synthesise writes the frame of a spectrum to out and leaves in overlap what
// reaches into the next frame. previous is the last frame's window shape: it
// shapes the rising half, as shape does the falling one.
func (f *filterbank) synthesise(out, overlap, spec []float32, sequence tables.WindowSequence, previous, shape uint8) {
	if sequence == tables.EightShort {
		f.synthesiseShort(out, overlap, spec, previous, shape)
		return
	}
	f.long.Inverse(f.block, spec)
	rising, falling := f.block[:frameLen], f.block[frameLen:]
	if sequence == tables.LongStop {
		copy(out, overlap[:flat])
		addRise(out[flat:flat+shortLen], overlap[flat:], rising[flat:], f.shortRises[previous])
		for i := flat + shortLen; i < frameLen; i++ {
			out[i] = overlap[i] + rising[i]
		}
	} else {
		addRise(out, overlap, rising, f.longRises[previous])
	}
	if sequence == tables.LongStart {
		copy(overlap, falling[:flat])
		fall(overlap[flat:flat+shortLen], falling[flat:], f.shortRises[shape])
		clear(overlap[flat+shortLen:])
	} else {
		fall(overlap, falling, f.longRises[shape])
	}
}

// synthesiseShort is synthesise for eight short blocks. They overlap each other in
// the middle of the two frames that a long block spans.
func (f *filterbank) synthesiseShort(out, overlap, spec []float32, previous, shape uint8) {
	const blockLen = 2 * shortLen
	span := f.block[:frameLen+shortLen] // from the first block's start to the last one's end
	var block [blockLen]float32
	clear(span[:shortLen])
	for w := range maxWindows {
		f.short.Inverse(block[:], spec[w*shortLen:][:shortLen])
		at := span[w*shortLen:][:blockLen]
		addRise(at[:shortLen], at, block[:], f.shortRises[previous])
		fall(at[shortLen:], block[shortLen:], f.shortRises[shape])
		previous = shape
	}
	const head = frameLen - flat // part of span that belongs to this frame
	copy(out, overlap[:flat])
	for i, v := range span[:head] {
		out[flat+i] = overlap[flat+i] + v
	}
	copy(overlap, span[head:])
	clear(overlap[len(span)-head:])
}

// addRise writes base + x*slope to dst.
func addRise(dst, base, x, slope []float32) {
	base, x, slope = base[:len(dst)], x[:len(dst)], slope[:len(dst)]
	for i := range dst {
		dst[i] = base[i] + x[i]*slope[i]
	}
}

// fall writes x times the mirrored slope to dst.
func fall(dst, x, slope []float32) {
	x, slope = x[:len(dst)], slope[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * slope[len(slope)-1-i]
	}
}
