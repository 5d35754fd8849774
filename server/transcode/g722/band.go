package g722

// band is the adaptive predictor and quantizer scale of one of the two
// sub-bands (G.722 3.5 and 3.6). All values are 16-bit ones.
type band struct {
	scale    int32 // logarithmic, NBL or NBH
	step     int32 // DETL or DETH
	estimate int32 // SL or SH: what the predictor expects next
	zeros    int32 // the part of the estimate that the zeros make

	d [6]int32 // quantized differences, the newest first
	b [6]int32 // coefficients of the zeros
	r [2]int32 // reconstructed samples
	p [2]int32 // reconstructed without the poles
	a [2]int32 // coefficients of the poles
}

// adapt moves the quantizer's scale by the weight of a code. shift and most
// are those of the band.
func (s *band) adapt(weight, shift, most int32) {
	s.scale = min(max(s.scale*127>>7+weight, 0), most)
	step := exponentials[s.scale>>6&31]
	if down := shift - s.scale>>11; down >= 0 {
		step >>= down
	} else {
		step <<= -down
	}
	s.step = step << 2
}

// update takes the quantized difference to the estimate, and makes the next
// estimate.
func (s *band) update(d int32) {
	r := clip(s.estimate + d)
	p := clip(s.zeros + d)

	// The second pole (block UPPOL2).
	lean := clip(s.a[0] << 2)
	if same(p, s.p[0]) {
		lean = clip(-lean)
	}
	a2 := lean>>7 - 128
	if same(p, s.p[1]) {
		a2 = lean>>7 + 128
	}
	a2 = min(max(a2+s.a[1]*32512>>15, -12288), 12288)

	// The first pole, bounded by the second for stability (UPPOL1).
	a1 := int32(-192)
	if same(p, s.p[0]) {
		a1 = 192
	}
	bound := 15360 - a2
	a1 = min(max(clip(a1+s.a[0]*32640>>15), -bound), bound)

	// The zeros (UPZERO), and their part of the next estimate (FILTEZ).
	push := int32(128)
	if d == 0 {
		push = 0
	}
	for i := range s.b {
		to := -push
		if same(d, s.d[i]) {
			to = push
		}
		s.b[i] = clip(to + s.b[i]*32640>>15)
	}
	copy(s.d[1:], s.d[:5])
	s.d[0] = d
	zeros := int32(0)
	for i, b := range s.b {
		zeros += b * clip(2*s.d[i]) >> 15
	}
	s.zeros = clip(zeros)

	// FILTEP and PREDIC.
	s.r, s.p, s.a = [2]int32{r, s.r[0]}, [2]int32{p, s.p[0]}, [2]int32{a1, a2}
	poles := clip(a1*clip(2*s.r[0])>>15 + a2*clip(2*s.r[1])>>15)
	s.estimate = clip(poles + s.zeros)
}

// same reports whether two values have the same sign bit.
func same(x, y int32) bool { return x>>15 == y>>15 }

// clip saturates to 16 bits.
func clip(x int32) int32 { return min(max(x, -32768), 32767) }
