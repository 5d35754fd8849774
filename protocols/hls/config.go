package hls

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a user can set.
type Config struct {
	// SegmentDuration is how long a segment is at least; it ends at the next key
	// frame.
	SegmentDuration time.Duration `yaml:"segment_duration"`
	// MaxSegmentDuration is where the first segment ends without a key frame.
	MaxSegmentDuration time.Duration `yaml:"max_segment_duration"`
	// PartDuration is about how long a part is, by which players are behind.
	PartDuration time.Duration `yaml:"part_duration"`
	// Segments is how many segments a playlist lists.
	Segments int `yaml:"segments"`
	// MaxBytes bounds what one playlist holds in memory.
	MaxBytes int `yaml:"max_bytes"`
	// Opus gives Opus as it is; else it becomes AAC, but for players that ask
	// with ?opus=1.
	Opus bool `yaml:"opus"`
	// Always lists the streams that are segmented whether somebody watches or
	// not, as "live/*".
	Always []string `yaml:"always"`
	// TS is the MPEG-TS form.
	TS TSConfig `yaml:"ts"`

	// StartWait is how long a request waits for a stream to come. For the first
	// segment of one that is there it waits MaxSegmentDuration longer.
	StartWait time.Duration `yaml:"start_wait"`
	// SessionTimeout is how long a player may ask for nothing.
	SessionTimeout time.Duration `yaml:"session_timeout"`
	// IdleTimeout is how long a segmenter runs on after the last request.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// EndAfter is how long a publisher may be away before its playlists end; 0
	// is the hub's reconnect_wait.
	EndAfter time.Duration `yaml:"end_after"`
	// WriteTimeout is how long a player may take for 64 KiB.
	WriteTimeout time.Duration `yaml:"write_timeout"`
}

// TSConfig is what a user can set of the MPEG-TS form.
type TSConfig struct {
	SegmentDuration time.Duration `yaml:"segment_duration"`
	Segments        int           `yaml:"segments"`
	// Mode says what becomes of old segments.
	Mode Mode `yaml:"mode"`
	// Dir is where segments and playlists are stored; empty means in memory.
	Dir string `yaml:"dir"`
	// MaxBytes bounds a record in memory: the oldest segments leave it.
	MaxBytes int      `yaml:"max_bytes"`
	Always   []string `yaml:"always"`
}

// Mode says what becomes of segments that the live playlist has left behind.
type Mode string

// The modes.
const (
	// Keep keeps all, on disk.
	Keep Mode = "keep"
	// Ended keeps all until the input has ended.
	Ended Mode = "ended"
	// Rolling keeps what the live playlist needs; there is no record.
	Rolling Mode = "rolling"
)

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{
		SegmentDuration: 2 * time.Second, MaxSegmentDuration: 10 * time.Second, PartDuration: 200 * time.Millisecond,
		Segments: 10, MaxBytes: 128 << 20,
		TS: TSConfig{SegmentDuration: 2 * time.Second, Segments: 6, Mode: Ended, MaxBytes: 256 << 20},

		StartWait: 8 * time.Second, SessionTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second,
		WriteTimeout: 10 * time.Second,
	}
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	const (
		least      = 100 * time.Millisecond
		leastBytes = 1 << 20
	)
	switch {
	case c.SegmentDuration < least:
		return fmt.Errorf("segment_duration: at least %v", least)
	case c.TS.SegmentDuration < least:
		return fmt.Errorf("ts: segment_duration: at least %v", least)
	case c.PartDuration < 20*time.Millisecond || c.PartDuration > c.SegmentDuration:
		return errors.New("part_duration: from 20ms to segment_duration")
	case c.MaxSegmentDuration < c.SegmentDuration || c.MaxSegmentDuration < c.TS.SegmentDuration:
		return errors.New("max_segment_duration: at least segment_duration")
	case c.Segments < minListed:
		return fmt.Errorf("segments: at least %d, from which players start", minListed)
	case c.TS.Segments < minListed:
		return fmt.Errorf("ts: segments: at least %d, from which players start", minListed)
	case c.MaxBytes < leastBytes:
		return fmt.Errorf("max_bytes: at least %d (1 MiB)", leastBytes)
	case c.TS.MaxBytes < leastBytes:
		return fmt.Errorf("ts: max_bytes: at least %d (1 MiB)", leastBytes)
	case c.StartWait <= 0:
		return errors.New("start_wait must be positive")
	case c.SessionTimeout <= 0:
		return errors.New("session_timeout must be positive")
	case c.IdleTimeout <= 0:
		return errors.New("idle_timeout must be positive")
	case c.WriteTimeout <= 0:
		return errors.New("write_timeout must be positive")
	case c.EndAfter < 0:
		return errors.New("end_after can't be negative; 0 is the hub's reconnect_wait")
	case c.TS.Mode != Keep && c.TS.Mode != Ended && c.TS.Mode != Rolling:
		return fmt.Errorf("ts: mode: %q is none of keep, ended, rolling", c.TS.Mode)
	case c.TS.Mode == Keep && c.TS.Dir == "":
		return errors.New("ts: mode: keep needs a dir, memory is not for keeping")
	}
	if err := checkPatterns(c.Always); err != nil {
		return fmt.Errorf("always: %w", err)
	}
	if err := checkPatterns(c.TS.Always); err != nil {
		return fmt.Errorf("ts: always: %w", err)
	}
	return nil
}
