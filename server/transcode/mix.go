package transcode

import (
	"math"

	"sluice/server/transcode/aac/dec"
)

// mixer turns samples of one loudspeaker layout to mono or stereo.
type mixer struct {
	in, out int
	gain    [2][]float32 // by output and input channel; nil where nothing changes
}

// newMixer returns a mixer to 1 or 2 channels. Downmixing is that of ITU-R
// BS.775, without the LFE channel, turned down so that full scale on
// all channels does not clip. Mono goes to both channels at full level.
func newMixer(layout []dec.Speaker, out int) mixer {
	m := mixer{in: len(layout), out: out}
	if m.in == out && out == 1 || m.in == 2 && out == 2 {
		return m
	}
	loudest := float32(0)
	for c := range out {
		m.gain[c] = make([]float32, m.in)
		sum := float32(0)
		for k, s := range layout {
			left, right := place(s)
			switch {
			case m.in == 1:
				m.gain[c][k] = 1
			case out == 1:
				m.gain[c][k] = left + right
			case c == 0:
				m.gain[c][k] = left
			default:
				m.gain[c][k] = right
			}
			sum += m.gain[c][k]
		}
		loudest = max(loudest, sum)
	}
	if loudest == 0 {
		loudest = 1 // an LFE channel alone
	}
	for c := range out {
		for k := range m.gain[c] {
			m.gain[c][k] /= loudest
		}
	}
	return m
}

// place returns a loudspeaker's part in left and right.
func place(s dec.Speaker) (left, right float32) {
	const half = math.Sqrt2 / 2 // of the power
	switch s {
	case dec.FrontLeft:
		return 1, 0
	case dec.FrontRight:
		return 0, 1
	case dec.FrontCenter:
		return half, half
	case dec.BackCenter:
		return 0.5, 0.5
	case dec.BackLeft, dec.SideLeft, dec.FrontLeftOfCenter, dec.TopFrontLeft:
		return half, 0
	case dec.BackRight, dec.SideRight, dec.FrontRightOfCenter, dec.TopFrontRight:
		return 0, half
	default:
		return 0, 0
	}
}

// mix appends the mixed samples of src to dst.
func (m *mixer) mix(src, dst []float32) []float32 {
	if m.gain[0] == nil {
		return append(dst, src...)
	}
	for ; len(src) >= m.in; src = src[m.in:] {
		for c := range m.out {
			sum := float32(0)
			for k, g := range m.gain[c] {
				sum += g * src[k]
			}
			dst = append(dst, sum)
		}
	}
	return dst
}
