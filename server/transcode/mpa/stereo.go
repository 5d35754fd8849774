package mpa

import (
	"math"

	header "sluice/protocols/codec/mpa"
)

// The bits of mode_extension.
const (
	intensityStereo = 1
	middleSide      = 2
)

// joinStereo turns the spectra of a frame in joint stereo to left and right
// (2.4.3.4.9).
func (d *Decoder) joinStereo(h header.Header, g *[2]granule) {
	left, right := &d.spectrum[0], &d.spectrum[1]
	end := max(left.end, right.end)
	if h.Extension&intensityStereo != 0 {
		left.spread(right, &g[1], h)
	} else if h.Extension&middleSide != 0 {
		rotate(left.x[:end], right.x[:end])
	}
	left.end, right.end = end, end
}

// rotate turns middle and side to left and right.
func rotate(left, right []float32) {
	for i, m := range left {
		s := right[i]
		left[i], right[i] = (m+s)*(1/math.Sqrt2), (m-s)*(1/math.Sqrt2)
	}
}

// spread does intensity stereo: above the lines that the right channel has of its
// own both have those of the left one, by the positions that stand in the place
// of the right channel's scale factors.
func (s *spectrum) spread(right *spectrum, g *granule, h header.Header) {
	var own [longPart + 1]bool // by window: the right channel's own lines have begun
	for i := right.count - 1; i >= 0; i-- {
		p := right.parts[i]
		l, r := s.x[p.from:p.to], right.x[p.from:p.to]
		if p.window == longPart && (own[0] || own[1] || own[2]) {
			own[longPart] = true
		}
		if !own[p.window] && !silent(r) {
			own[p.window] = true
		}
		at := right.position(i)
		if !own[p.window] && (h.LowRate && !right.nowhere[at] || !h.LowRate && right.scale[at] < nowhere) {
			toLeft, toRight := pan(right.scale[at], h.LowRate, g.compress)
			for k, v := range l {
				l[k], r[k] = v*toLeft, v*toRight
			}
		} else if h.Extension&middleSide != 0 {
			rotate(l, r)
		}
	}
}

// nowhere is the scale factor of MPEG-1 that is no position.
const nowhere = 7

// position returns the index of the scale factor that is part i's position: the
// last bands have those of the ones before.
func (s *spectrum) position(i int) int {
	switch p := s.parts[i]; {
	case p.window == longPart && p.scale == 21:
		return 20
	case p.window != longPart && i >= s.count-3:
		return p.scale - 3
	default:
		return p.scale
	}
}

func silent(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

// pan returns the gains of a position.
func pan(position int, lowRate bool, compress int) (left, right float32) {
	if !lowRate {
		// tan(position * pi/12) to 1.
		sin, cos := math.Sincos(float64(position) * math.Pi / 12)
		return float32(sin / (sin + cos)), float32(cos / (sin + cos))
	}
	gain := float32(math.Exp2(-float64((1+compress&1)*((position+1)/2)) / 4))
	if position%2 == 1 {
		return gain, 1
	}
	return 1, gain
}
