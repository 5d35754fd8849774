// Package icemux shares one UDP and one TCP port among the ICE sessions of the
// process.
//
// A STUN request names the session that it is for: the first half of its
// USERNAME is that session's ufrag (RFC 8445 section 7.2.2). Everything else is
// told apart by the address that it comes from, and an address belongs to a
// session once the session's ICE agent has answered it, which it only does for
// requests with the right password. STUN goes to the agent; DTLS, SRTP and SRTCP
// go past it, straight to the session.
//
// What a session sends leaves in a Train: packets back to back, handed to the
// kernel in one system call where it can cut them apart itself (UDP GSO), and in
// one write over TCP (RFC 4571 framing, RFC 6544).
package icemux
