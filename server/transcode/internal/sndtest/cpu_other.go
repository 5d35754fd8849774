//go:build !unix

package sndtest

import "time"

var started = time.Now()

// CPU returns the time since the start, for want of a better measure.
func CPU() time.Duration { return time.Since(started) }
