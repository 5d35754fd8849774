// Package rtp turns media packets into RTP payloads and RTP packets back into
// access units, for RTSP and for WebRTC alike.
//
// A Packetizer cuts one media.Packet into Payloads that fit the network's
// packets; the caller adds sequence numbers and timestamps. A Depacketizer
// takes the packets of one source in sequence order and hands out whole access
// units: one that lost a packet, or that makes no sense, is dropped and
// reported, never handed out torn. Package jitter brings packets into order
// first, package timing gives the units their place on a common time line.
//
// Payload formats: H264 (RFC 6184), H265 (RFC 7798), AV1 (AOM, RTP Payload
// Format For AV1 1.0), VP8 (RFC 7741), VP9 (RFC 9628), Opus (RFC 7587), AAC
// (RFC 3640 and, receiving only, RFC 6416), PCMA, PCMU, G722 and L16
// (RFC 3551), MP3 and MP2 (RFC 2250), AC-3 (RFC 4184).
//
// The package is pure: no clock, no I/O, no locks. Nothing in it may be used
// by two goroutines at once.
package rtp
