package httplive

import (
	"errors"
	"time"
)

// Config is what a user can set of a Media.
type Config struct {
	// WriteTimeout is how long one write may take before a player counts as dead.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// NoDelay sets TCP_NODELAY. Off, the kernel may join the end of one
	// picture with the next, which halves the cost of a player that reads
	// lazily.
	NoDelay bool `yaml:"no_delay"`
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config { return Config{WriteTimeout: 10 * time.Second} }

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	if c.WriteTimeout <= 0 {
		return errors.New("write_timeout must be positive")
	}
	return nil
}
