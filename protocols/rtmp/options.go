package rtmp

import (
	"time"

	"sluice/protocols/rtmp/chunk"
)

// Options tune the connections of a Server or Client.
type Options struct {
	// ChunkSize is the chunk size that is announced to peers, 128 to 65536.
	ChunkSize int
	// SetupTimeout bounds everything before publishing or playing begins:
	// TLS, handshake, commands.
	SetupTimeout time.Duration
	// IdleTimeout is the longest silence of a peer that sends media, and the
	// longest time that one message may take.
	IdleTimeout time.Duration
	// WriteTimeout is how long one write may take.
	WriteTimeout time.Duration
	// PingInterval is how often a silent player is pinged.
	PingInterval time.Duration
	// Limits bound what a peer that publishes can make this side hold. Before
	// that, and for players, tighter ones are in force.
	Limits chunk.Limits
}

// DefaultOptions returns the options that suit the Internet.
func DefaultOptions() Options {
	return Options{
		ChunkSize:    65536,
		SetupTimeout: 10 * time.Second,
		IdleTimeout:  30 * time.Second,
		WriteTimeout: 10 * time.Second,
		PingInterval: 30 * time.Second,
		Limits:       chunk.DefaultLimits(),
	}
}

// commandLimits are in force for peers that have nothing to send but
// commands.
var commandLimits = chunk.Limits{Message: 64 << 10, Buffered: 256 << 10, Streams: 16}

// windowSize is the acknowledgement window of both directions in bytes.
const windowSize = 2_500_000
