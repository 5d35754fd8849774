// Package g722 encodes and decodes ITU-T G.722 wideband sound at 64 kbit/s: one
// byte for two samples at 16 kHz. Samples are float32 with full scale at 1; the
// package is pure.
//
// G.722 has no frames. A decoder that starts anywhere, or misses bytes, is in
// step again after some milliseconds.
package g722

import "sluice/server/transcode/internal/pcm"

// SampleRate is in Hz. (RTP gives G.722 a clock of 8000 Hz, by an old
// mistake: RFC 3551 4.5.2.)
const SampleRate = 16000

// Delay is by how many samples Decode's output comes after Encode's input.
const Delay = 22

// Steps and limits that the two bands start from (G.722 3.5).
const (
	lowStep, highStep   = 32, 8
	lowShift, highShift = 8, 10
	lowMost, highMost   = 18432, 22528
)

// coder is what both directions have.
type coder struct {
	low, high band
	x         [24]int32 // the filter's memory, oldest first
}

func newCoder() coder { return coder{low: band{step: lowStep}, high: band{step: highStep}} }

// follow lets both predictors follow a code.
func (c *coder) follow(low, high byte) {
	dLow := c.low.step * predictLevels[low>>2] >> 15
	c.low.adapt(lowWeights[low>>2], lowShift, lowMost)
	c.low.update(dLow)
	dHigh := c.high.step * highLevels[high] >> 15
	c.high.adapt(highWeights[high], highShift, highMost)
	c.high.update(dHigh)
}

// filter puts two values into the memory and returns the sums of its even
// and odd places.
func (c *coder) filter(x, y int32) (even, odd int32) {
	copy(c.x[:], c.x[2:])
	c.x[22], c.x[23] = x, y
	for i, h := range qmf {
		even += c.x[2*i] * h
		odd += c.x[23-2*i] * h
	}
	return even, odd
}

// Decoder decodes one stream.
type Decoder struct{ coder }

// NewDecoder returns a decoder.
func NewDecoder() *Decoder { return &Decoder{newCoder()} }

// Decode appends two samples to dst for each byte of src.
func (d *Decoder) Decode(src []byte, dst []float32) []float32 {
	const least, most = -16384, 16383
	for _, code := range src {
		low, high := code&63, code>>6
		rLow := min(max(d.low.estimate+d.low.step*lowLevels[low]>>15, least), most)
		rHigh := min(max(d.high.estimate+d.high.step*highLevels[high]>>15, least), most)
		d.follow(low, high)
		even, odd := d.filter(rLow+rHigh, rLow-rHigh)
		dst = append(dst, pcm.Float(int16(clip(odd>>11))), pcm.Float(int16(clip(even>>11))))
	}
	return dst
}

// Encoder encodes one stream.
type Encoder struct{ coder }

// NewEncoder returns an encoder.
func NewEncoder() *Encoder { return &Encoder{newCoder()} }

// Encode appends a byte to dst for every two samples of src, whose number
// must be even. What is over full scale is clipped.
func (e *Encoder) Encode(src []float32, dst []byte) []byte {
	for ; len(src) >= 2; src = src[2:] {
		even, odd := e.filter(int32(pcm.Int16(src[0])), int32(pcm.Int16(src[1])))
		low := e.quantizeLow(clip((even+odd)>>14 - e.low.estimate))
		high := e.quantizeHigh(clip((odd-even)>>14 - e.high.estimate))
		e.follow(low, high)
		dst = append(dst, high<<6|low)
	}
	return dst
}

// quantizeLow returns the 6-bit code of a difference (block QUANTL).
func (e *Encoder) quantizeLow(d int32) byte {
	size := d
	if d < 0 {
		size = -(d + 1)
	}
	i := byte(0)
	for int(i) < len(lowDecisions) && size >= lowDecisions[i]*e.low.step>>12 {
		i++
	}
	switch {
	case d >= 0:
		return 61 - i
	case i < 2:
		return 63 - i
	default:
		return 33 - i
	}
}

// quantizeHigh returns the 2-bit code of a difference (block QUANTH).
func (e *Encoder) quantizeHigh(d int32) byte {
	size, code := d, byte(3)
	if d < 0 {
		size, code = -(d + 1), 1
	}
	if size >= 564*e.high.step>>12 {
		code--
	}
	return code
}
