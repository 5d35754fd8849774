package rtmp

import (
	"testing"
	"time"

	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// A picture of 8 kB into chunks: once for all players of a form.
func BenchmarkEncode(b *testing.B) {
	f := playForm(Capabilities{})
	f.streamID, f.chunkSize = 1, 65536
	e := &encoder{form: f}
	video := fake(media.H264)
	item := hub.Item{
		Packet: &media.Packet{Track: video, Payload: make([]byte, 8<<10)},
		Tracks: &media.Tracks{Video: video},
	}
	b.ReportAllocs()
	b.SetBytes(8 << 10)
	for b.Loop() {
		item.Packet.DTS += 40 * time.Millisecond
		item.Packet.PTS = item.Packet.DTS
		if err := e.Encode(item, func(unit, int) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// A publisher's picture of 8 kB into the hub.
func BenchmarkIngest(b *testing.B) {
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	defer h.Close()
	pub, err := h.Publish(b.Context(), hub.Session{Stream: "live/one"})
	if err != nil {
		b.Fatal(err)
	}
	defer pub.Close(nil)
	in := &intake{pub: pub}
	sps := []byte{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x0f, 0x08, 0x84, 0x6a}
	pps := []byte{0x68, 0xce, 0x3c, 0x80}
	config := append([]byte{0x17, 0, 0, 0, 0, 1, sps[1], sps[2], sps[3], 0xff, 0xe1, 0, byte(len(sps))}, sps...)
	config = append(append(config, 1, 0, byte(len(pps))), pps...)
	if err := in.take(message.Message{Type: message.Video, Body: config}); err != nil {
		b.Fatal(err)
	}
	body := append([]byte{0x17, 1, 0, 0, 0, 0, 0, 0x1f, 0xfc, 0x65}, make([]byte, 8<<10-5)...)
	m := message.Message{Type: message.Video, Body: body}
	b.ReportAllocs()
	b.SetBytes(8 << 10)
	for b.Loop() {
		m.Timestamp += 40
		if err := in.take(m); err != nil {
			b.Fatal(err)
		}
	}
	if in.malformed > 0 || pub.Info().Packets == 0 {
		b.Fatalf("%d malformed, %d packets", in.malformed, pub.Info().Packets)
	}
}
