// Package rtsp is RTSP 1.0, plain, over TLS and over WebSocket, as a server and
// as a client: publishing (ANNOUNCE, RECORD) and playing (DESCRIBE, PLAY), with
// RTP over UDP and interleaved. docs/rtsp.md says how the server behaves.
//
// A Server accepts connections and asks a Handler for what peers want: a
// Recorder takes what one of them publishes, a Source plays to one.
//
// A Client plays and publishes:
//
//	s, err := client.Describe(ctx, "rtsp://user:password@host/path")
//	err = s.Play(rtsp.ByTCP, []int{0, 1}) // media of s.Description()
//	err = s.Await(10 * time.Second)
//	err = s.Receive(recorder)
//
// Pull and Push do so for a hub, Start serves from one: ingest*.go, egress*.go
// and service.go alone name it.
//
// A player's packets are made once a stream: a unit is one picture or audio
// frame in RTP packets, each behind the header of its interleaved frame, so that
// a player over TCP is one writev of shared bytes, and one over UDP a train of
// packets (server/udp).
//
// Sources: RFC 2326 (RTSP 1.0), RFC 7826 where clients of 1.0 use it, RFC 3550
// (RTP), RFC 8866 (SDP), RFC 6455 (WebSocket), RFC 7616 (Digest).
package rtsp
