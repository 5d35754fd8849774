package mpa

import "math"

// transform turns the lines to samples of the subbands (2.4.3.4.10).
func (s *spectrum) transform(g *granule, b *bands, lowRate bool, overlap *[subbands][slotsPerGranule]float32, out [][subbands]float32) {
	s.sort()
	long := subbands // how many subbands have long blocks
	if g.blockType == shortBlock {
		n, _ := g.split(lowRate)
		long = b.long[n] / slotsPerGranule
	}
	s.reduceAlias(long)
	used := min(subbands, (s.end+slotsPerGranule-1)/slotsPerGranule+1)
	for band := range subbands {
		var y [2 * slotsPerGranule]float32
		if band < used {
			x := (*[slotsPerGranule]float32)(s.x[band*slotsPerGranule:])
			switch {
			case band >= long:
				transformShort(x, &y)
			case g.mixed && band < 2:
				transformLong(x, &y, normalBlock)
			case g.blockType == shortBlock:
				transformLong(x, &y, normalBlock)
			default:
				transformLong(x, &y, g.blockType)
			}
		}
		for i := range slotsPerGranule {
			v := y[i] + overlap[band][i]
			if band&i&1 == 1 {
				v = -v // the odd subbands are upside down
			}
			out[i][band] = v
			overlap[band][i] = y[slotsPerGranule+i]
		}
	}
}

// sort puts the lines of short blocks from the order of their windows to that
// of frequency.
func (s *spectrum) sort() {
	for i := 0; i < s.count && s.parts[i].from < s.end; i++ {
		if s.parts[i].window == longPart {
			continue
		}
		from, width := s.parts[i].from, s.parts[i].to-s.parts[i].from
		band, sorted := s.x[from:from+3*width], s.sorted[:3*width]
		for k := range width {
			sorted[3*k], sorted[3*k+1], sorted[3*k+2] = band[k], band[width+k], band[2*width+k]
		}
		copy(band, sorted)
		s.end = max(s.end, from+3*width)
		i += 2
	}
}

// aliases are the factors of the butterflies between subbands (Table 3-B.9).
var aliases = func() (a [8][2]float32) {
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		n := math.Sqrt(1 + c*c)
		a[i] = [2]float32{float32(1 / n), float32(c / n)}
	}
	return a
}()

// reduceAlias goes over the boundaries of that many subbands.
func (s *spectrum) reduceAlias(long int) {
	for at := slotsPerGranule; at < long*slotsPerGranule && at < s.end+slotsPerGranule; at += slotsPerGranule {
		for i, f := range aliases {
			up, down := s.x[at-1-i], s.x[at+i]
			s.x[at-1-i] = up*f[0] - down*f[1]
			s.x[at+i] = down*f[0] + up*f[1]
		}
	}
}

// The inverse MDCT of n values is mirrored about the middles of its halves, the
// first half with the other sign. The tables have the cosines of what is left:
// outputs n/2 to n+n/2.
var (
	cosinesLong  = cosines(18)
	cosinesShort = cosines(6)
)

func cosines(n int) []float32 {
	t := make([]float32, 0, n*n)
	for i := n / 2; i < n+n/2; i++ {
		for k := range n {
			t = append(t, float32(math.Cos(math.Pi/float64(4*n)*float64((2*i+1+n)*(2*k+1)))))
		}
	}
	return t
}

// blockWindows are the windows of long blocks by block type.
var blockWindows = func() (w [4][36]float32) {
	sine := func(i float64, n int) float32 { return float32(math.Sin(math.Pi / float64(n) * (i + 0.5))) }
	for i := range 36 {
		w[normalBlock][i] = sine(float64(i), 36)
		switch {
		case i < 18:
			w[startBlock][i] = sine(float64(i), 36)
		case i < 24:
			w[startBlock][i] = 1
		case i < 30:
			w[startBlock][i] = sine(float64(i-18), 12)
		}
	}
	for i := range 36 {
		w[stopBlock][i] = w[startBlock][35-i]
	}
	return w
}()

var shortWindow = func() (w [12]float32) {
	for i := range w {
		w[i] = float32(math.Sin(math.Pi / 12 * (float64(i) + 0.5)))
	}
	return w
}()

func transformLong(x *[slotsPerGranule]float32, y *[2 * slotsPerGranule]float32, blockType int) {
	const n = slotsPerGranule
	w := &blockWindows[blockType]
	for i := range n {
		c := (*[n]float32)(cosinesLong[i*n:])
		var sum float32
		for k, v := range x {
			sum += v * c[k]
		}
		if i < n/2 {
			y[n/2+i], y[n/2-1-i] = sum*w[n/2+i], -sum*w[n/2-1-i]
		} else {
			y[n/2+i], y[2*n+n/2-1-i] = sum*w[n/2+i], sum*w[2*n+n/2-1-i]
		}
	}
}

func transformShort(x *[slotsPerGranule]float32, y *[2 * slotsPerGranule]float32) {
	const n = 6
	for w := range 3 {
		out := y[n+w*n:][:2*n]
		for i := range n {
			c := (*[n]float32)(cosinesShort[i*n:])
			var sum float32
			for k, f := range c {
				sum += x[3*k+w] * f
			}
			mirror, sign := n-1-(n/2+i), float32(-1)
			if i >= n/2 {
				mirror, sign = 3*n-1-(n/2+i), 1
			}
			out[n/2+i] += sum * shortWindow[n/2+i]
			out[mirror] += sign * sum * shortWindow[mirror]
		}
	}
}
