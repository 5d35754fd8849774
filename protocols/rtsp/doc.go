// Package rtsp is RTSP 1.0, plain, over TLS and over WebSocket, as a server and
// as a client: publishing (ANNOUNCE, RECORD) and playing (DESCRIBE, PLAY), with
// RTP over UDP and interleaved.
//
// Sources: RFC 2326 (RTSP 1.0), RFC 7826 where clients of 1.0 use it, RFC 3550
// (RTP), RFC 4566 (SDP).
package rtsp
