package dec

import (
	"errors"
	"fmt"
)

// The kinds of error; test for them with errors.Is.
var (
	// ErrUnsupported says that a configuration is sound, but not one that this
	// package decodes.
	ErrUnsupported = errors.New("aac: unsupported")
	// ErrInvalid says that a configuration or frame breaks the standard's rules.
	ErrInvalid = errors.New("aac: invalid")
	// ErrTruncated says that a configuration or frame ends too early.
	ErrTruncated = errors.New("aac: truncated")
	// ErrShortBuffer says that the destination does not hold a frame.
	ErrShortBuffer = errors.New("aac: destination shorter than a frame")
)

// What can be wrong with a frame. They are made once, so that a stream of bad
// frames allocates nothing.
var (
	errElement     = fmt.Errorf("%w: channel element that the configuration does not announce", ErrInvalid)
	errMaxBand     = fmt.Errorf("%w: more scale factor bands than the sample rate has", ErrInvalid)
	errSection     = fmt.Errorf("%w: section data past the last band", ErrInvalid)
	errBook        = fmt.Errorf("%w: reserved codebook", ErrInvalid)
	errScale       = fmt.Errorf("%w: scale factor out of range", ErrInvalid)
	errEscape      = fmt.Errorf("%w: escape sequence too long", ErrInvalid)
	errPulse       = fmt.Errorf("%w: pulse data out of place", ErrInvalid)
	errTNS         = fmt.Errorf("%w: TNS filter order too high", ErrInvalid)
	errStereoMask  = fmt.Errorf("%w: reserved M/S mask", ErrInvalid)
	errPrediction  = fmt.Errorf("%w: prediction is not part of AAC-LC", ErrUnsupported)
	errGainControl = fmt.Errorf("%w: gain control is not part of AAC-LC", ErrUnsupported)
)
