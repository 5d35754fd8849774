// Package negotiate reads WebRTC offers and writes the answers: which codecs,
// payload types, feedback and header extensions a session uses (RFC 3264, RFC 8829,
// RFC 9725 section 4.4). It is pure: what the stream has and which candidates there
// are comes from its caller.
package negotiate
