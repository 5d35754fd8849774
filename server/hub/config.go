package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sluice/server/media"
	"sluice/server/ring"
)

// Policy says what happens to a second publisher of a stream.
type Policy string

// The policies.
const (
	// Refuse turns the second publisher away with ErrBusy.
	Refuse Policy = "refuse"
	// Takeover ends the first publisher with ErrReplaced.
	Takeover Policy = "takeover"
	// Standby lets the second publisher wait; it goes on the air at its next
	// key frame after the first has left.
	Standby Policy = "standby"
)

// Config bounds the hub. The zero value is not valid; start from DefaultConfig.
type Config struct {
	// SecondPublisher is what happens to a second publisher of a stream.
	SecondPublisher Policy `yaml:"second_publisher"`
	// ViewerWait is how long a viewer waits for a publisher to come; 0 turns
	// viewers of a stream that nobody publishes away.
	ViewerWait time.Duration `yaml:"viewer_wait"`
	// ReconnectWait is how long viewers stay when the publisher has gone.
	ReconnectWait time.Duration `yaml:"reconnect_wait"`
	// ViewerLatency is how far a viewer may fall behind before it jumps to
	// the newest key frame.
	ViewerLatency time.Duration `yaml:"viewer_latency"`
	// StreamBytes bounds what one log of a stream holds, in bytes.
	StreamBytes int `yaml:"stream_bytes"`
	// StreamAge bounds what a log holds before its newest key frame.
	StreamAge time.Duration `yaml:"stream_age"`
	// MaxStreams, MaxViewers and MaxViewersPerStream are limits; 0 means none.
	MaxStreams          int `yaml:"max_streams"`
	MaxViewers          int `yaml:"max_viewers"`
	MaxViewersPerStream int `yaml:"max_viewers_per_stream"`
	// TrackWait is how long a publisher's first packets are held until both
	// picture and sound, or all that it has named, are known; 0 starts with
	// what comes first.
	TrackWait time.Duration `yaml:"track_wait"`
	// SilentAudio gives streams without sound silent AAC, until sound comes.
	SilentAudio bool `yaml:"silent_audio"`
	// Rules change TrackWait and SilentAudio for some streams. The first whose
	// pattern matches counts, from the next publisher on.
	Rules []Rule `yaml:"rules"`
}

// Rule is what is different for the streams that Match; nil changes nothing.
type Rule struct {
	Match       Pattern        `yaml:"match"`
	TrackWait   *time.Duration `yaml:"track_wait"`
	SilentAudio *bool          `yaml:"silent_audio"`
}

// For returns the configuration with the rule that is for the stream applied.
func (c Config) For(name string) Config {
	for _, r := range c.Rules {
		if !r.Match.Match(name) {
			continue
		}
		if r.TrackWait != nil {
			c.TrackWait = *r.TrackWait
		}
		if r.SilentAudio != nil {
			c.SilentAudio = *r.SilentAudio
		}
		break
	}
	return c
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{
		SecondPublisher: Refuse,
		ViewerWait:      2 * time.Minute,
		ReconnectWait:   2 * time.Minute,
		ViewerLatency:   5 * time.Second,
		StreamBytes:     64 << 20,
		StreamAge:       10 * time.Second,
		TrackWait:       500 * time.Millisecond,
	}
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	switch {
	case c.SecondPublisher != Refuse && c.SecondPublisher != Takeover && c.SecondPublisher != Standby:
		return fmt.Errorf("second_publisher: %q is none of refuse, takeover, standby", c.SecondPublisher)
	case c.StreamBytes < 1<<20:
		return errors.New("stream_bytes: at least 1048576 (1 MiB), or no group of pictures fits")
	case c.TrackWait < 0 || c.TrackWait > maxTrackWait:
		return fmt.Errorf("track_wait: %v is not within 0s-%v", c.TrackWait, maxTrackWait)
	}
	for _, v := range []struct {
		key   string
		value int64
	}{
		{"viewer_wait", int64(c.ViewerWait)},
		{"reconnect_wait", int64(c.ReconnectWait)},
		{"viewer_latency", int64(c.ViewerLatency)},
		{"stream_age", int64(c.StreamAge)},
		{"max_streams", int64(c.MaxStreams)},
		{"max_viewers", int64(c.MaxViewers)},
		{"max_viewers_per_stream", int64(c.MaxViewersPerStream)},
	} {
		if v.value < 0 {
			return fmt.Errorf("%s can't be negative", v.key)
		}
	}
	for i, r := range c.Rules {
		if err := r.Match.Validate(); err != nil {
			return fmt.Errorf("rules: %d: match: %w", i+1, err)
		}
		if r.TrackWait != nil && (*r.TrackWait < 0 || *r.TrackWait > maxTrackWait) {
			return fmt.Errorf("rules: %d: track_wait: %v is not within 0s-%v", i+1, *r.TrackWait, maxTrackWait)
		}
	}
	return nil
}

// maxTrackWait bounds how long viewers are kept waiting for a track.
const maxTrackWait = 30 * time.Second

// maxEntries bounds a log in packets: some minutes of sound and picture.
const maxEntries = 1 << 15

func (c Config) limits() ring.Limits {
	return ring.Limits{Entries: maxEntries, Bytes: c.StreamBytes, Age: c.StreamAge}
}

// Action is what a session asks to do.
type Action string

// The actions.
const (
	ActionPublish Action = "publish"
	ActionPlay    Action = "play"
)

// Options are the hub's ties to the rest of the program; all may be nil.
type Options struct {
	Log *slog.Logger
	// Authorize returns nil, or the error that refuses the session.
	Authorize func(ctx context.Context, action Action, s Session) error
	// Secrets returns the passwords that would let the session in, for peers
	// that prove that they know one without saying it.
	Secrets func(action Action, s Session) []string
	// Transcoders are the ways from one codec of sound to another.
	Transcoders []Transcoder
	// Silence is what Config.SilentAudio gives; without it nothing.
	Silence *Silence
}

// preference is the order in which a viewer gets transcoded sound.
var preference = [...]media.Codec{media.AAC, media.Opus, media.PCMA, media.PCMU}
