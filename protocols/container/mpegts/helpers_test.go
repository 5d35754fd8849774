package mpegts

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"sluice/protocols/codec/nal"
	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

// unhex reads hexadecimal digits; a quoted part stands for its characters.
func unhex(s string) []byte {
	var out []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part...)
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			panic(err)
		}
		out = append(out, b...)
	}
	return out
}

// Configurations of ffmpeg's encoders.
const (
	avcC = "01 64000d ff e1 0019 6764000dacd94150878888c04400000fa40003a9803c50a658 01 0006 68ebe3cb22c0 fdf8f800"
	hvcC = "01 01 60000000 900000000000 3c f000 fc fd f8 f8 0000 0f 03 a0 0001 0018 40010c01ffff01600000030090000003000003003c959409 a1 0001 0029 42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601 a2 0001 0007 4401c172b46240"
)

var (
	h264Track = &media.Track{Codec: media.H264, Config: unhex(avcC), Width: 322, Height: 242}
	h265Track = &media.Track{Codec: media.H265, Config: unhex(hvcC), Width: 322, Height: 242}
	aacTrack  = &media.Track{Codec: media.AAC, Config: unhex("1190"), SampleRate: 48000, Channels: 2}
	mp3Track  = &media.Track{Codec: media.MP3, SampleRate: 44100, Channels: 2}
	mp2Track  = &media.Track{Codec: media.MP2, SampleRate: 48000, Channels: 2}
	opusTrack = &media.Track{Codec: media.Opus, Config: opus.NewHead(2).Append(nil), SampleRate: 48000, Channels: 2}
	ac3Track  = &media.Track{Codec: media.AC3, SampleRate: 48000, Channels: 2}
	eac3Track = &media.Track{Codec: media.EAC3, SampleRate: 48000, Channels: 2}
)

const ms = time.Millisecond

// h264Units returns the units of an H264 picture with its number in it.
func h264Picture(key bool, n, size int) []byte {
	slice := append([]byte{0x41, 0x9a, byte(n)}, bytes.Repeat([]byte{0xa5}, size)...)
	if key {
		slice[0], slice[1] = 0x65, 0x88
	}
	return nal.Join([]byte{6, 5, 1, 7, 0x80}, slice)
}

func h265Picture(key bool, n, size int) []byte {
	slice := append([]byte{2, 1, 0xd0, byte(n)}, bytes.Repeat([]byte{0xa5}, size)...)
	if key {
		slice[0], slice[2] = 0x26, 0xac
	}
	return nal.Join(slice)
}

// soundFrame returns a frame of the codec's sound with a number in it.
func soundFrame(c media.Codec, n int) []byte {
	pad := func(head string, size int) []byte {
		b := make([]byte, size)
		copy(b, unhex(head))
		b[size-1] = byte(n)
		return b
	}
	switch c {
	case media.MP3:
		return pad("fffb9064", 417)
	case media.MP2:
		return pad("fffda404", 576)
	case media.AC3:
		return pad("0b77 0000 14 40 43 e1", 768)
	case media.EAC3:
		return pad("0b77 017f 34 87 00 00", 768)
	case media.Opus:
		return pad("fc", 300+n%2)
	default:
		return pad("21", 200)
	}
}

// frameTime is how long a frame of soundFrame is.
func frameTime(c media.Codec) time.Duration {
	switch c {
	case media.MP3:
		return 1152 * time.Second / 44100
	case media.MP2:
		return 24 * ms
	case media.Opus:
		return 20 * ms
	case media.AC3, media.EAC3:
		return 32 * ms
	default:
		return 1024 * time.Second / 48000
	}
}

// film returns a stream of pictures every 40 ms, a key frame every tenth, each
// shown later than it is decoded, and of sound, in the order of decoding.
func film(video, audio *media.Track, from time.Duration, n int) (list []*media.Packet) {
	sound := 0
	for i := range n {
		at := from + time.Duration(i)*40*ms
		if video != nil {
			p := &media.Packet{Track: video, DTS: at, PTS: at + time.Duration(i%3)*40*ms, Key: i%10 == 0}
			if video.Codec == media.H264 {
				p.Payload = h264Picture(p.Key, i, 100+i*37)
			} else {
				p.Payload = h265Picture(p.Key, i, 100+i*37)
			}
			list = append(list, p)
		}
		for audio != nil && time.Duration(sound)*frameTime(audio.Codec) < time.Duration(i+1)*40*ms {
			at := from + time.Duration(sound)*frameTime(audio.Codec)
			list = append(list, &media.Packet{Track: audio, DTS: at, PTS: at, Payload: soundFrame(audio.Codec, sound)})
			sound++
		}
	}
	return list
}

// mux writes the packets.
func mux(t testing.TB, list []*media.Packet) []byte {
	t.Helper()
	m := NewMuxer(MuxerConfig{})
	if err := m.SetTracks(tracksOf(list)); err != nil {
		t.Fatal(err)
	}
	return appendAll(t, m, nil, list)
}

func appendAll(t testing.TB, m *Muxer, dst []byte, list []*media.Packet) []byte {
	t.Helper()
	for _, p := range list {
		var err error
		if dst, err = m.AppendPacket(dst, p); err != nil {
			t.Fatal(err)
		}
	}
	return dst
}

// tracksOf returns the first tracks of a list of packets.
func tracksOf(list []*media.Packet) (ts media.Tracks) {
	for _, p := range list {
		if ts.Get(p.Kind()) == nil {
			ts = ts.With(p.Track)
		}
	}
	return ts
}

// demux reads a stream in pieces of n bytes.
func demux(stream []byte, n int) (packets []*media.Packet, errs []error) {
	d := NewDemuxer(DemuxerConfig{})
	next := func() {
		for {
			e, ok := d.Next()
			if !ok {
				return
			}
			if e.Packet != nil {
				packets = append(packets, e.Packet)
			}
			if e.Err != nil {
				errs = append(errs, e.Err)
			}
		}
	}
	for len(stream) > 0 {
		n := min(n, len(stream))
		d.Write(stream[:n])
		stream = stream[n:]
		next()
	}
	d.Flush()
	next()
	return packets, errs
}

// withSets returns what the Muxer makes of a packet's payload: with the parameter
// sets before a key frame.
func withSets(p *media.Packet) []byte {
	if !p.Key {
		return p.Payload
	}
	f, err := newForm(p.Track)
	if err != nil {
		panic(err)
	}
	return append(nal.FromAnnexB(f.sets), p.Payload...)
}

// compare checks that the packets are those that were sent, late by the Muxer's
// delay and rounded to its clock.
func compare(t *testing.T, got, want []*media.Packet) {
	t.Helper()
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		a, b := ofKind(got, kind), ofKind(want, kind)
		if len(a) != len(b) {
			t.Fatalf("%d %s packets, want %d", len(a), kind, len(b))
		}
		shift := DefaultDelay
		for i, p := range a {
			w := b[i]
			if i == 0 {
				// Which turn of the clock the stream began in can't be known.
				const turn = (1 << clockBits) * time.Second / ClockRate
				shift += (p.DTS - w.DTS - shift).Round(turn)
			}
			if off := p.DTS - w.DTS - shift; off.Abs() > 20*time.Microsecond {
				t.Fatalf("%s packet %d: DTS %v, was %v: off by %v", kind, i, p.DTS, w.DTS, off)
			}
			if off := (p.PTS - p.DTS) - (w.PTS - w.DTS); off.Abs() > 20*time.Microsecond {
				t.Fatalf("%s packet %d: shown %v after decoding, was %v", kind, i, p.PTS-p.DTS, w.PTS-w.DTS)
			}
			if p.Key != w.Key || !bytes.Equal(p.Payload, withSets(w)) {
				t.Fatalf("%s packet %d: key %v, %x\nwant %v, %x", kind, i, p.Key, p.Payload, w.Key, withSets(w))
			}
			if !p.Track.Same(w.Track) {
				t.Fatalf("%s packet %d: track %+v, want %+v", kind, i, p.Track, w.Track)
			}
		}
	}
}

func ofKind(list []*media.Packet, k media.Kind) (out []*media.Packet) {
	for _, p := range list {
		if p.Kind() == k {
			out = append(out, p)
		}
	}
	return out
}
