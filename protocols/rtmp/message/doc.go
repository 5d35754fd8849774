// Package message is the RTMP message layer: the raw Message that chunks
// carry, and the forms of the bodies that RTMP itself defines (protocol
// control, user control, commands, data, aggregates). Bodies of audio and
// video messages are FLV tag bodies and stay opaque here.
//
// Source: Adobe "Real Time Messaging Protocol" 1.0 (2012), sections 5.4, 6
// and 7.
package message
