package dec

import "sluice/server/transcode/aac/tables"

// stereoMask is ms_mask_present and ms_used of a channel pair.
type stereoMask struct {
	present int // 0 none, 1 by band, 2 all
	used    [maxScales]bool
}

// clear makes the mask that of a pair without M/S coding.
func (m *stereoMask) clear() {
	m.present = 0
	clear(m.used[:])
}

// read reads the mask for so many bands into a clear one.
func (m *stereoMask) read(r *bitReader, bands int) error {
	m.present = r.bits(2)
	switch m.present {
	case 3:
		return errStereoMask
	case 1:
		for i := range m.used[:bands] {
			m.used[i] = r.bit()
		}
	case 2:
		for i := range m.used[:bands] {
			m.used[i] = true
		}
	}
	return nil
}

// apply undoes M/S coding (ISO/IEC 14496-3 4.6.8.1) and intensity stereo
// (4.6.8.2), and correlates noise (4.6.13). The channels have windows of the
// same length; unless they have them in common, the mask is clear.
func (m *stereoMask) apply(left, right *channel) {
	s := &right.stream
	first := 0
	for g := range s.groups {
		for b := range s.maxBand {
			i := g*s.maxBand + b
			start, end := first+int(s.bands[b]), first+int(s.bands[b+1])
			for range s.groupLen[g] {
				m.band(i, left, right, start, end)
				start, end = start+tables.ShortLen, end+tables.ShortLen
			}
		}
		first += int(s.groupLen[g]) * tables.ShortLen
	}
}

func (m *stereoMask) band(i int, left, right *channel, start, end int) {
	l, r := left.spec[start:end], right.spec[start:end]
	leftBook, rightBook := left.book[i], right.book[i]
	switch {
	case rightBook == tables.IntensityBook || rightBook == tables.IntensityBook2:
		gain := right.scale[i]
		if m.present == 1 && m.used[i] {
			gain = -gain
		}
		scaleTo(r, l, gain)
	case !m.used[i]:
	case leftBook == tables.NoiseBook && rightBook == tables.NoiseBook:
		scaleTo(r, l, right.scale[i]/left.scale[i])
	case leftBook < tables.NoiseBook && rightBook < tables.NoiseBook:
		for k, mid := range l {
			side := r[k]
			l[k], r[k] = mid+side, mid-side
		}
	}
}

// scaleTo writes src times gain to dst.
func scaleTo(dst, src []float32, gain float32) {
	for i := range dst {
		dst[i] = src[i] * gain
	}
}
