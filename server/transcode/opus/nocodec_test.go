//go:build !opus

package opus

import (
	"errors"
	"testing"
)

func TestSaysHowToGetTheCodec(t *testing.T) {
	if _, err := NewEncoder(EncoderConfig{}); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("NewEncoder: %v", err)
	}
	if _, err := NewDecoder(2); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("NewDecoder: %v", err)
	}
	if _, err := NewEncoder(EncoderConfig{Channels: 7}); err == nil || errors.Is(err, ErrNotBuilt) {
		t.Errorf("NewEncoder with 7 channels: %v", err)
	}
}
