package dec

import (
	"math"

	"sluice/server/transcode/aac/tables"
)

const maxOrder = 12

// tnsData is tns_data with everything resolved that the filters need. A short
// window has at most one filter, a long one at most three.
type tnsData struct {
	count   int
	filters [maxWindows]tnsFilter
}

// tnsFilter is one all-pole filter over a stretch of the spectrum.
type tnsFilter struct {
	start, end int // coefficients of the whole frame's spectrum
	down       bool
	order      int
	lpc        [maxOrder]float32
}

// readTNS reads tns_data, if it is there.
func (s *stream) readTNS(r *bitReader, rateIndex int) error {
	s.tns.count = 0
	if !r.bit() {
		return nil
	}
	windows, countBits, lenBits, orderBits := 1, 2, 6, 5
	if s.short() {
		windows, countBits, lenBits, orderBits = maxWindows, 1, 4, 3
	}
	reach := min(tables.TNSMaxBands(rateIndex, s.short()), s.maxBand)
	for w := range windows {
		count := r.bits(countBits)
		if count == 0 {
			continue
		}
		fine := r.bits(1)
		top := len(s.bands) - 1
		for range count {
			bottom := max(top-r.bits(lenBits), 0)
			order := r.bits(orderBits)
			if order > tables.TNSMaxOrder(s.short()) {
				return errTNS
			}
			if order > 0 {
				f := &s.tns.filters[s.tns.count]
				f.order = order
				f.start = w*tables.ShortLen + int(s.bands[min(bottom, reach)])
				f.end = w*tables.ShortLen + int(s.bands[min(top, reach)])
				f.read(r, fine)
				s.tns.count++
			}
			top = bottom
		}
	}
	if r.over() {
		return ErrTruncated
	}
	return nil
}

// read reads direction and reflection coefficients and turns these into a
// prediction filter (ISO/IEC 14496-3 4.6.9.3).
func (f *tnsFilter) read(r *bitReader, fine int) {
	f.down = r.bit()
	resolution := 3 + fine
	width := resolution - r.bits(1)
	var next [maxOrder]float32
	for m := range f.order {
		index := r.bits(width) << (32 - width)
		k := reflections[fine][int(int32(index))>>(32-width)+8]
		for i := range m {
			next[i] = f.lpc[i] + k*f.lpc[m-1-i]
		}
		next[m] = k
		f.lpc = next
	}
}

// reflections holds the reflection coefficient of index i-8, for the
// resolutions of 3 and 4 bits.
var reflections = func() (t [2][16]float32) {
	for fine := range t {
		half := float64(int(4) << fine)
		for i := range t[fine] {
			index, steps := float64(i-8), half-0.5
			if index < 0 {
				steps = half + 0.5
			}
			t[fine][i] = float32(math.Sin(index * math.Pi / 2 / steps))
		}
	}
	return t
}()

// apply filters the spectrum.
func (t *tnsData) apply(spec []float32) {
	for i := range t.filters[:t.count] {
		if f := &t.filters[i]; f.start < f.end {
			f.apply(spec[f.start:f.end])
		}
	}
}

func (f *tnsFilter) apply(x []float32) {
	lpc := f.lpc[:f.order]
	if f.down {
		for n := len(x) - 1; n >= 0; n-- {
			past := x[n+1:]
			v := x[n]
			for i, a := range lpc[:min(len(lpc), len(past))] {
				v -= a * past[i]
			}
			x[n] = v
		}
		return
	}
	for n := range x {
		v := x[n]
		for i, a := range lpc[:min(len(lpc), n)] {
			v -= a * x[n-1-i]
		}
		x[n] = v
	}
}
