//go:build opus

package opus

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// oggOpus wraps packets of frame samples each in Ogg (RFC 3533, RFC 7845), a
// page for each, so that ffmpeg can read them.
func oggOpus(packets [][]byte, channels, preSkip, frame int) []byte {
	head := []byte("OpusHead\x01\x00\x00\x00\x80\xbb\x00\x00\x00\x00\x00")
	head[9] = byte(channels)
	binary.LittleEndian.PutUint16(head[10:], uint16(preSkip))
	tags := []byte("OpusTags\x04\x00\x00\x00test\x00\x00\x00\x00")

	var out bytes.Buffer
	seq := uint32(0)
	page := func(flags byte, granule int, p []byte) {
		h := []byte("OggS\x00")
		h = append(h, flags)
		h = binary.LittleEndian.AppendUint64(h, uint64(granule))
		h = binary.LittleEndian.AppendUint32(h, 1) // serial number
		h = binary.LittleEndian.AppendUint32(h, seq)
		h = append(h, 0, 0, 0, 0, byte(len(p)/255+1)) // checksum, segments
		for range len(p) / 255 {
			h = append(h, 255)
		}
		h = append(h, byte(len(p)%255))
		h = append(h, p...)
		binary.LittleEndian.PutUint32(h[22:], oggCRC(h))
		out.Write(h)
		seq++
	}
	page(2, 0, head)
	page(0, 0, tags)
	for i, p := range packets {
		flags := byte(0)
		if i == len(packets)-1 {
			flags = 4
		}
		page(flags, (i+1)*frame, p)
	}
	return out.Bytes()
}

// oggCRC is the checksum of RFC 3533 6: polynomial 0x04c11db7, unreflected.
func oggCRC(b []byte) uint32 {
	crc := uint32(0)
	for _, x := range b {
		crc ^= uint32(x) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// oggPackets returns the packets of an Ogg file with one stream.
func oggPackets(tb testing.TB, b []byte) [][]byte {
	tb.Helper()
	var packets [][]byte
	var part []byte
	for len(b) > 0 {
		if len(b) < 27 || string(b[:4]) != "OggS" {
			tb.Fatal("not an Ogg page")
		}
		n := int(b[26])
		lacing, body := b[27:27+n], b[27+n:]
		for _, l := range lacing {
			part = append(part, body[:l]...)
			body = body[l:]
			if l < 255 {
				packets = append(packets, part)
				part = nil
			}
		}
		b = body
	}
	return packets
}
