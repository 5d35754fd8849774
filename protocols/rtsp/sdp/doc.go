// Package sdp reads and writes the session descriptions of RTSP.
//
// It is not pion/sdp because that one follows the order and the syntax of
// RFC 8866 to the letter and refuses what cameras send: lines that it does not
// know, or in another order, LF alone, o= and t= with words missing. Of a
// description RTSP needs the media lines, their rtpmap, fmtp, control and
// direction attributes, and nothing else; what is wrong with other lines does
// not matter here.
//
// The package is pure. Sources: RFC 8866, RFC 2326 appendix C, RFC 3551 6.
package sdp
