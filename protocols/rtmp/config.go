package rtmp

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a user can set.
type Config struct {
	// Listen is the address of RTMP; "" turns it off.
	Listen string `yaml:"listen"`
	// ListenTLS is the address of RTMPS; "" turns it off.
	ListenTLS string `yaml:"listen_tls"`
	// MaxConnections is how many connections may be open; 0 means no limit.
	MaxConnections int `yaml:"max_connections"`
	// ChunkSize is the chunk size of what the server sends, in bytes.
	ChunkSize int `yaml:"chunk_size"`
	// MaxMessage is the longest message of a publisher, in bytes: its largest
	// key frame must fit.
	MaxMessage int `yaml:"max_message"`
	// SetupTimeout bounds everything before publishing or playing begins.
	SetupTimeout time.Duration `yaml:"setup_timeout"`
	// IdleTimeout is how long a publisher may be silent.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// WriteTimeout is how long one write may take before a peer counts as dead.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// NoDelay sets TCP_NODELAY for players. Off, the kernel may join the end
	// of one picture with the next, which halves the cost of a player that
	// reads lazily.
	NoDelay bool `yaml:"no_delay"`
	// UnpublishNotify is how long after the publisher has left players are
	// told so. Many of them, ffmpeg among them, end then; a publisher that is
	// back by then goes unnoticed.
	UnpublishNotify time.Duration `yaml:"unpublish_notify"`
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	o := DefaultOptions()
	return Config{
		Listen: ":1935", ListenTLS: ":4935",
		MaxConnections: 20000,
		ChunkSize:      o.ChunkSize,
		MaxMessage:     o.Limits.Message,
		SetupTimeout:   o.SetupTimeout, IdleTimeout: o.IdleTimeout, WriteTimeout: o.WriteTimeout,
		UnpublishNotify: 10 * time.Second,
	}
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	switch {
	case c.MaxConnections < 0:
		return errors.New("max_connections can't be negative; 0 means no limit")
	case c.ChunkSize < 128 || c.ChunkSize > 65536:
		return fmt.Errorf("chunk_size: %d is not from 128 to 65536", c.ChunkSize)
	case c.MaxMessage < 64<<10 || c.MaxMessage > 0xffffff:
		return fmt.Errorf("max_message: %d is not from 65536 to 16777215", c.MaxMessage)
	case c.SetupTimeout <= 0:
		return errors.New("setup_timeout must be positive")
	case c.IdleTimeout <= 0:
		return errors.New("idle_timeout must be positive")
	case c.WriteTimeout <= 0:
		return errors.New("write_timeout must be positive")
	case c.UnpublishNotify < 0:
		return errors.New("unpublish_notify can't be negative")
	}
	return nil
}

func (c Config) options() Options {
	o := DefaultOptions()
	o.ChunkSize = c.ChunkSize
	o.SetupTimeout, o.IdleTimeout, o.WriteTimeout = c.SetupTimeout, c.IdleTimeout, c.WriteTimeout
	o.Limits.Message, o.Limits.Buffered = c.MaxMessage, 2*c.MaxMessage
	return o
}
