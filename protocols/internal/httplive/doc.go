// Package httplive plays streams of bytes that never end over HTTP, HTTPS and
// WebSocket: what FLV, MPEG-TS and fragmented MP4 have in common. A protocol
// gives a Media; the Handler is a route of the shared HTTP listeners.
//
// A player asks with GET, or with a WebSocket upgrade (RFC 6455), in which each
// unit of the wire log is one binary message; where a format tells its media
// type with codecs that is a text message before, and over HTTP the
// Content-Type. Its connection is taken over, so that units go to it by
// reference. The response waits for the first packet, so that a stream that
// nobody publishes is still 404.
package httplive
