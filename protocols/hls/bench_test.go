package hls

import (
	"testing"
	"time"
)

// benchmark is the cost of one packet of a stream of 25 pictures of 300 bytes a
// second and sound, segments and playlists included.
func benchmark(b *testing.B, p presenter) {
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	b.ReportAllocs()
	for b.Loop() {
		ts, pkt := s.next()
		if err := p.packet(ts, pkt); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCMAFPacket(b *testing.B)      { benchmark(b, testCMAF()) }
func BenchmarkTransportPacket(b *testing.B) { benchmark(b, testTransport(nil, nil)) }

// BenchmarkPlaylist is the cost of a playlist for its first reader, and for each
// further one.
func BenchmarkPlaylist(b *testing.B) {
	p := testCMAF()
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	for s.at < 30*time.Second {
		ts, pkt := s.next()
		if err := p.packet(ts, pkt); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.lanes[0].publish()
			p.lanes[0].snap.Load().text(false, true)
		}
	})
	b.Run("further", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.lanes[0].snap.Load().text(false, true)
		}
	})
}
