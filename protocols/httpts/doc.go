// Package httpts plays streams as MPEG-2 transport streams over HTTP, HTTPS and
// WebSocket: /app/stream.ts with the schemes http, https, ws and wss.
//
// H264, H265, AAC, MP3, MP2, AC-3 and E-AC-3 go as they are. Other sound becomes AAC,
// which every player takes; opus=1 in the query says that the player takes Opus,
// as ffmpeg and VLC do, and players in browsers do not. token is the credential.
//
// A player begins with the tables and a key frame. Where the publisher comes back,
// time goes on and is flagged as discontinuous; where the codecs have changed the
// program map has a new version. A player that was too slow goes on at the newest
// key frame, and is told so by the same flag.
//
// A publisher sends a transport stream as the body of a POST or PUT request to the
// same URL, as ffmpeg and GStreamer do; its end is the stream's. Pages publish by
// WHIP: a request that a page of any origin makes is refused, since a page could
// make it without its user's knowledge.
//
// Sources: ISO/IEC 13818-1; RFC 3555 4 (video/mp2t); RFC 6455.
package httpts
