// Package handshake is the RTMP handshake as functions over bytes: C0 C1 from
// the client, S0 S1 S2 from the server, C2 from the client. Time and random
// bytes are passed in.
//
// The plain form echoes the peer's block (Adobe RTMP 1.0, 5.2). Flash players
// and many encoders sign their blocks instead, with an HMAC-SHA256 whose place
// in the block depends on four other bytes; two such layouts are in use.
// Adobe never published them; encoders and servers agree on them.
package handshake
