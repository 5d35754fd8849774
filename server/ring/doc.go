// Package ring is a bounded log with one writer and any number of readers.
//
// The writer appends and never waits: what it does for one entry does not
// depend on how many readers there are. A reader holds a Cursor. It joins at
// the newest random access point, and where it falls behind it jumps to the
// newest one and is told how much it missed, so it never sees a torn group.
package ring
