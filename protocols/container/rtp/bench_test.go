package rtp

import (
	"bytes"
	"testing"

	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

type benchFrame struct {
	name    string
	stream  stream
	payload []byte
}

// benchFrames are pictures of 8 KiB, the mean of 2 Mbit/s at 30 pictures a
// second, a small one, and sound of about 20 ms.
func benchFrames() []benchFrame {
	picture := bytes.Repeat([]byte{0xa5}, 8192)
	slice := func(n int) []byte { return append([]byte{0x41, 0x88, 0x80}, picture[:n]...) }
	return []benchFrame{
		{"H264", streamOf(media.H264), nal.Join(slice(8192))},
		{"H264-slices", streamOf(media.H264), nal.Join(slice(2000), slice(2000), slice(2000), slice(2000))},
		{"H264-small", streamOf(media.H264), nal.Join(slice(800))},
		{"H265", streamOf(media.H265), nal.Join(append([]byte{0x02, 0x01, 0x80}, picture...))},
		{"AV1", streamOf(media.AV1), av1.OBU{Type: av1.TypeFrame, Data: append([]byte{0x30}, picture...)}.Append(nil)},
		{"VP8", streamOf(media.VP8), append([]byte{0x31, 0, 0}, picture...)},
		{"VP9", streamOf(media.VP9), append([]byte{0x86, 0}, picture...)},
		{"AAC", streamOf(media.AAC), picture[:350]},
		{"Opus", streamOf(media.Opus), append([]byte{0xfc}, picture[:240]...)},
		{"L16", streamOf(media.L16), picture[:3528]},
	}
}

func BenchmarkPacketizer(b *testing.B) {
	for _, f := range benchFrames() {
		b.Run(f.name, func(b *testing.B) {
			z := must(NewPacketizer(f.stream.track.Codec, PacketizerConfig{}))
			p := &media.Packet{Track: f.stream.track, Payload: f.payload}
			var list []Payload
			b.ReportAllocs()
			b.SetBytes(int64(len(f.payload)))
			for b.Loop() {
				list = must(z.Append(list[:0], p))
			}
		})
	}
}

func BenchmarkDepacketizer(b *testing.B) {
	for _, f := range benchFrames() {
		b.Run(f.name, func(b *testing.B) {
			out := newSender(f.stream)
			d := must(NewDepacketizer(f.stream.format, DepacketizerConfig{TrustMarker: true}))
			if f.stream.track.Codec.Kind() == media.Video {
				key := f.stream.send(b, newRand(1), 1, 1)[0]
				for _, p := range key.packets {
					must(d.Append(nil, p, false))
				}
			}
			packets := must(out.send(&media.Packet{Track: f.stream.track, Payload: f.payload}, 1))
			var units []Unit
			b.ReportAllocs()
			b.SetBytes(int64(len(f.payload)))
			for b.Loop() {
				units = units[:0]
				for i := range packets {
					packets[i].Timestamp++
					units = must(d.Append(units, packets[i], false))
				}
				if len(units) == 0 {
					b.Fatal("no unit")
				}
			}
		})
	}
}
