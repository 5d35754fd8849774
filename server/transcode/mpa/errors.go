package mpa

import (
	"errors"
	"fmt"
)

// The kinds of error; test for them with errors.Is.
var (
	// ErrUnsupported says that a stream is not one that this package decodes.
	ErrUnsupported = errors.New("mpa: unsupported")
	// ErrInvalid says that a frame breaks the standard's rules.
	ErrInvalid = errors.New("mpa: invalid")
	// ErrTruncated says that a frame ends too early.
	ErrTruncated = errors.New("mpa: truncated")
	// ErrReservoir says that a frame needs bits of frames that were lost.
	ErrReservoir = errors.New("mpa: part of the frame is lost")
)

// What can be wrong with a frame. They are made once, so that a stream of bad
// frames allocates nothing.
var (
	errChange    = fmt.Errorf("%w: frame of another layer, sample rate or number of channels", ErrInvalid)
	errBlockType = fmt.Errorf("%w: reserved block type", ErrInvalid)
	errBigValues = fmt.Errorf("%w: more values than lines", ErrInvalid)
	errScale     = fmt.Errorf("%w: reserved scale factor", ErrInvalid)
)
