//go:build !opus

package opus

// Available reports whether this program has the codec.
const Available = false

// Encoder is not there in this build.
type Encoder struct{}

// NewEncoder returns ErrNotBuilt, or the configuration's own error.
func NewEncoder(cfg EncoderConfig) (*Encoder, error) {
	if _, err := cfg.complete(); err != nil {
		return nil, err
	}
	return nil, ErrNotBuilt
}

// FrameSize returns 0.
func (*Encoder) FrameSize() int { return 0 }

// Lookahead returns 0.
func (*Encoder) Lookahead() int { return 0 }

// Encode returns ErrNotBuilt.
func (*Encoder) Encode(_ []float32, dst []byte) ([]byte, error) { return dst, ErrNotBuilt }

// Reset does nothing.
func (*Encoder) Reset() error { return ErrNotBuilt }

// Decoder is not there in this build.
type Decoder struct{}

// NewDecoder returns ErrNotBuilt.
func NewDecoder(int) (*Decoder, error) { return nil, ErrNotBuilt }

// Decode returns ErrNotBuilt.
func (*Decoder) Decode(_ []byte, dst []float32) ([]float32, error) { return dst, ErrNotBuilt }

// DecodeFEC returns ErrNotBuilt.
func (*Decoder) DecodeFEC(_ []byte, _ int, dst []float32) ([]float32, error) {
	return dst, ErrNotBuilt
}

// Conceal returns ErrNotBuilt.
func (*Decoder) Conceal(_ int, dst []float32) ([]float32, error) { return dst, ErrNotBuilt }

// Reset returns ErrNotBuilt.
func (*Decoder) Reset() error { return ErrNotBuilt }
