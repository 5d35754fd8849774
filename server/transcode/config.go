package transcode

import (
	"errors"
	"fmt"
)

// Config sets the quality of what is encoded. Start from DefaultConfig.
type Config struct {
	// OpusBitrate and AACBitrate are for stereo, in bit/s; mono gets two
	// thirds of it.
	OpusBitrate int `yaml:"opus_bitrate"`
	AACBitrate  int `yaml:"aac_bitrate"`
	// OpusComplexity trades CPU for quality, 1 to 10.
	OpusComplexity int `yaml:"opus_complexity"`
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{OpusBitrate: 96000, AACBitrate: 128000, OpusComplexity: 5}
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	switch {
	case c.OpusBitrate < 16000 || c.OpusBitrate > 510000:
		return fmt.Errorf("opus_bitrate: %d is not within 16000-510000", c.OpusBitrate)
	case c.AACBitrate < 32000 || c.AACBitrate > 320000:
		return fmt.Errorf("aac_bitrate: %d is not within 32000-320000", c.AACBitrate)
	case c.OpusComplexity < 1 || c.OpusComplexity > 10:
		return fmt.Errorf("opus_complexity: %d is not within 1-10", c.OpusComplexity)
	}
	return nil
}

// ErrUnsupported says that a pipeline can't be had for a track.
var ErrUnsupported = errors.New("transcode: unsupported")
