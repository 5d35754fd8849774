// Package vp9 reads the uncompressed header of a VP9 frame (VP9 Bitstream &
// Decoding Process Specification 6.2) and the VPCodecConfigurationRecord of
// the VP Codec ISO Media File Format Binding, which VP8 shares.
package vp9

import (
	"errors"
	"fmt"
	"io"

	"sluice/protocols/codec/bits"
)

// Header is a frame's uncompressed header as far as a gateway needs it.
type Header struct {
	Profile      uint8 // 0 to 3
	ShowExisting bool  // the frame only shows another one; the rest is zero
	Key          bool
	Show         bool // the frame is displayed

	// Of key frames only:
	BitDepth                   uint8 // 8, 10 or 12
	ColorSpace                 uint8 // color_space, 7 is RGB
	FullRange                  bool
	SubsamplingX, SubsamplingY bool
	Width, Height              int // in pixels
}

const (
	frameMarker = 2
	syncCode    = 0x498342
	spaceRGB    = 7
)

// ParseHeader reads the header of a frame, or of the first frame of a
// superframe.
func ParseHeader(frame []byte) (Header, error) {
	r := bits.NewReader(frame)
	if len(frame) > 0 && r.Uint(2) != frameMarker {
		return Header{}, errors.New("vp9: no frame marker")
	}
	low, high := r.Uint(1), r.Uint(1)
	h := Header{Profile: uint8(high<<1 | low)}
	if h.Profile == 3 && r.Flag() {
		return Header{}, errors.New("vp9: frame of a reserved profile")
	}
	if h.ShowExisting = r.Flag(); h.ShowExisting {
		r.Skip(3) // frame_to_show_map_idx
	} else {
		h.Key, h.Show = !r.Flag(), r.Flag()
		r.Skip(1) // error_resilient_mode
		if h.Key {
			if err := h.parseKey(r); err != nil {
				return Header{}, err
			}
		}
	}
	if r.Err() != nil {
		return Header{}, fmt.Errorf("vp9: frame header: %w", io.ErrUnexpectedEOF)
	}
	return h, nil
}

// parseKey reads what a key frame's header adds: color_config and frame_size
// (6.2.2, 6.2.3).
func (h *Header) parseKey(r *bits.Reader) error {
	if r.Uint(24) != syncCode && r.Err() == nil {
		return errors.New("vp9: key frame without sync code")
	}
	h.BitDepth = 8
	if h.Profile >= 2 {
		h.BitDepth = 10
		if r.Flag() {
			h.BitDepth = 12
		}
	}
	odd := h.Profile&1 == 1
	h.ColorSpace = uint8(r.Uint(3))
	switch {
	case h.ColorSpace == spaceRGB:
		h.FullRange = true
		if !odd {
			return errors.New("vp9: RGB in a profile for 4:2:0")
		}
		r.Skip(1)
	case odd:
		h.FullRange = r.Flag()
		h.SubsamplingX, h.SubsamplingY = r.Flag(), r.Flag()
		r.Skip(1)
	default:
		h.FullRange = r.Flag()
		h.SubsamplingX, h.SubsamplingY = true, true
	}
	h.Width, h.Height = int(r.Uint(16))+1, int(r.Uint(16))+1
	return nil
}
