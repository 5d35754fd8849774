package mpegts

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/media"
)

// script makes transport streams that the Muxer does not.
type script struct {
	stream   []byte
	counters map[uint16]uint8
}

// newScript begins with the tables of a program.
func newScript(streams ...stream) *script {
	s := &script{counters: map[uint16]uint8{}}
	s.section(pidPAT, section{table: tablePAT, id: 1, current: true, body: appendPAT(nil, program{0, 0x10}, program{1, 0x1000})})
	s.program(0, streams...)
	return s
}

func (s *script) program(version uint8, streams ...stream) {
	body := programMap{pcrPID: streams[0].pid, streams: streams}.append(nil)
	s.section(0x1000, section{table: tablePMT, id: 1, version: version, current: true, body: body})
}

func (s *script) section(pid uint16, sec section) {
	s.put(pid, append([]byte{0}, sec.append(nil)...), 0xff)
}

// put cuts data into packets; what does not fill the last one is fill, or stuffing
// in the adaptation field.
func (s *script) put(pid uint16, data []byte, fill byte) {
	m := elementary{form: form{pid: pid}}
	m.counters[0] = s.counters[pid]
	if fill == 0xff {
		data = append(data, bytes.Repeat([]byte{fill}, (bodySize-len(data)%bodySize)%bodySize)...)
	}
	w := writer{dst: s.stream, e: &m, left: len(data)}
	w.write(data)
	s.stream, s.counters[pid] = w.dst, m.counters[0]
}

// pes puts a PES packet; at is in ticks, with a DTS that far before it, and no
// time where it is negative.
func (s *script) pes(pid uint16, id byte, at, before int64, sized bool, parts ...[]byte) {
	data := slices.Concat(parts...)
	var b []byte
	if at < 0 {
		b = append(b, 0, 0, 1, id, byte((len(data)+3)>>8), byte(len(data)+3), 0x80, 0, 0)
	} else {
		b = pesHeader{id: id, pts: uint64(at), dts: uint64(at - before)}.appendPES(nil, len(data))
	}
	if !sized {
		b[4], b[5] = 0, 0
	}
	s.put(pid, append(b, data...), 0)
}

// found is a stream's content as text: for each packet its codec, DTS and CTS in
// ticks, whether it is a key frame, and its size.
func (s *script) found() string {
	d := NewDemuxer(DemuxerConfig{MaxPicture: 100000})
	var lines []string
	d.Write(s.stream)
	d.Flush()
	for {
		e, ok := d.Next()
		if !ok {
			return strings.Join(lines, "\n")
		}
		switch {
		case e.Track != nil:
			lines = append(lines, fmt.Sprintf("track %s %dx%d %d/%d", e.Track.Codec, e.Track.Width, e.Track.Height, e.Track.SampleRate, e.Track.Channels))
		case e.Packet != nil:
			p := e.Packet
			line := fmt.Sprintf("%s %d+%d %d", p.Track.Codec, media.ToClock(p.DTS, ClockRate), media.ToClock(p.PTS-p.DTS, ClockRate), len(p.Payload))
			if p.Key {
				line += " key"
			}
			lines = append(lines, line)
		default:
			lines = append(lines, e.Err.Error())
		}
	}
}

// es returns units as a byte stream.
func es(units ...string) []byte {
	var out []byte
	for _, u := range units {
		out = append(append(out, 0, 0, 0, 1), unhex(u)...)
	}
	return out
}

const (
	sps   = "6764000dacd94150878888c04400000fa40003a9803c50a658"
	pps   = "68ebe3cb22c0"
	aud   = "09f0"
	idr   = "658801"
	idr2  = "654001" // first_mb_in_slice 1: the picture goes on
	slice = "419a01"
	more  = "414001"
	open  = "41888401" // an I slice
	sei   = "06 06 01 c4 80"
	adts  = "fff15080 03fffc" // 44.1 kHz stereo; the size is in bytes 3 to 5
)

// frameADTS returns a frame with n bytes of data.
func frameADTS(n int) []byte {
	b := unhex(adts)
	size := n + 7
	b[3], b[4], b[5] = b[3]|byte(size>>11), byte(size>>3), byte(size<<5)|0x1f
	return append(b, make([]byte, n)...)
}

func TestDemux(t *testing.T) {
	video := stream{kind: typeH264, pid: 0x100}
	audio := stream{kind: typeADTS, pid: 0x101}
	for _, c := range []struct {
		name    string
		streams []stream
		write   func(s *script)
		want    string
	}{
		{"pictures without length", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, false, es(aud, sps, pps, idr, idr2))
			s.pes(0x100, idVideo, 16200, 3600, false, es(aud, slice, more))
			s.pes(0x100, idVideo, 19800, 3600, false, es(aud, slice))
		}, "track H264 322x242 0/0\nH264 9000+0 53 key\nH264 12600+3600 14\nH264 16200+3600 7"},
		{"three pictures in a PES packet", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, true, es(aud, sps, pps, idr, aud, slice, slice, more))
			s.pes(0x100, idVideo, 18009, 0, true, es(aud, slice))
		}, "track H264 322x242 0/0\nH264 9000+0 46 key\nH264 12003+0 7\nH264 15006+0 14\nH264 18009+0 7"},
		{"a picture over PES packets", []stream{video}, func(s *script) {
			picture := es(aud, sps, pps, idr, idr2)
			s.pes(0x100, idVideo, 9000, 0, false, picture[:40])
			s.pes(0x100, idVideo, -1, 0, false, picture[40:50])
			s.pes(0x100, idVideo, -1, 0, false, picture[50:], es(aud)[:3])
			s.pes(0x100, idVideo, 12600, 0, false, es(aud)[3:], es(slice))
		}, "track H264 322x242 0/0\nH264 9000+0 53 key\nH264 12600+0 7"},
		{"each slice in a PES packet", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, false, es(aud, sps, pps, idr))
			s.pes(0x100, idVideo, 9000, 0, false, es(idr2))
			s.pes(0x100, idVideo, 12600, 0, false, es(aud, slice))
			s.pes(0x100, idVideo, 12600, 0, false, es(more))
		}, "track H264 322x242 0/0\nH264 9000+0 53 key\nH264 12600+0 14"},
		{"each slice in a PES packet that tells its size", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, true, es(aud, sps, pps, idr)) // nobody can know yet
			s.pes(0x100, idVideo, 9000, 0, true, es(idr2))
			s.pes(0x100, idVideo, 12600, 0, true, es(aud, slice))
			s.pes(0x100, idVideo, 12600, 0, true, es(more))
			s.pes(0x100, idVideo, 16200, 0, true, es(aud, idr))
			s.pes(0x100, idVideo, 16200, 0, true, es(idr2))
			s.pes(0x100, idVideo, 19800, 0, true, es(aud, slice))
			s.pes(0x100, idVideo, 19800, 0, true, es(more))
		}, "track H264 322x242 0/0\nH264 9000+0 46 key\nmpegts: packets are missing\nH264 16200+0 14 key\nH264 19800+0 14"},
		{"scrambled for a while", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, true, es(aud, sps, pps, idr))
			open := len(s.stream)
			s.pes(0x100, idVideo, 12600, 0, true, es(aud, slice))
			s.pes(0x100, idVideo, 16200, 0, true, es(aud, slice))
			for at := open; at < len(s.stream); at += PacketSize {
				s.stream[at+3] |= 0x80
			}
			s.pes(0x100, idVideo, 19800, 0, true, es(aud, slice))
			s.pes(0x100, idVideo, 23400, 0, true, es(aud, idr))
		}, "track H264 322x242 0/0\nH264 9000+0 46 key\nmpegts: packets are scrambled\nH264 23400+0 7 key"},
		{"no picture before a key frame", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, true, es(aud, slice))
			s.pes(0x100, idVideo, 12600, 0, true, es(aud, idr))
			s.pes(0x100, idVideo, 16200, 0, true, es(aud, sps, pps, idr))
		}, "track H264 322x242 0/0\nH264 16200+0 46 key"},
		{"an open group", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 16200, 7200, true, es(aud, sps, pps, sei, open))
			s.pes(0x100, idVideo, 12600, 0, true, es(aud, slice)) // shown before it
			s.pes(0x100, idVideo, 19800, 3600, true, es(aud, slice))
			s.pes(0x100, idVideo, 27000, 7200, true, es(aud, sps, pps, sei, open))
			s.pes(0x100, idVideo, 23400, 0, true, es(aud, slice))
		}, "track H264 322x242 0/0\nH264 9000+7200 56 key\nH264 16200+3600 7\nH264 19800+7200 56 key\nH264 23400+0 7"},
		{"other parameter sets", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, true, es(aud, sps, pps, idr))
			s.pes(0x100, idVideo, 12600, 0, true, es(aud, "6764001eacd94150878888c04400000fa40003a9803c50a658", pps, idr))
		}, "track H264 322x242 0/0\nH264 9000+0 46 key\ntrack H264 322x242 0/0\nH264 12600+0 46 key"},
		{"a length that is not met", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, true, es(aud, sps, pps, idr))
			b := pesHeader{id: idVideo, pts: 12600, dts: 12600}.appendPES(nil, 1000)
			s.put(0x100, append(b, es(aud, slice)...), 0)
			s.pes(0x100, idVideo, 16200, 0, true, es(aud, slice))
			s.pes(0x100, idVideo, 19800, 0, true, es(aud, idr))
		}, "track H264 322x242 0/0\nH264 9000+0 46 key\nmpegts: packets are missing\nH264 19800+0 7 key"},
		{"a picture that is too large", []stream{video}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, false, es(aud, sps, pps, idr), make([]byte, 101000))
			s.pes(0x100, idVideo, 12600, 0, false, es(aud, slice))
			s.pes(0x100, idVideo, 16200, 0, false, es(aud, sps, pps, idr))
		}, "mpegts: packet is too large: over 100000 bytes\ntrack H264 322x242 0/0\nH264 16200+0 46 key"},
		{"a PES packet without a header", []stream{video}, func(s *script) {
			s.put(0x100, []byte("no header at all"), 0)
			s.pes(0x100, idVideo, 16200, 0, false, es(aud, sps, pps, idr))
		}, "mpegts: malformed PES header: no start code\ntrack H264 322x242 0/0\nH264 16200+0 46 key"},
		{"frames in a PES packet and over two", []stream{audio}, func(s *script) {
			last := frameADTS(50)
			s.pes(0x101, idAudio, 9000, 0, true, frameADTS(10), frameADTS(20), last[:30])
			s.pes(0x101, idAudio, 15270, 0, true, last[30:], frameADTS(40))
			s.pes(0x101, idAudio, -1, 0, true, frameADTS(60))
			s.pes(0x101, idAudio, 90000, 0, false, frameADTS(70))
		}, "track AAC 0x0 44100/2\nAAC 9000+0 10\nAAC 11090+0 20\nAAC 13180+0 50\nAAC 15269+0 40\nAAC 17359+0 60\nAAC 90000+0 70"},
		{"what is no frame between frames", []stream{audio}, func(s *script) {
			s.pes(0x101, idAudio, 9000, 0, true, []byte("\xff\xee\xffjunk"), frameADTS(10), []byte("more junk"), frameADTS(20))
			s.pes(0x101, idAudio, 18000, 0, true, frameADTS(30))
		}, "mpegts: AAC frame: aac: no ADTS sync word\ntrack AAC 0x0 44100/2\nAAC 9000+0 10\nmpegts: AAC frame: aac: no ADTS sync word\nAAC 18000+0 30"},
		{"another rate", []stream{audio}, func(s *script) {
			other := frameADTS(20)
			other[2] = 0x4c // 48 kHz
			s.pes(0x101, idAudio, 9000, 0, true, frameADTS(10), other, other)
		}, "track AAC 0x0 44100/2\nAAC 9000+0 10\ntrack AAC 0x0 48000/2\nAAC 11090+0 20\nAAC 13010+0 20"},
		{"streams that are left out", []stream{{kind: 2, pid: 0x200}, audio, {kind: typeMPEG1Audio, pid: 0x201}, {kind: 0x86, pid: 0x202}}, func(s *script) {
			s.pes(0x200, idVideo, 9000, 0, true, es(aud, sps, pps, idr))
			s.pes(0x201, idAudio, 9000, 0, true, soundFrame(media.MP3, 1))
			s.pes(0x101, idAudio, 9000, 0, true, frameADTS(10))
		}, "mpegts: cannot carry video stream type 0x02\nmpegts: cannot carry data stream type 0x86\ntrack AAC 0x0 44100/2\nAAC 9000+0 10"},
		{"a map that changes", []stream{video, audio}, func(s *script) {
			s.pes(0x100, idVideo, 9000, 0, false, es(aud, sps, pps, idr))
			s.pes(0x101, idAudio, 9000, 0, true, frameADTS(10))
			s.program(1, stream{kind: typeMPEG1Audio, pid: 0x101})
			s.pes(0x100, idVideo, 12600, 0, false, es(aud, slice))
			s.pes(0x101, idAudio, 12600, 0, true, soundFrame(media.MP3, 1))
		}, "track AAC 0x0 44100/2\nAAC 9000+0 10\ntrack H264 322x242 0/0\nH264 9000+0 46 key\ntrack MP3 0x0 44100/2\nMP3 12600+0 417"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(c.streams...)
			c.write(s)
			if got := s.found(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestLatency: a picture comes out with its last packet where its size is known,
// and else with the first packet of the next.
func TestLatency(t *testing.T) {
	for _, sized := range []bool{true, false} {
		s := newScript(stream{kind: typeH264, pid: 0x100})
		s.pes(0x100, idVideo, 9000, 0, sized, es(aud, sps, pps, idr), bytes.Repeat([]byte{1}, 1000))
		end := len(s.stream)
		s.pes(0x100, idVideo, 12600, 0, sized, es(aud, slice), bytes.Repeat([]byte{1}, 1000))
		if !sized {
			end += PacketSize
		}
		d, got := NewDemuxer(DemuxerConfig{}), 0
		for at := 0; at < end; at += PacketSize {
			d.Write(s.stream[at:][:PacketSize])
			for {
				e, ok := d.Next()
				if !ok {
					break
				}
				if e.Packet != nil {
					got++
				}
			}
			if last := at+PacketSize == end; (got == 1) != last {
				t.Fatalf("sized %v: %d pictures after %d of %d bytes", sized, got, at+PacketSize, end)
			}
		}
	}
}

// TestNoTransportStream: what is something else is said to be that, and nothing
// of it is kept.
func TestNoTransportStream(t *testing.T) {
	d, failed := NewDemuxer(DemuxerConfig{}), 0
	rnd := garbage(1 << 16)
	for range 16 {
		d.Write(rnd)
		for {
			e, ok := d.Next()
			if !ok {
				break
			}
			if !errors.Is(e.Err, ErrSync) {
				t.Fatalf("%+v", e)
			}
			failed++
		}
	}
	if failed < 15 || len(d.in.buf)-d.in.at > 1000 {
		t.Errorf("said %d times, %d bytes are kept", failed, len(d.in.buf)-d.in.at)
	}
}

// TestPCR: the clock is on the time line of the packets.
func TestPCR(t *testing.T) {
	d := NewDemuxer(DemuxerConfig{})
	if _, ok := d.PCR(); ok {
		t.Error("a clock before the stream")
	}
	m, last := NewMuxer(MuxerConfig{Delay: 200 * ms}), time.Duration(0)
	const turn = (1 << clockBits) * time.Second / ClockRate
	for _, p := range film(h264Track, nil, turn-time.Second, 50) {
		d.Write(appendAll(t, m, nil, []*media.Packet{p}))
		for {
			e, ok := d.Next()
			if !ok {
				break
			}
			if e.Packet != nil {
				last = e.Packet.DTS
			}
		}
		pcr, ok := d.PCR()
		if off := last - pcr - 200*ms; !ok || off.Abs() > 20*time.Microsecond {
			t.Fatalf("the clock is at %v, the packet at %v", pcr, last)
		}
	}
}

// TestUnitLimits: a picture has a bounded number of units.
func TestUnitLimits(t *testing.T) {
	s := newScript(stream{kind: typeH264, pid: 0x100})
	s.pes(0x100, idVideo, 9000, 0, false, es(aud, sps, pps, idr), bytes.Repeat(es("01"), maxUnits))
	if got := s.found(); got != "mpegts: packet is too large: over 8192 NAL units" {
		t.Errorf("got %s", got)
	}
}
