package mpegts

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// audit reads a stream's transport packets as a strict receiver does.
type audit struct {
	t        *testing.T
	counters map[uint16]uint8
	starts   map[uint16]int
	versions []uint8
	tables   []int // which packets begin a PAT
	pcr      []time.Duration
	flagged  map[uint16]int
	pmt      programMap
}

func newAudit(t *testing.T) *audit {
	return &audit{t: t, counters: map[uint16]uint8{}, starts: map[uint16]int{}, flagged: map[uint16]int{}}
}

// read takes packets and returns the PES headers among them.
func (a *audit) read(stream []byte) (headers []pesHeader) {
	a.t.Helper()
	if len(stream)%PacketSize != 0 {
		a.t.Fatalf("%d bytes are no whole packets", len(stream))
	}
	for n := range len(stream) / PacketSize {
		p, payload, err := parsePacket(stream[n*PacketSize:][:PacketSize])
		if err != nil {
			a.t.Fatal(err)
		}
		if p.discontinuity {
			a.flagged[p.pid]++
		}
		if last, ok := a.counters[p.pid]; ok {
			want := last
			if p.hasPayload {
				want = (last + 1) & 0xf
			}
			if p.counter != want && !p.discontinuity {
				a.t.Fatalf("packet %d, PID %#x: counter %d after %d", n, p.pid, p.counter, last)
			}
		}
		a.counters[p.pid] = p.counter
		if p.hasPCR {
			if p.pid != a.pmt.pcrPID {
				a.t.Fatalf("packet %d: clock on PID %#x, the map says %#x", n, p.pid, a.pmt.pcrPID)
			}
			a.pcr = append(a.pcr, media.FromClock(int64(p.pcr/300), ClockRate))
		}
		if p.start {
			a.starts[p.pid]++
			headers = append(headers, a.start(n, p.pid, payload)...)
		}
	}
	return headers
}

func (a *audit) start(n int, pid uint16, payload []byte) []pesHeader {
	a.t.Helper()
	switch pid {
	case pidPAT:
		a.tables = append(a.tables, n)
		return nil
	case pidPMT:
		var err error
		end := sectionHeader + int(payload[3])
		s, err := parseSection(payload[1 : 1+end])
		if err != nil {
			a.t.Fatal(err)
		}
		if a.pmt, err = parsePMT(bytes.Clone(s.body)); err != nil {
			a.t.Fatal(err)
		}
		if len(a.versions) == 0 || a.versions[len(a.versions)-1] != s.version {
			a.versions = append(a.versions, s.version)
		}
		return nil
	}
	h, err := parsePES(payload)
	if err != nil {
		a.t.Fatalf("packet %d: %v", n, err)
	}
	return []pesHeader{h}
}

// TestClock: the clock comes often enough, on its PID, and stays behind the
// decoding times.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio *media.Track
		keep         int // of the pictures one in so many
	}{
		{"25 a second", h264Track, aacTrack, 1},
		{"8 a second", h264Track, aacTrack, 3},
		{"2 a second, with sound", h264Track, aacTrack, 12},
		{"2 a second, without", h264Track, nil, 12},
		{"no picture yet", h264Track, aacTrack, 1000},
		{"sound", nil, aacTrack, 1},
		{"Opus", nil, opusTrack, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := film(c.video, c.audio, time.Hour, 100)
			pictures := 0
			list = slices.DeleteFunc(list, func(p *media.Packet) bool {
				if p.Kind() != media.Video {
					return false
				}
				pictures++
				return pictures%c.keep != 1%c.keep || c.keep > 100
			})
			m, a := NewMuxer(MuxerConfig{Delay: 300 * ms}), newAudit(t)
			if err := m.SetTracks(media.Tracks{Video: c.video, Audio: c.audio}); err != nil {
				t.Fatal(err)
			}
			for _, p := range list {
				for _, h := range a.read(appendAll(t, m, nil, []*media.Packet{p})) {
					dts := media.FromClock(int64(h.dts), ClockRate)
					if ahead := dts - a.pcr[len(a.pcr)-1]; ahead < 200*ms || ahead > 400*ms {
						t.Fatalf("at %v the clock is %v behind", p.DTS, ahead)
					}
				}
			}
			for i := range a.pcr[1:] {
				if d := a.pcr[i+1] - a.pcr[i]; d <= 0 || d > 100*ms {
					t.Fatalf("the clock goes on by %v", d)
				}
			}
			if last := a.pcr[len(a.pcr)-1]; last < time.Hour+3800*ms {
				t.Errorf("the clock ends at %v", last)
			}
		})
	}
}

// TestTables: they come before each key frame, and often enough without.
func TestTables(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio *media.Track
		at           []time.Duration
	}{
		{"picture and sound", h264Track, aacTrack, []time.Duration{0, 400 * ms, 800 * ms, 1200 * ms}},
		{"sound", nil, opusTrack, []time.Duration{0, 400 * ms, 800 * ms, 1200 * ms}},
	} {
		m, a := NewMuxer(MuxerConfig{}), newAudit(t)
		if err := m.SetTracks(media.Tracks{Video: c.video, Audio: c.audio}); err != nil {
			t.Fatal(err)
		}
		var at []time.Duration
		for _, p := range film(c.video, c.audio, 0, 40) {
			before := a.starts[pidPAT]
			due := m.TablesDue(p)
			b := appendAll(t, m, nil, []*media.Packet{p})
			a.read(b)
			if a.starts[pidPAT] != a.starts[pidPMT] {
				t.Fatalf("%s: a table without the other", c.name)
			}
			if found := a.starts[pidPAT] > before; found != due {
				t.Fatalf("%s: at %v due %v, there %v", c.name, p.DTS, due, found)
			} else if found {
				at = append(at, p.DTS)
			}
		}
		if !slices.Equal(at, c.at) {
			t.Errorf("%s: tables at %v", c.name, at)
		}
	}
	// Sound that comes late does not bring them more often.
	m, a := NewMuxer(MuxerConfig{}), newAudit(t)
	if err := m.SetTracks(media.Tracks{Video: h264Track, Audio: aacTrack}); err != nil {
		t.Fatal(err)
	}
	for _, p := range film(h264Track, aacTrack, 0, 40) {
		if p.Track == aacTrack {
			p = &media.Packet{Track: p.Track, DTS: p.DTS - 600*ms, PTS: p.PTS - 600*ms, Payload: p.Payload}
		}
		a.read(appendAll(t, m, nil, []*media.Packet{p}))
	}
	if n := len(a.tables); n != 4 {
		t.Errorf("with late sound there are %d tables", n)
	}
	// Nothing is repeated after AppendTables.
	m, a = NewMuxer(MuxerConfig{}), newAudit(t)
	list := film(h264Track, nil, 0, 1)
	if err := m.SetTracks(tracksOf(list)); err != nil {
		t.Fatal(err)
	}
	a.read(appendAll(t, m, m.AppendTables(nil), list))
	if !slices.Equal(a.tables, []int{0}) {
		t.Errorf("tables at packets %v", a.tables)
	}
}

// TestChanges: what is new gets a version, and what breaks off is flagged.
func TestChanges(t *testing.T) {
	m, a := NewMuxer(MuxerConfig{}), newAudit(t)
	add := func(video, audio *media.Track, from time.Duration) {
		list := film(video, audio, from, 20)
		if err := m.SetTracks(tracksOf(list)); err != nil {
			t.Fatal(err)
		}
		a.read(appendAll(t, m, nil, list))
	}
	check := func(what string, versions int, video, audio uint16, flagged map[uint16]int) {
		t.Helper()
		if len(a.versions) != versions {
			t.Errorf("%s: versions %v", what, a.versions)
		}
		if got := a.pmt.streams; len(got) != 2 || got[0].pid != video || got[1].pid != audio {
			t.Errorf("%s: streams %+v", what, got)
		}
		for pid, n := range flagged {
			if a.flagged[pid] != n {
				t.Errorf("%s: PID %#x is flagged %d times", what, pid, a.flagged[pid])
			}
		}
	}
	add(h264Track, aacTrack, 0)
	check("start", 1, 0x100, 0x102, map[uint16]int{0x100: 0, 0x102: 0})
	other := *h264Track
	add(&other, aacTrack, time.Second)
	check("another picture configuration", 1, 0x100, 0x102, map[uint16]int{0x100: 1, 0x102: 0})
	add(h265Track, opusTrack, 2*time.Second)
	check("other codecs", 2, 0x101, 0x104, map[uint16]int{0x101: 1, 0x104: 1})
	m.Discontinuity()
	add(h265Track, opusTrack, 3*time.Second)
	check("a publisher that came back", 2, 0x101, 0x104, map[uint16]int{0x101: 2, 0x104: 2})
	add(h265Track, opusTrack, time.Hour)
	check("a leap of time", 2, 0x101, 0x104, map[uint16]int{0x101: 3, 0x104: 3})
	add(h265Track, opusTrack, 0)
	check("and back", 2, 0x101, 0x104, map[uint16]int{0x101: 4, 0x104: 4})
	add(h264Track, aacTrack, time.Second)
	check("back again", 3, 0x100, 0x102, map[uint16]int{0x100: 2})
}

// TestPictures: delimiters and parameter sets stand where decoders want them.
func TestPictures(t *testing.T) {
	sps, pps := unhex("6764000dacd94150878888c04400000fa40003a9803c50a658"), unhex("68ebe3cb22c0")
	otherSPS := append(bytes.Clone(sps), 1)
	aud, slice, idr, sei := []byte{9, 0x10}, []byte{0x41, 0x9a, 1}, []byte{0x65, 0x88, 2}, []byte{6, 5, 1, 7, 0x80}
	ours := []byte{9, 0xf0}
	for _, c := range []struct {
		name     string
		in, want [][]byte
		key      bool
	}{
		{"slice", [][]byte{slice}, [][]byte{ours, slice}, false},
		{"with its own delimiter", [][]byte{aud, slice}, [][]byte{aud, slice}, false},
		{"key", [][]byte{sei, idr}, [][]byte{ours, sps, pps, sei, idr}, true},
		{"key after its delimiter", [][]byte{aud, idr, idr}, [][]byte{aud, sps, pps, idr, idr}, true},
		{"key with its sets", [][]byte{otherSPS, pps, idr}, [][]byte{ours, otherSPS, pps, idr}, true},
		{"key with one of them", [][]byte{pps, idr}, [][]byte{ours, sps, pps, pps, idr}, true},
		{"empty units", [][]byte{{}, slice, {}}, [][]byte{ours, slice}, false},
	} {
		m := NewMuxer(MuxerConfig{})
		p := &media.Packet{Track: h264Track, Key: c.key, Payload: nal.Join(c.in...)}
		stream := appendAll(t, m, nil, []*media.Packet{p})
		var es []byte
		for b := range slices.Chunk(stream, PacketSize) {
			if p, payload, _ := parsePacket(b); p.pid == firstPID {
				es = append(es, payload...)
			}
		}
		h, err := parsePES(es)
		if err != nil || h.id != idVideo || !h.aligned || h.length != len(es)-pesCounted {
			t.Errorf("%s: %+v, %v", c.name, h, err)
		}
		if got := slices.Collect(nal.SplitAnnexB(es[h.size:])); !slices.EqualFunc(got, c.want, bytes.Equal) {
			t.Errorf("%s: %x", c.name, got)
		}
	}
}

// TestSizes: the last transport packet is filled whatever is left for it.
func TestSizes(t *testing.T) {
	m, a := NewMuxer(MuxerConfig{}), newAudit(t)
	var want []*media.Packet
	var stream []byte
	for n := range 800 {
		p := &media.Packet{Track: h264Track, DTS: time.Duration(n) * 20 * ms, PTS: time.Duration(n) * 20 * ms, Key: n == 0, Payload: h264Picture(n == 0, n, n+1)}
		want = append(want, p)
		stream = appendAll(t, m, stream, want[n:])
	}
	a.read(stream)
	got, errs := demux(stream, 10000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	compare(t, got, want)
}

// TestLargePictures have no length in their header.
func TestLargePictures(t *testing.T) {
	var want []*media.Packet
	for i, size := range []int{65000, 70000, 1 << 20, 10, 100000} {
		at := time.Duration(i) * 40 * ms
		want = append(want, &media.Packet{Track: h265Track, DTS: at, PTS: at, Key: i == 0, Payload: h265Picture(i == 0, i, size)})
	}
	got, errs := demux(mux(t, want), 10000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	compare(t, got, want)
}

func TestRefused(t *testing.T) {
	m := NewMuxer(MuxerConfig{})
	if err := m.SetTracks(media.Tracks{Video: h264Track}); err != nil {
		t.Fatal(err)
	}
	var codec *CodecError
	for _, c := range []media.Codec{media.AV1, media.VP8, media.VP9, media.PCMA, media.L16, media.FLAC, media.Script} {
		p := &media.Packet{Track: &media.Track{Codec: c}, Payload: []byte{1}}
		b, err := m.AppendPacket([]byte{7}, p)
		if !errors.As(err, &codec) || codec.Name != c.String() || !bytes.Equal(b, []byte{7}) {
			t.Errorf("%v: %x, %v", c, b, err)
		}
	}
	for name, p := range map[string]*media.Packet{
		"AAC of 960 samples":    {Track: &media.Track{Codec: media.AAC, Config: unhex("1194")}, Payload: []byte{1}},
		"AAC without a config":  {Track: &media.Track{Codec: media.AAC}, Payload: []byte{1}},
		"a bad record":          {Track: &media.Track{Codec: media.H264, Config: []byte{1}}, Payload: h264Picture(true, 0, 0)},
		"a frame over 8191":     {Track: aacTrack, Payload: make([]byte, 8185)},
		"an Opus packet of 64K": {Track: opusTrack, Payload: make([]byte, 65300)},
	} {
		if b, err := m.AppendPacket([]byte{7}, p); err == nil || !bytes.Equal(b, []byte{7}) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if b, err := m.AppendPacket(nil, &media.Packet{Track: h264Track, Payload: nal.Join([]byte{})}); err != nil || b != nil {
		t.Errorf("a picture without data: %d bytes, %v", len(b), err)
	}
}

// TestProgramElement: AAC of channel configuration 0 tells its channels in each
// frame.
func TestProgramElement(t *testing.T) {
	c := &aac.Config{ObjectType: aac.LC, SampleRate: 48000, FrameLength: 1024, Program: &aac.Program{
		ObjectType: 1, RateIndex: 3, Front: []aac.Element{{Pair: true}}, Back: []aac.Element{{Pair: true, Tag: 1}}, Comment: []byte("four"),
	}}
	config, err := c.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	track := &media.Track{Codec: media.AAC, Config: config, SampleRate: 48000, Channels: 4}
	want := film(nil, track, 0, 10)
	got, errs := demux(mux(t, want), 1000)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	element := c.Program.AppendElement(nil)
	for i, p := range got {
		rest, ok := bytes.CutPrefix(p.Payload, element)
		if !ok || !bytes.Equal(rest, want[i].Payload) || !p.Track.Same(track) {
			t.Fatalf("frame %d: %x of %+v", i, p.Payload, p.Track)
		}
	}
}

func BenchmarkAppendPacket(b *testing.B) {
	for _, c := range []struct {
		name string
		p    *media.Packet
	}{
		{"picture of 10 kB", &media.Packet{Track: h264Track, Payload: h264Picture(false, 0, 10000)}},
		{"key frame of 100 kB", &media.Packet{Track: h265Track, Key: true, Payload: h265Picture(true, 0, 100000)}},
		{"AAC", &media.Packet{Track: aacTrack, Payload: soundFrame(media.AAC, 0)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := NewMuxer(MuxerConfig{})
			if err := m.SetTracks(tracksOf([]*media.Packet{c.p})); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(c.p.Payload)))
			for b.Loop() {
				c.p.DTS += 40 * ms
				c.p.PTS = c.p.DTS
				if _, err := m.AppendPacket(nil, c.p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDemux(b *testing.B) {
	var list []*media.Packet
	for i := range 25 {
		at := time.Duration(i) * 40 * ms
		list = append(list, &media.Packet{Track: h264Track, DTS: at, PTS: at, Key: i == 0, Payload: h264Picture(i == 0, i, 10000)})
	}
	stream := mux(b, list)
	d := NewDemuxer(DemuxerConfig{})
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		for piece := range slices.Chunk(stream, 64*PacketSize) {
			d.Write(piece)
			for {
				if _, ok := d.Next(); !ok {
					break
				}
			}
		}
	}
}
