// Package hls plays streams by HTTP Live Streaming, in two forms:
//
//	/app/stream.m3u8                   fragmented MP4 (CMAF), low latency
//	/hls/app/stream.m3u8               MPEG-TS, live; also .../stream/playlist.m3u8
//	/hls/app/stream/record.m3u8        MPEG-TS, all of it
//
// These are multivariant playlists. A request for one begins a session, whose id
// is in the path of all that it names (/app/stream/@ID/video.m3u8), so the media
// playlists are the same text for all players and are rendered, and compressed,
// once. "@" stands in no stream's name.
//
// A segmenter is one viewer of its stream, however many watch: it runs from the
// first request until some time after the last one, or always, by configuration.
// Requests read immutable snapshots. docs/hls.md says what was decided and why.
//
// Sources: RFC 8216; its second edition draft-pantos-hls-rfc8216bis; ISO/IEC
// 23000-19 (CMAF).
package hls
