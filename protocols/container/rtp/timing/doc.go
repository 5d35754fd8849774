// Package timing gives the access units that come by RTP their place in time:
// Unwrapper extends timestamps, Session puts the tracks of one sender on one
// time line (lip sync), DTS finds decoding times where pictures come in another
// order than they are shown.
//
// Time is always an argument. Nothing here may be used by two goroutines at
// once; the clocks of one Session count as one.
package timing
