// Package httpflv plays streams as FLV over HTTP, HTTPS and WebSocket:
// /app/stream.flv with the schemes http, https, ws and wss.
//
// The query can say more of the player than FLV can: hevc=12 asks for HEVC as
// codec number 12 instead of its fourCC, opus=1 says that the player takes
// Opus by fourCC and needs no AAC, token is the credential.
//
// Sources: Adobe Flash Video File Format 10.1 annex E; Enhanced RTMP v2
// (Veovera); RFC 6455.
package httpflv
