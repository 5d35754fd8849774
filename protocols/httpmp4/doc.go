// Package httpmp4 plays streams as fragmented MP4 over HTTP, HTTPS and
// WebSocket: /app/stream.mp4 with the schemes http, https, ws and wss. It is
// what Media Source Extensions take, and ffmpeg and a video element as well.
//
// A stream begins with an initialisation segment, and each picture is one
// fragment, with the sound that came since the picture before. Each player's
// times begin at 0: its fragments have headers of its own, the media in them is
// all players' (fmp4.Shift). A change of the tracks brings a new initialisation
// segment. For players that pass over it, key frames from then on have their
// parameter sets in them, and over HTTP the response ends where that is not
// enough.
//
// The media type with its codecs, which addSourceBuffer and changeType want, is
// the response's Content-Type; on a WebSocket it is a text message before each
// initialisation segment, and all else is binary messages.
//
// Sources: ISO/IEC 14496-12; ISO BMFF Byte Stream Format of Media Source
// Extensions (W3C); RFC 6381; RFC 6455.
package httpmp4
