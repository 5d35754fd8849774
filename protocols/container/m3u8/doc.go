// Package m3u8 writes HLS playlists and reads the delivery directives of their
// requests. The package is pure: values in, bytes out.
//
// Sources: RFC 8216 (HTTP Live Streaming) and its second edition, version 9 of
// the protocol, draft-pantos-hls-rfc8216bis (low latency, delta updates). Section
// numbers are the draft's.
package m3u8
