// Package vp8 reads the header of a VP8 frame (RFC 6386 section 9.1).
package vp8

import (
	"errors"
	"fmt"
	"io"

	"sluice/server/media"
)

// Header is a frame's uncompressed header.
type Header struct {
	Key           bool
	Version       uint8 // 0 to 3
	Show          bool  // the frame is displayed
	Width, Height int   // in pixels; of key frames only
}

const (
	tagSize = 3
	keySize = 10
)

// ParseHeader reads the header of a frame.
func ParseHeader(frame []byte) (Header, error) {
	if len(frame) < tagSize {
		return Header{}, fmt.Errorf("vp8: frame header: %w", io.ErrUnexpectedEOF)
	}
	h := Header{Key: frame[0]&1 == 0, Version: frame[0] >> 1 & 7, Show: frame[0]&0x10 != 0}
	if h.Version > 3 {
		return Header{}, fmt.Errorf("vp8: frame of version %d", h.Version)
	}
	if !h.Key {
		return h, nil
	}
	if len(frame) < keySize {
		return Header{}, fmt.Errorf("vp8: key frame header: %w", io.ErrUnexpectedEOF)
	}
	if frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return Header{}, errors.New("vp8: key frame without start code")
	}
	// The upper two bits of each are a scaling hint.
	h.Width = int(frame[6]) | int(frame[7]&0x3f)<<8
	h.Height = int(frame[8]) | int(frame[9]&0x3f)<<8
	return h, nil
}

// Track returns the track of a stream that has the given key frame.
func Track(frame []byte) (*media.Track, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	if !h.Key {
		return nil, errors.New("vp8: the size of the picture is in key frames only")
	}
	return &media.Track{Codec: media.VP8, Width: h.Width, Height: h.Height}, nil
}
