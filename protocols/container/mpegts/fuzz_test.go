package mpegts

import (
	"bytes"
	"slices"
	"testing"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// FuzzDemuxer: whatever comes, packets are as media.Packet says, and a Muxer can
// write them.
func FuzzDemuxer(f *testing.F) {
	for _, c := range pairs {
		f.Add(mux(f, film(c.video, c.audio, 0, 4)), 1000)
	}
	m := NewMuxer(MuxerConfig{})
	var changing []byte
	for _, c := range pairs {
		changing = appendAll(f, m, changing, film(c.video, c.audio, 0, 2))
	}
	f.Add(changing, 188)
	var wide []byte
	for p := range slices.Chunk(mux(f, film(h264Track, aacTrack, 0, 3)), PacketSize) {
		wide = append(append(wide, 0, 0, 0, 0), p...)
	}
	f.Add(wide, 7)
	f.Fuzz(func(t *testing.T, stream []byte, n int) {
		d := NewDemuxer(DemuxerConfig{MaxPicture: 1 << 16})
		m := NewMuxer(MuxerConfig{})
		n = min(max(n, 1), 1<<16)
		last := map[media.Kind]*media.Track{}
		next := func() {
			for {
				e, ok := d.Next()
				if !ok {
					return
				}
				if e.Track != nil {
					last[e.Track.Codec.Kind()] = e.Track
				}
				if e.Packet != nil {
					checkPacket(t, e.Packet)
					if last[e.Packet.Kind()] != e.Packet.Track {
						t.Fatal("a packet's track was not announced")
					}
					if b, err := m.AppendPacket(nil, e.Packet); err == nil && len(b)%PacketSize != 0 {
						t.Fatalf("%d bytes are written", len(b))
					}
				}
			}
		}
		for piece := range slices.Chunk(stream, n) {
			d.Write(piece)
			next()
		}
		d.Flush()
		next()
	})
}

func checkPacket(t *testing.T, p *media.Packet) {
	t.Helper()
	if p.PTS < p.DTS || len(p.Payload) == 0 || p.Track == nil || place(p.Track.Codec) < 0 {
		t.Fatalf("%+v", p)
	}
	if p.Kind() == media.Video && (nal.Check(p.Payload) != nil || len(p.Payload) > 1<<17 || p.Track.Config == nil) {
		t.Fatalf("picture %x", p.Payload)
	}
}

// FuzzMuxer: any picture comes back as it was, but for delimiters and parameter
// sets.
func FuzzMuxer(f *testing.F) {
	f.Add([]byte{0x65, 0x88, 1}, []byte{0x41, 0x9a, 2}, uint16(300), true)
	f.Add([]byte{9, 0xf0}, []byte{0x65, 0x88, 3}, uint16(0), false)
	f.Fuzz(func(t *testing.T, first, second []byte, size uint16, h265 bool) {
		track := h264Track
		if h265 {
			track = h265Track
		}
		p := &media.Packet{Track: track, Key: true, Payload: nal.Join(first, bytes.Repeat(second, int(size)))}
		m := NewMuxer(MuxerConfig{})
		stream, err := m.AppendPacket(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.AppendPacket(stream, p)
		if err != nil || len(again)%PacketSize != 0 {
			t.Fatalf("%d bytes, %v", len(again), err)
		}
		for b := range slices.Chunk(again, PacketSize) {
			if _, _, err := parsePacket(b); err != nil {
				t.Fatal(err)
			}
		}
		demux(again, 1000)
	})
}

// FuzzSections: what is read from a PID, cut into packets anywhere, is what is
// written.
func FuzzSections(f *testing.F) {
	pat, pmt := unhex(ffmpegPAT), section{table: tablePMT, id: 1, current: true, body: unhex(pmtCases[1].bytes)}.append(nil)
	f.Add(append([]byte{0}, pat...), []byte{0})
	f.Add(append([]byte{3, 9, 9, 9}, pmt...), pmt)
	for _, c := range pmtCases {
		f.Add([]byte{0}, section{table: tablePMT, body: unhex(c.bytes)}.append(nil))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var s sections
		take := func(b []byte) {
			if len(b) > maxSection || len(b) < sectionHeader {
				t.Fatalf("section of %d bytes", len(b))
			}
			sec, err := parseSection(b)
			if err != nil {
				return
			}
			if list, err := parsePAT(sec.body); err == nil {
				if again, err := parsePAT(appendPAT(nil, list...)); err != nil || !slices.Equal(again, list) {
					t.Fatalf("PAT %v reads as %v, %v", list, again, err)
				}
			}
			m, err := parsePMT(sec.body)
			if err != nil {
				return
			}
			out := m.append(nil)
			again, err := parsePMT(out)
			if err != nil || len(again.streams) != len(m.streams) || !bytes.Equal(again.append(nil), out) {
				t.Fatalf("PMT %+v reads as %+v, %v", m, again, err)
			}
			for _, st := range m.streams {
				codecOf(st)
				newOpusParser(st.descriptors)
			}
		}
		s.push(packet{start: true, hasPayload: true}, first, take)
		s.push(packet{hasPayload: true, counter: 1}, second, take)
		s.push(packet{start: true, hasPayload: true, counter: 2}, second, take)
		// The checksum keeps most of it away: the parsers alone.
		_, _ = parsePAT(first)
		_, _ = parsePMT(second)
		_, _ = parseSection(first)
	})
}

// FuzzPES reads PES and packet headers.
func FuzzPES(f *testing.F) {
	for _, c := range pesCases {
		f.Add(unhex(c.bytes))
	}
	f.Add(mux(f, film(h264Track, nil, 0, 1))[2*PacketSize : 3*PacketSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parsePES(b); err == nil {
			if h.size > len(b) || h.size > maxPESHeader || h.pts > clockMask || h.dts > clockMask {
				t.Fatalf("%+v", h)
			}
			if h.hasPTS {
				again, err := parsePES(h.appendPES(nil, 10))
				if err != nil || again.pts != h.pts || again.dts != h.dts {
					t.Fatalf("%+v reads as %+v, %v", h, again, err)
				}
			}
		}
		if p, payload, err := parsePacket(b); err == nil && (len(payload) > bodySize || p.pcr >= 1<<33*300+212) {
			t.Fatalf("%+v, %d bytes", p, len(payload))
		}
	})
}

// FuzzDescriptors reads descriptor loops and Opus control headers.
func FuzzDescriptors(f *testing.F) {
	for _, c := range descriptorCases {
		f.Add(unhex(c.bytes))
	}
	f.Add(unhex("7ffc 0a 0138 0010 02aabb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for _, data := range descriptors(b) {
			n += 2 + len(data)
		}
		if n > len(b) {
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		if p := newOpusParser(b); p.err == nil {
			track := &media.Track{Codec: media.Opus, Config: p.made.Config}
			if again := newOpusParser(appendDescriptors(nil, track)); !bytes.Equal(again.made.Config, p.made.Config) {
				t.Fatalf("%x reads as %x", p.made.Config, again.made.Config)
			}
		}
		if header, size, err := parseOpusControl(b); err == nil && (header > len(b) || size > maxPESLength) {
			t.Fatalf("%d, %d", header, size)
		}
	})
}
