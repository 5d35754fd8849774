package transcode

import (
	"fmt"
	"testing"
	"time"

	"sluice/protocols/codec/mpa"
	"sluice/server/media"
	"sluice/server/transcode/internal/sndtest"
)

// fromMPA makes packets of what ffmpeg's encoder makes of music. The first
// packet's time is before the sound by the delay that ffmpeg gives the encoder:
// with the decoder's own.
func fromMPA(tb testing.TB, layer, rate, channels, seconds int) []*media.Packet {
	tb.Helper()
	encoder, format, delay := "libmp3lame", "mp3", 576+529
	if layer == 2 {
		encoder, format, delay = "mp2", "mp2", 481
	}
	b := sndtest.FFmpeg(tb, sndtest.Bytes(sndtest.Music(rate, channels, seconds*rate)),
		"-f", "f32le", "-ar", fmt.Sprint(rate), "-ac", fmt.Sprint(channels), "-i", "pipe:0",
		"-c:a", encoder, "-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0", "-f", format, "pipe:1")
	var packets []*media.Packet
	var track *media.Track
	samples := -delay
	for len(b) > 0 {
		h, err := mpa.ParseHeader(b)
		if err != nil {
			tb.Fatal(err)
		}
		if track == nil {
			track = h.Track()
		}
		at := start + media.FromClock(int64(samples), rate)
		packets = append(packets, &media.Packet{Track: track, DTS: at, PTS: at, Payload: b[:h.Size]})
		samples += h.Samples
		b = b[h.Size:]
	}
	return packets
}

// MP3 and MP2 of ffmpeg's encoders come out where they belong.
func TestMPA(t *testing.T) {
	for _, c := range []struct{ layer, rate, channels int }{{3, 44100, 2}, {3, 48000, 1}, {3, 22050, 2}, {2, 48000, 2}} {
		t.Run(fmt.Sprintf("layer %d, %d Hz, %d channels", c.layer, c.rate, c.channels), func(t *testing.T) {
			in := fromMPA(t, c.layer, c.rate, c.channels, 2)
			p, s := run(t, in, media.AAC)
			if s.holes != 0 || p.Stats() != (Stats{Packets: len(in)}) {
				t.Errorf("%d holes, %+v", s.holes, p.Stats())
			}
			ref := sndtest.Music(48000, c.channels, 2*48000)
			off := s.offset(sndtest.Channel(ref, c.channels, 0), p.Track().Channels)
			t.Logf("offset %v, delay %v", off, s.delay)
			if off.Abs() > time.Millisecond {
				t.Errorf("the sound is %v late", off)
			}
		})
	}
}

// A frame that is lost takes those with it that need its bits, and no more.
func TestMPALosses(t *testing.T) {
	whole := fromMPA(t, 3, 48000, 2, 3)
	in := lossy(whole, func(i int) bool { return i%25 == 20 })
	p, s := run(t, in, media.PCMA)
	st, lost := p.Stats(), len(whole)-len(in)
	if s.holes != 0 || st.Gaps != lost || st.Leaps+st.Surplus != 0 || st.Bad > 2*lost {
		t.Errorf("%d lost, %d holes, %+v", lost, s.holes, st)
	}
	if off := s.offset(sndtest.Channel(sndtest.Music(g711Rate, 2, 3*g711Rate), 2, 0), 1); off.Abs() > 2*time.Millisecond {
		t.Errorf("the sound is %v late", off)
	}
	if q := quietest(s.pcm, g711Rate); q < 0.002 {
		t.Errorf("the sound falls to %.4f", q)
	}
}
