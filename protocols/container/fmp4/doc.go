// Package fmp4 writes and reads fragmented MP4: an initialisation segment that
// describes the tracks, and fragments (moof and mdat) that carry samples. HTTP
// and WebSocket MP4, CMAF HLS and the recorder share it. The package is pure.
//
// A file has at most one video and one audio track. Their ids and clocks are
// functions of the track, so a fragment needs no more than its packets: see
// TrackID and Timescale. Times are the packets' own; there are no edit lists.
//
// Sources: ISO/IEC 14496-12:2015 (the file format), 14496-14 (MP4, esds),
// 14496-15 (avc1, hvc1), 23000-19 (CMAF); AV1 Codec ISO Media File Format
// Binding; VP Codec ISO Media File Format Binding; Encapsulation of Opus in ISO
// Base Media File Format 0.8.1; Encapsulation of FLAC in ISO Base Media File
// Format 1.0; ETSI TS 102 366 annex F (AC-3, E-AC-3); RFC 6381 (codecs).
package fmp4
