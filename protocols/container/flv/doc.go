// Package flv reads and writes FLV: the stream of tags that HTTP carries and
// files hold (Adobe Flash Video File Format 10.1, annex E), and the tag bodies,
// which are the message bodies of RTMP too. It knows the legacy codec numbers,
// HEVC as number 12 as Chinese clients use it, and the fourCC signalling of
// Enhanced RTMP v1 and v2 (Veovera). The package is pure: bytes in, values out.
//
// A Demuxer turns tags into media.Packet, a Form turns packets into tags:
//
//	track, packet, err := demuxer.Demux(tag)
//	tag, err := form.Tag(packet)
package flv
