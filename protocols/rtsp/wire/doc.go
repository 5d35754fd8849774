// Package wire is the text of RTSP: requests, responses, interleaved frames,
// their headers, and authentication.
//
// It is pure: bytes in, values out. A Reader takes messages and frames from a
// byte stream; Append methods write them. Each header has a file of its own
// with a Parse function and a String method.
//
// Sources: RFC 2326 (RTSP 1.0), RFC 7826 (RTSP 2.0) where clients of 1.0 use
// it, RFC 7616 and RFC 2617 (Digest), RFC 7617 (Basic).
//
// What real peers get wrong is taken where its meaning is plain: lines that end
// in LF, empty lines between messages, any case of names, folded lines,
// parameters that nobody knows.
package wire
