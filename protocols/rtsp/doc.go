// Package rtsp is RTSP 1.0, plain, over TLS and over WebSocket, as a server and
// as a client: publishing (ANNOUNCE, RECORD) and playing (DESCRIBE, PLAY), with
// RTP over UDP and interleaved.
//
// A Client plays and publishes:
//
//	s, err := client.Describe(ctx, "rtsp://user:password@host/path")
//	err = s.Play(rtsp.ByTCP, []int{0, 1}) // media of s.Description()
//	err = s.Await(10 * time.Second)
//	err = s.Receive(recorder)
//
// Pull and Push do so for a hub.
//
// Sources: RFC 2326 (RTSP 1.0), RFC 7826 where clients of 1.0 use it, RFC 3550
// (RTP), RFC 4566 (SDP).
package rtsp
