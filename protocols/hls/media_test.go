package hls

import (
	"bytes"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	avc = &media.Track{Codec: media.H264, Config: []byte{1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x68}, Width: 64, Height: 48}
	// other is avc in another size.
	other  = &media.Track{Codec: media.H264, Config: avc.Config, Width: 128, Height: 96}
	stereo = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}

	epoch = time.Date(2026, 11, 25, 16, 0, 0, 0, time.UTC)
)

// source makes the packets of a stream, by decode time.
type source struct {
	video, audio *media.Track
	frame        time.Duration // between pictures
	group        int           // pictures from one key frame to the next
	late         time.Duration // by which sound comes after the pictures
	fast         int           // how much faster than it should it comes; 0 means 1

	at, sound time.Duration
	pictures  int
}

// next returns the next packet and the tracks.
func (s *source) next() (*media.Tracks, *media.Packet) {
	p := &media.Packet{Arrival: s.now()}
	if s.video != nil && (s.audio == nil || s.at <= s.sound+s.late) {
		p.Track, p.DTS, p.PTS = s.video, s.at, s.at+s.frame
		p.Key = s.pictures%s.group == 0
		p.Payload = append([]byte{0, 0, 1, 40}, bytes.Repeat([]byte{byte(s.pictures)}, 296)...)
		s.pictures++
		s.at += s.frame
		return s.tracks(), p
	}
	p.Track, p.DTS, p.PTS = s.audio, s.sound, s.sound
	p.Payload = bytes.Repeat([]byte{1}, 100)
	s.sound += 1024 * time.Second / 48000
	if s.video == nil {
		s.at = s.sound
	}
	return s.tracks(), p
}

func (s *source) now() time.Time { return epoch.Add(s.at / time.Duration(max(1, s.fast))) }

func (s *source) tracks() *media.Tracks { return &media.Tracks{Video: s.video, Audio: s.audio} }

// play feeds the presenter with so much of the stream, and calls each after
// every packet.
func (s *source) play(t *testing.T, p presenter, d time.Duration, each func()) {
	t.Helper()
	for end := s.at + d; s.at < end; {
		ts, pkt := s.next()
		if err := p.packet(ts, pkt); err != nil {
			t.Fatal(err)
		}
		if each != nil {
			each()
		}
	}
}

// again begins a new publisher's stream, which the hub puts after the old one.
func (s *source) again() {
	s.at = max(s.at, s.sound) + 33*time.Millisecond
	s.sound, s.pictures = s.at, 0
}
