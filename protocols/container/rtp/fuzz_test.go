package rtp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// Bits of the first byte of a packet in a fuzz script; its payload's size in two
// bytes and the payload follow.
const (
	scriptMarker = 1 << iota
	scriptNext   // another timestamp
	scriptLost
)

func appendRx(script, payload []byte, marker, next, lost bool) []byte {
	var flags byte
	if marker {
		flags |= scriptMarker
	}
	if next {
		flags |= scriptNext
	}
	if lost {
		flags |= scriptLost
	}
	script = binary.BigEndian.AppendUint16(append(script, flags), uint16(len(payload)))
	return append(script, payload...)
}

// play feeds a script to a Depacketizer and checks what nothing that comes by
// the network may break.
func play(t *testing.T, format Format, script []byte) {
	const maxUnit = 1 << 14
	d, err := NewDepacketizer(format, DepacketizerConfig{MaxUnit: maxUnit})
	if err != nil {
		t.Fatal(err)
	}
	var units []Unit
	p := Packet{}
	bytes := 0
	for len(script) >= 3 {
		flags, n := script[0], int(binary.BigEndian.Uint16(script[1:]))
		script = script[3:]
		n = min(n, len(script))
		p.Payload, script = script[:n:n], script[n:]
		bytes += n
		p.Sequence++
		p.Marker = flags&scriptMarker != 0
		if flags&scriptNext != 0 {
			p.Timestamp += 960
		}
		before := len(units)
		if units, err = d.Append(units, p, flags&scriptLost != 0); err != nil && !known(err) {
			t.Fatalf("unknown error: %v", err)
		}
		if len(units) < before {
			t.Fatal("units were taken away")
		}
	}
	total := 0
	for _, u := range d.Flush(units) {
		checkUnit(t, format.Codec(), u, maxUnit)
		total += len(u.Payload)
	}
	if total > 16*bytes {
		t.Fatalf("%d bytes became %d", bytes, total)
	}
}

func known(err error) bool {
	for _, e := range []error{ErrLost, ErrMalformed, ErrTooLarge, ErrNoConfig, ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func checkUnit(t *testing.T, codec media.Codec, u Unit, maxUnit int) {
	t.Helper()
	fits := u.Track != nil && (u.Track.Codec == codec || codec == media.MP3 && u.Track.Codec == media.MP2) // MPA is both
	if !fits || len(u.Payload) == 0 {
		t.Fatalf("unit of %d bytes with track %v", len(u.Payload), u.Track)
	}
	if len(u.Payload) > maxUnit+64 && codec.Kind() == media.Video {
		t.Fatalf("unit of %d bytes", len(u.Payload))
	}
	switch codec {
	case media.H264, media.H265:
		if err := nal.Check(u.Payload); err != nil {
			t.Fatal(err)
		}
	case media.AV1:
		if err := av1.Check(u.Payload); err != nil {
			t.Fatal(err)
		}
	}
	if codec.Kind() == media.Audio && u.Key {
		t.Fatal("a key frame of sound")
	}
}

// scriptOf is what the stream's Packetizer makes of some small frames, as a fuzz
// script; it lacks one packet.
func scriptOf(s stream, seed uint64) []byte {
	const frames, large = 6, 2000
	s.config.MaxPayload = 500
	for ; ; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 9))
		out := newSender(s)
		var script []byte
		for i := range frames {
			key := i%3 == 0 && s.track.Codec.Kind() == media.Video
			for j, p := range must(out.send(&media.Packet{Track: s.track, Key: key, Payload: s.frame(rnd, key)}, uint32(i))) {
				if i != 4 || j != 0 {
					script = appendRx(script, p.Payload, p.Marker, j == 0, i == 4 && j == 1)
				}
			}
			if len(script) > large {
				break
			}
		}
		if len(script) > large/2 && len(script) < 2*large {
			return script
		}
	}
}

func fuzz(f *testing.F, s stream, cases []rxCase) {
	seeds(f, cases)
	f.Add(scriptOf(s, 0))
	f.Fuzz(func(t *testing.T, script []byte) { play(t, s.format, script) })
}

func FuzzH264(f *testing.F) { fuzz(f, streamOf(media.H264), h264Cases) }
func FuzzH265(f *testing.F) { fuzz(f, streamOf(media.H265), h265Cases) }
func FuzzAV1(f *testing.F)  { fuzz(f, streamOf(media.AV1), av1Cases) }
func FuzzVP8(f *testing.F)  { fuzz(f, streamOf(media.VP8), vp8Cases) }
func FuzzVP9(f *testing.F)  { fuzz(f, streamOf(media.VP9), vp9Cases) }
func FuzzAAC(f *testing.F)  { fuzz(f, streamOf(media.AAC), aacCases) }
func FuzzMP3(f *testing.F)  { fuzz(f, streamOf(media.MP3), nil) }
func FuzzAC3(f *testing.F)  { fuzz(f, streamOf(media.AC3), ac3Cases) }
func FuzzOpus(f *testing.F) { fuzz(f, streamOf(media.Opus), nil) }
func FuzzL16(f *testing.F)  { fuzz(f, streamOf(media.L16), nil) }

func FuzzLATM(f *testing.F) {
	seeds(f, latmCases)
	f.Fuzz(func(t *testing.T, script []byte) { play(t, latmFormat, script) })
}

// FuzzAACHeader has the sender choose the AU header's fields.
func FuzzAACHeader(f *testing.F) {
	f.Add("mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1210", scriptOf(streamOf(media.AAC), 1))
	f.Add("sizelength=6;indexlength=2;indexdeltalength=2;constantduration=960;auxiliarydatasizelength=8", unhex("01000a001800050aaaaaaaaaaa"))
	f.Add("sizelength=0;constantsize=3;mode=generic;ctsdeltalength=5;randomaccessindication=1", unhex("010008aabbccaabbccaabb"))
	f.Add("mode=generic;constantsize=2;indexlength=3", unhex("010005000800aabb"))
	f.Fuzz(func(t *testing.T, params string, script []byte) {
		format := Format{Name: "mpeg4-generic", Clock: 44100, Channels: 2, Params: ParseParams(params)}
		if _, err := NewDepacketizer(format, DepacketizerConfig{}); err == nil {
			play(t, format, script)
		}
	})
}

// FuzzFormat has the SDP be anything.
func FuzzFormat(f *testing.F) {
	for _, s := range streams() {
		f.Add(s.format.Name, s.format.Clock, s.format.Params.String())
	}
	f.Add(latmFormat.Name, latmFormat.Clock, latmFormat.Params.String())
	f.Fuzz(func(t *testing.T, name string, clock int, params string) {
		format := Format{Name: name, Clock: clock, Params: ParseParams(params)}
		d, err := NewDepacketizer(format, DepacketizerConfig{})
		if err != nil {
			return
		}
		track := d.Track()
		if track == nil || track.Codec == media.AAC && track.SampleRate == 0 {
			return
		}
		if _, err := FormatOf(track); err != nil {
			t.Fatalf("%+v has no format: %v", track, err)
		}
	})
}

// TestTruncated cuts each packet of each codec at every length: the result is an
// error or units that hold, never a panic.
func TestTruncated(t *testing.T) {
	for _, s := range streams() {
		if s.config.SingleNAL {
			continue
		}
		s.config.MaxPayload = 500
		t.Run(s.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(4, 4))
			packets := []Packet{}
			for _, f := range s.send(t, rnd, 3, 3) {
				packets = append(packets, f.packets...)
			}
			for i, whole := range packets {
				for n := 1; n < len(whole.Payload); n += 1 + n/16 {
					d := must(NewDepacketizer(s.format, DepacketizerConfig{}))
					var units []Unit
					for j, p := range packets {
						if i == j {
							p.Payload = p.Payload[:n]
						}
						var err error
						if units, err = d.Append(units, p, false); err != nil && !known(err) {
							t.Fatal(err)
						}
					}
					for _, u := range units {
						checkUnit(t, s.track.Codec, u, DefaultMaxUnit)
					}
				}
			}
		})
	}
}
