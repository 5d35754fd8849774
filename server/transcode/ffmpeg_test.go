package transcode

import (
	"fmt"
	"testing"
	"time"

	aaccodec "sluice/protocols/codec/aac"
	"sluice/server/media"
	"sluice/server/transcode/internal/sndtest"
)

// fromADTS makes packets of an ADTS stream of ffmpeg's encoder, whose first
// frame is the 1024 samples before the sound.
func fromADTS(tb testing.TB, b []byte) []*media.Packet {
	tb.Helper()
	var packets []*media.Packet
	var track *media.Track
	for len(b) > 0 {
		h, err := aaccodec.ParseADTS(b)
		if err != nil {
			tb.Fatal(err)
		}
		if track == nil {
			c, err := h.Config()
			if err != nil {
				tb.Fatal(err)
			}
			asc, err := c.Append(nil)
			if err != nil {
				tb.Fatal(err)
			}
			track = &media.Track{Codec: media.AAC, Config: asc, SampleRate: h.SampleRate, Channels: c.Channels()}
		}
		at := start + media.FromClock(int64(1024*(len(packets)-1)), track.SampleRate)
		packets = append(packets, &media.Packet{Track: track, DTS: at, PTS: at, Payload: b[h.HeaderSize:h.FrameSize]})
		b = b[h.FrameSize:]
	}
	return packets
}

// toADTS is the inverse, for ffmpeg to read.
func toADTS(tb testing.TB, packets []*media.Packet) []byte {
	tb.Helper()
	c, err := aaccodec.ParseConfig(packets[0].Track.Config)
	if err != nil {
		tb.Fatal(err)
	}
	var out []byte
	for _, p := range packets {
		if out, err = aaccodec.AppendADTS(out, c, len(p.Payload)); err != nil {
			tb.Fatal(err)
		}
		out = append(out, p.Payload...)
	}
	return out
}

// ffmpeg's AAC at each rate and in surround goes in, and ffmpeg reads the AAC
// that comes out after the way through another codec.
func testFFmpeg(t *testing.T, by media.Codec, want float64) {
	for _, c := range []struct{ rate, channels int }{{44100, 2}, {48000, 2}, {48000, 1}, {48000, 6}, {32000, 2}} {
		t.Run(fmt.Sprintf("%d Hz, %d channels", c.rate, c.channels), func(t *testing.T) {
			const seconds = 2
			// All channels alike: then mixing down changes nothing but the LFE.
			mono := sndtest.Music(c.rate, 1, seconds*c.rate)
			var in []float32
			for _, x := range mono {
				for range c.channels {
					in = append(in, x)
				}
			}
			adts := sndtest.FFmpeg(t, sndtest.Bytes(in), "-f", "f32le", "-ar", fmt.Sprint(c.rate), "-ac", fmt.Sprint(c.channels),
				"-i", "pipe:0", "-c:a", "aac", "-b:a", fmt.Sprint(96000*c.channels), "-f", "adts", "pipe:1")
			var between []*media.Packet
			first, err := New(fromADTS(t, adts)[0].Track, by, DefaultConfig(), discard)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range fromADTS(t, adts) {
				if err := first.Process(p, func(q *media.Packet) { between = append(between, q) }); err != nil {
					t.Fatal(err)
				}
			}
			var last []*media.Packet
			second, err := New(first.Track(), media.AAC, DefaultConfig(), discard)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range between {
				if err := second.Process(p, func(q *media.Packet) { last = append(last, q) }); err != nil {
					t.Fatal(err)
				}
			}
			out := sndtest.Floats(sndtest.FFmpeg(t, toADTS(t, last), "-f", "aac", "-i", "pipe:0", "-f", "f32le", "pipe:1"))
			out = sndtest.Channel(out, second.Track().Channels, 0)

			ref := sndtest.Music(48000, 1, seconds*48000)
			skip := int(media.ToClock(last[0].PTS-start, 48000))
			from := 48000 / 2
			lag := sndtest.Lag(ref[skip+from:skip+2*from], out[from:2*from], 1000)
			if d := media.FromClock(int64(lag), 48000); d.Abs() > time.Millisecond {
				t.Errorf("the sound is %v late", d)
			}
			end := min(len(out), len(ref)-skip)
			snr := sndtest.SNR(ref[skip+from:skip+end], out[from:end])
			t.Logf("SNR %.1f dB", snr)
			if snr < want {
				t.Errorf("SNR %.1f dB, want %v", snr, want)
			}
			for name, p := range map[string]*Pipeline{"first": first, "second": second} {
				if s := p.Stats(); s != (Stats{Packets: s.Packets}) {
					t.Errorf("%s: %+v", name, s)
				}
			}
		})
	}
}

func TestFFmpegByG722(t *testing.T) { testFFmpeg(t, media.G722, 18) }
