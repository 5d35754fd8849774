//go:build unix

package sndtest

import (
	"syscall"
	"time"
)

// CPU returns the processor time that this process has used: on a busy
// machine the measure of a codec's cost, which the time on the wall is not.
func CPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
