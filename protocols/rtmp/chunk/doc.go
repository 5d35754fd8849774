// Package chunk is the RTMP chunk stream: it cuts messages into chunks and
// puts interleaved chunks together to messages again.
//
// Source: Adobe "Real Time Messaging Protocol" 1.0 (2012), section 5.
package chunk
