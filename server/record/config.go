package record

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/server/hub"
)

// Config is what a user can set.
type Config struct {
	// Dir is the folder of the records. It belongs to one server at a time.
	Dir string `yaml:"dir"`
	// Path is the template of the names, for rules and requests that have none.
	Path string `yaml:"path"`
	// CloseAfter is how long a publisher may be away before its record ends; one
	// that is back sooner goes on in the same file.
	CloseAfter time.Duration `yaml:"close_after"`
	// SyncEvery is how often a record waits for the disk to have what is written; 0
	// means at its end only. A power cut costs what the disk does not have.
	SyncEvery time.Duration `yaml:"sync_every"`
	// Keep and KeepBytes bound all records together, in age and in bytes: the
	// oldest finished ones are deleted. 0 means no bound.
	Keep      time.Duration `yaml:"keep"`
	KeepBytes Bytes         `yaml:"keep_bytes"`
	// Rules say which streams are recorded. A stream is recorded by all that match.
	Rules []Rule `yaml:"rules"`
}

// Rule records the streams that it matches.
type Rule struct {
	Match   hub.Pattern `yaml:"match"`
	Formats []Format    `yaml:"formats"`
	// Path is the template of the names; empty means that of Config.
	Path string `yaml:"path"`
	// SegmentDuration and SegmentSize begin a new file, at the first key frame
	// after so much; 0 means never.
	SegmentDuration time.Duration `yaml:"segment_duration"`
	SegmentSize     Bytes         `yaml:"segment_size"`
	// Keep and KeepBytes bound what this rule has recorded.
	Keep      time.Duration `yaml:"keep"`
	KeepBytes Bytes         `yaml:"keep_bytes"`
}

// DefaultConfig returns the configuration that an empty file means: no rules.
func DefaultConfig() Config {
	return Config{Dir: "./records", Path: "{app}/{stream}/{time}", CloseAfter: 10 * time.Second}
}

// minSegment keeps rotation from making files without end.
const (
	minSegment     = time.Second
	minSegmentSize = 64 << 10
)

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("dir: name a folder")
	}
	if _, err := ParseTemplate(c.Path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if c.CloseAfter < 0 {
		return errors.New("close_after can't be negative")
	}
	if c.SyncEvery < 0 {
		return errors.New("sync_every can't be negative; 0 waits for the disk at the end only")
	}
	if c.Keep < 0 {
		return errors.New("keep can't be negative; 0 keeps for ever")
	}
	for i, r := range c.Rules {
		if err := r.validate(); err != nil {
			return fmt.Errorf("rules: the %s: %w", ordinal(i+1), err)
		}
		if slices.ContainsFunc(c.Rules[:i], func(o Rule) bool { return o.Match == r.Match }) {
			return fmt.Errorf("rules: the %s: match: %s has a rule already", ordinal(i+1), r.Match)
		}
	}
	return nil
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

func (r Rule) validate() error {
	if err := r.Match.Validate(); err != nil {
		return fmt.Errorf("match: %w", err)
	}
	if len(r.Formats) == 0 {
		return errors.New("formats: name one at least")
	}
	for i, f := range r.Formats {
		if err := f.check(); err != nil {
			return fmt.Errorf("formats: %w", err)
		}
		if slices.Contains(r.Formats[:i], f) {
			return fmt.Errorf("formats: %s is there twice", f)
		}
	}
	if r.Path != "" {
		if _, err := ParseTemplate(r.Path); err != nil {
			return fmt.Errorf("path: %w", err)
		}
	}
	if r.Keep < 0 {
		return errors.New("keep can't be negative; 0 keeps for ever")
	}
	return checkSegments(r.SegmentDuration, r.SegmentSize)
}

func checkSegments(d time.Duration, size Bytes) error {
	if d != 0 && d < minSegment {
		return fmt.Errorf("segment_duration: at least %v, or 0 for one file", minSegment)
	}
	if size != 0 && size < minSegmentSize {
		return fmt.Errorf("segment_size: at least %d, or 0 for one file", minSegmentSize)
	}
	return nil
}
