package mpa

import (
	"fmt"

	header "sluice/protocols/codec/mpa"
	"sluice/server/media"
)

const (
	subbands = 32
	// slots is how many samples each subband has in a frame at most.
	slots = 36
	// lines is the size of a granule: slotsPerGranule samples of each subband.
	slotsPerGranule = 18
	lines           = subbands * slotsPerGranule
)

// Decoder decodes one stream. One goroutine at a time may use it.
type Decoder struct {
	layer, rate, channels int
	lineUp                *bands // layer III: scale factor bands of the rate
	granules              int    // layer III: in a frame

	reservoir []byte // layer III: main data that later frames may reach back to
	started   bool   // layer III: a frame was decoded
	side      sideInfo
	spectrum  [2]spectrum
	overlap   [2][subbands][slotsPerGranule]float32
	alloc     allocation
	samples   [2][slots][subbands]float32 // of the subbands
	synthesis [2]synthesis
}

// New returns a decoder for a track of codec MP2 or MP3. The error is
// ErrUnsupported with what is the matter.
func New(t *media.Track) (*Decoder, error) {
	d := &Decoder{layer: 3, rate: t.SampleRate, channels: t.Channels, granules: 2}
	if t.Codec == media.MP2 {
		d.layer = 2
	}
	if d.lineUp = bandsOf(d.rate); d.lineUp == nil || d.channels != 1 && d.channels != 2 {
		return nil, fmt.Errorf("%w: %v with %d channels at %d Hz", ErrUnsupported, t.Codec, d.channels, d.rate)
	}
	if d.rate < lowRate {
		d.granules = 1
	}
	return d, nil
}

// lowRate is the sample rate in Hz below which a stream is MPEG-2 or 2.5.
const lowRate = 32000

// FrameLen is the number of samples of each channel that a frame gives.
func (d *Decoder) FrameLen() int {
	if d.layer == 3 {
		return d.granules * lines
	}
	return slots * subbands
}

// Decode appends the samples of one frame to dst, FrameLen of each channel,
// interleaved and within [-1, 1]. What follows the frame is ignored.
//
// Who joins a stream of layer III may lack what its first frames took from the
// frames before them: those are silent. Later on that is ErrReservoir. The
// other errors are ErrInvalid and ErrTruncated with what is the matter. dst
// comes back as it was then, and the next frame decodes as if this one had been lost.
func (d *Decoder) Decode(frame []byte, dst []float32) ([]float32, error) {
	h, err := header.ParseHeader(frame)
	if err != nil {
		d.Lose()
		return dst, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	switch {
	case h.Layer != d.layer || h.SampleRate != d.rate || h.Channels != d.channels:
		d.Lose()
		return dst, errChange
	case h.Size > len(frame):
		d.Lose()
		return dst, ErrTruncated
	}
	body := frame[header.HeaderSize:h.Size]
	if h.Protected {
		body = body[min(2, len(body)):]
	}
	if d.layer == 3 {
		err = d.decodeIII(h, body)
	} else {
		err = d.decodeII(h, body)
	}
	if err != nil {
		return dst, err
	}
	return d.play(dst), nil
}

// Lose says that a frame is missing: later ones can't reach back over it.
func (d *Decoder) Lose() { d.reservoir = d.reservoir[:0] }

// play turns the samples of the subbands to sound.
func (d *Decoder) play(dst []float32) []float32 {
	from := len(dst)
	for range d.FrameLen() * d.channels {
		dst = append(dst, 0)
	}
	for c := range d.channels {
		for i := range d.FrameLen() / subbands {
			d.synthesis[c].add(&d.samples[c][i], dst[from+i*subbands*d.channels+c:], d.channels)
		}
	}
	return dst
}
