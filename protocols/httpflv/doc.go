// Package httpflv plays streams as FLV over HTTP, HTTPS and WebSocket:
// /app/stream.flv with the schemes http, https, ws and wss.
//
// The query can say more of the player than FLV can: hevc=12 asks for HEVC as
// codec number 12 instead of its fourCC; opus=1, flac=1, ac3=1 (E-AC-3 too) and
// vp8=1 say that the player takes these by fourCC, without which Opus comes as AAC
// and the others are left out, as players hang on them; g711=1 and g711=0 say whether it takes G.711, which
// programs do and the players in browsers do not: they get AAC unless they say
// so; token is the credential.
//
// Sources: Adobe Flash Video File Format 10.1 annex E; Enhanced RTMP v2
// (Veovera); RFC 6455.
package httpflv
