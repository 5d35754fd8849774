// Package jitter receives the packets of one RTP source: Buffer brings them
// into order and says which to ask for again, Statistics keeps what a receiver
// report states.
//
// Time is always an argument. Nothing here may be used by two goroutines at
// once.
package jitter
