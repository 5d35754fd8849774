package dec

import "sluice/server/transcode/aac/tables"

// FrameLen is the number of samples of each channel that a frame gives.
const FrameLen = tables.FrameLen

// Info describes a stream.
type Info struct {
	// SampleRate is the rate of the decoded samples in Hz. For HE-AAC it is
	// the core's, half of what a decoder with SBR gives.
	SampleRate int
	// Layout lists the speakers in the order in which samples are interleaved,
	// always in the order of the Speaker constants: FL FR FC LFE BL BR for 5.1.
	Layout []Speaker
	// SBR and PS say that the stream is HE-AAC, which is decoded without its
	// upper octave, or HE-AAC v2, which is decoded to mono. SBR that the
	// configuration does not announce shows once a frame with it was decoded.
	SBR, PS bool
	// ExtensionRate is the announced rate with SBR in Hz, 0 if there is none.
	ExtensionRate int
}

// Decoder decodes one stream. One goroutine at a time may use it.
type Decoder struct {
	info      Info
	rateIndex int
	elements  []element
	seen      []bool // by element: in this frame
	channels  []channel
	spare     *channel // for channels that are read and not played
	mask      stereoMask
	bank      *filterbank
	noise     noise
	pcm       []float32 // one channel of the frame
	lost      int       // frames concealed in a row
}

// channel is one channel's side information and memory.
type channel struct {
	stream
	spec    []float32 // spectrum of the frame being read
	overlap []float32 // what the last frame played adds to the next one

	// The last frame played, for the next one's window and for concealment.
	lastSpec     []float32
	lastSequence tables.WindowSequence
	lastShape    uint8
}

func newChannel() channel {
	return channel{
		spec:     make([]float32, frameLen),
		overlap:  make([]float32, frameLen),
		lastSpec: make([]float32, frameLen),
	}
}

// New returns a decoder for the stream that an AudioSpecificConfig (ISO/IEC
// 14496-3 1.6.2.1) describes. The error is ErrUnsupported or ErrInvalid with
// what is the matter.
func New(asc []byte) (*Decoder, error) {
	info, elements, err := parseConfig(asc)
	if err != nil {
		return nil, err
	}
	d := &Decoder{
		info:      info,
		rateIndex: tables.RateIndex(info.SampleRate),
		elements:  elements,
		seen:      make([]bool, len(elements)),
		bank:      newFilterbank(),
		pcm:       make([]float32, frameLen),
	}
	for range info.Layout {
		d.channels = append(d.channels, newChannel())
	}
	spare := newChannel()
	d.spare = &spare
	return d, nil
}

// Info describes the stream as far as it is known by now.
func (d *Decoder) Info() Info { return d.info }

// Decode decodes one raw_data_block. It writes FrameLen samples of each channel to
// dst, interleaved in the order of Info.Layout, within [-1, 1], and returns how
// many values that are. What follows the block in frame is ignored.
//
// The error is ErrInvalid, ErrTruncated or ErrUnsupported with what is the
// matter, or ErrShortBuffer. dst is untouched then; Conceal fills the gap, and
// the next frame decodes as if this one had been lost.
func (d *Decoder) Decode(frame []byte, dst []float32) (int, error) {
	if len(dst) < frameLen*len(d.channels) {
		return 0, ErrShortBuffer
	}
	if err := d.readBlock(&bitReader{data: frame}); err != nil {
		return 0, err
	}
	d.lost = 0
	for i := range d.channels {
		ch := &d.channels[i]
		ch.tns.apply(ch.spec)
		ch.spec, ch.lastSpec = ch.lastSpec, ch.spec
		d.play(i, ch.sequence, ch.shape, dst)
	}
	return frameLen * len(d.channels), nil
}

// play turns the spectrum lastSpec of channel i to its samples in dst.
func (d *Decoder) play(i int, sequence tables.WindowSequence, shape uint8, dst []float32) {
	ch := &d.channels[i]
	d.bank.synthesise(d.pcm, ch.overlap, ch.lastSpec, sequence, ch.lastShape, shape)
	ch.lastSequence, ch.lastShape = sequence, shape
	for n, v := range d.pcm {
		switch {
		case v > 1:
			v = 1
		case v < -1:
			v = -1
		case v != v:
			v = 0
		}
		dst[n*len(d.channels)+i] = v
	}
}

// silence makes the channel's frame an empty long one.
func (ch *channel) silence() {
	ch.windowInfo = windowInfo{sequence: tables.OnlyLong, shape: ch.lastShape}
	ch.tns.count = 0
	clear(ch.spec)
}
