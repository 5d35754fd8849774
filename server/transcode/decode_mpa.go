package transcode

import (
	"time"

	"sluice/server/media"
	"sluice/server/transcode/aac/dec"
	"sluice/server/transcode/mpa"
)

// mpaDecoder is for MP2 and MP3. Losses are concealed as those of codecs without
// frames are.
type mpaDecoder struct {
	*mpa.Decoder
	hertz  int
	past   repeater
	failed bool // the last frame did not decode
}

func newMPADecoder(t *media.Track) (*mpaDecoder, error) {
	d, err := mpa.New(t)
	if err != nil {
		return nil, err
	}
	return &mpaDecoder{Decoder: d, hertz: t.SampleRate, past: newRepeater(t.SampleRate, t.Channels)}, nil
}

func (m *mpaDecoder) rate() int             { return m.hertz }
func (m *mpaDecoder) grain() int            { return m.FrameLen() }
func (m *mpaDecoder) layout() []dec.Speaker { return layoutOf(m.past.channels) }

func (m *mpaDecoder) decode(payload []byte, dst []float32) ([]float32, error) {
	out, err := m.Decode(payload, dst)
	m.past.push(out[len(dst):])
	m.failed = err != nil
	return out, err
}

func (m *mpaDecoder) conceal(n int, _ []byte, dst []float32) []float32 {
	if !m.failed {
		m.Lose()
	}
	m.failed = false
	return m.past.conceal(n+m.hertz*int(blendOver/time.Millisecond)/1000, dst)
}
