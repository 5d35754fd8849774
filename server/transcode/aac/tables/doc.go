// Package tables holds the constants of AAC-LC that its decoder and its encoder
// share: the Huffman codebooks, the scale factor bands of every sample rate and
// the limits of temporal noise shaping. All of it is from ISO/IEC 14496-3
// subpart 4, for frames of 1024 samples.
package tables

// FrameLen is the number of samples of one channel in a frame, and the number
// of spectral coefficients of a long window.
const FrameLen = 1024

// ShortLen is the number of spectral coefficients of one of the eight short
// windows that can take a long one's place.
const ShortLen = FrameLen / 8

// MaxBands bounds the number of scale factor bands of any window.
const MaxBands = 51

// Codebook numbers with a meaning of their own in section data (ISO/IEC
// 14496-3 4.6.3); 1 to 11 are the spectral Huffman codebooks.
const (
	ZeroBook       = 0  // all coefficients of the band are zero
	EscapeBook     = 11 // the spectral codebook with escapes
	ReservedBook   = 12 // not allowed
	NoiseBook      = 13 // perceptual noise substitution
	IntensityBook2 = 14 // intensity stereo, out of phase
	IntensityBook  = 15 // intensity stereo, in phase
)

// WindowSequence is window_sequence of ics_info (ISO/IEC 14496-3 4.6.11).
type WindowSequence uint8

// The window sequences.
const (
	OnlyLong WindowSequence = iota
	LongStart
	EightShort
	LongStop
)
