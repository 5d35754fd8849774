// Package transport is the encrypted channel to one WebRTC peer: ICE, DTLS, SRTP
// and SRTCP under one BUNDLE, over a port shared by package icemux.
//
// It is made of pion's ICE agent, DTLS and SRTP. The agent does connectivity
// checks and consent; media goes past it, straight from the socket to the
// session and back, so that a packet costs one cipher pass and its share of a
// system call. An ICE restart runs a second agent beside the first: the old path
// carries media until the new one is nominated, and a restart that fails leaves
// the session as it was (RFC 8445 section 9, RFC 9725 section 4.3.3).
package transport
