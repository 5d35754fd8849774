// Package mpegts writes and reads MPEG-2 transport streams of one program with
// at most one picture and one sound track.
//
// A Muxer makes of each packet one PES packet in whole transport packets, and
// puts the tables and the clock where they are due. A Demuxer takes bytes, cut
// anywhere, and gives tracks and packets; after a loss it gives no picture up to
// the next key frame, so that what it gives can be decoded.
//
// H264, H265, AAC (ADTS, and LATM where it is read), MP3, MP2, Opus, AC-3 and E-AC-3
// are carried. AV1 is left out: ffmpeg, mpegts.js and hls.js do not read it in a
// transport stream. Script data has no place in one.
//
// Sources: ISO/IEC 13818-1 (transport stream, tables, PES; the clauses cited are
// of its 2019 edition), ETSI TS 101 154 and ATSC A/53 part 3 (AC-3, E-AC-3), and for
// Opus "Opus in MPEG-2 transport streams" of Xiph.Org, which ffmpeg writes and
// reads.
package mpegts
