// Package ac3 reads the sync frame headers of AC-3 (ETSI TS 102 366 4.3) and
// E-AC-3 (annex E.1.2).
package ac3

import (
	"errors"
	"fmt"
	"io"

	"sluice/protocols/codec/bits"
	"sluice/server/media"
)

// HeaderSize is how many bytes of a frame ParseHeader needs at most.
const HeaderSize = 8

// ErrNoSync is returned for bytes that do not start with the sync word.
var ErrNoSync = errors.New("ac3: no sync word")

// Header is a sync frame header.
type Header struct {
	Enhanced   bool // E-AC-3
	SampleRate int  // in Hz
	Channels   int  // loudspeakers, with the LFE, 1 to 6; of this substream
	Samples    int  // per channel: 1536, or with E-AC-3 256, 512 or 768
	Size       int  // bytes of the frame, with its header

	// Dependent is set for the substreams of E-AC-3 that add to the one before
	// them, and Substream is their number; those that are not dependent make
	// programs of their own, and the first is number 0.
	Dependent bool
	Substream uint8
}

const (
	blockSamples = 256 // of an audio block
	allBlocks    = 6

	maxBSID    = 8  // bsid of AC-3; 9 and 10 are its customary half and quarter rates
	minEnhBSID = 11 // of E-AC-3
	maxEnhBSID = 16
)

// rates are the sample rates in Hz by fscod (table 4.1).
var rates = [3]int{48000, 44100, 32000}

// bitRates are in kbit/s by half of frmsizecod (table 4.13).
var bitRates = [...]int{32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640}

// loudspeakers counts them by acmod, without the LFE (table 4.3).
var loudspeakers = [8]int{2, 1, 2, 3, 3, 4, 4, 5}

// ParseHeader reads the header at the start of b. The frame itself may be cut
// short.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("ac3: frame header: %w", io.ErrUnexpectedEOF)
	}
	if b[0] != 0x0b || b[1] != 0x77 {
		return Header{}, ErrNoSync
	}
	// bsid stands at the same place in both.
	switch bsid := b[5] >> 3; {
	case bsid <= maxBSID:
		return parse(b)
	case bsid >= minEnhBSID && bsid <= maxEnhBSID:
		return parseEnhanced(b)
	default:
		return Header{}, fmt.Errorf("ac3: bit stream identification %d", bsid)
	}
}

// parse reads syncinfo and the start of bsi.
func parse(b []byte) (Header, error) {
	r := bits.NewReader(b[4:])
	rate, size := r.Uint(2), r.Uint(6)
	if rate == 3 || int(size/2) >= len(bitRates) {
		return Header{}, errors.New("ac3: frame header with reserved sample rate or frame size")
	}
	r.Skip(5 + 3) // bsid, bsmod
	mode := r.Uint(3)
	if mode&1 != 0 && mode != 1 {
		r.Skip(2) // cmixlev
	}
	if mode&4 != 0 {
		r.Skip(2) // surmixlev
	}
	if mode == 2 {
		r.Skip(2) // dsurmod
	}
	h := Header{SampleRate: rates[rate], Samples: allBlocks * blockSamples, Channels: loudspeakers[mode] + int(r.Uint(1))}
	kilobits := bitRates[size/2]
	switch h.SampleRate {
	case 48000:
		h.Size = kilobits * 4
	case 44100:
		h.Size = 2 * (kilobits*320/147 + int(size&1))
	default:
		h.Size = kilobits * 6
	}
	return h, nil
}

// parseEnhanced reads the start of the E-AC-3 bsi.
func parseEnhanced(b []byte) (Header, error) {
	r := bits.NewReader(b[2:])
	kind := r.Uint(2)
	if kind == 3 {
		return Header{}, errors.New("ac3: E-AC-3 frame of reserved type")
	}
	h := Header{Enhanced: true, Dependent: kind == 1, Substream: uint8(r.Uint(3)), Size: 2 * (int(r.Uint(11)) + 1)}
	blocks := allBlocks
	if rate := r.Uint(2); rate < 3 {
		h.SampleRate = rates[rate]
		blocks = [...]int{1, 2, 3, allBlocks}[r.Uint(2)]
	} else {
		half := r.Uint(2)
		if half == 3 {
			return Header{}, errors.New("ac3: E-AC-3 frame of reserved sample rate")
		}
		h.SampleRate = rates[half] / 2
	}
	h.Samples = blocks * blockSamples
	h.Channels = loudspeakers[r.Uint(3)] + int(r.Uint(1))
	if h.Size < HeaderSize {
		return Header{}, fmt.Errorf("ac3: E-AC-3 frame of %d bytes", h.Size)
	}
	return h, nil
}

// FrameSize returns the bytes of the frame at the start of b together with the
// E-AC-3 substreams that belong to it, as far as b has their headers: all that
// a decoder takes at a time. The frame may be longer than b.
func FrameSize(b []byte) (Header, int, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return h, 0, err
	}
	size := h.Size
	for h.Enhanced && size < len(b) {
		n := adds(b[size:])
		if n == 0 {
			break
		}
		size += n
	}
	return h, size, nil
}

// adds returns the size of a frame that belongs to the one before it, 0 when
// none does.
func adds(b []byte) int {
	h, err := ParseHeader(b)
	if err != nil || !h.Enhanced || !h.Dependent && h.Substream == 0 {
		return 0
	}
	return h.Size
}

// Track returns the track of a stream that has the given frame.
func Track(frame []byte) (*media.Track, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	t := &media.Track{Codec: media.AC3, SampleRate: h.SampleRate, Channels: h.Channels}
	if h.Enhanced {
		t.Codec = media.EAC3
	}
	return t, nil
}
