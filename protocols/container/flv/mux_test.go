package flv

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/server/media"
)

// muxCases are tracks with the frames that prove them in each form.
var muxCases = []struct {
	track   *media.Track
	payload string
	legacy  bool // the zero Form can carry it
	id      uint32
}{
	{h264Track, "00000002 6588", true, 7},
	{h265Track, "00000003 260188", false, 0x68766331},
	{av1Track, "32 03 100102", false, 0x61763031},
	{vp9Track, vp9Key, false, 0x76703039},
	{vp8Track, vp8Key, false, 0x76703038},
	{aacTrack, "2110", true, 10},
	{opusTrack, "fc01", false, 0x4f707573},
	{bareOpus, "fc01", false, 0x4f707573},
	{flacTrack, "fff8", false, 0x664c6143},
	{mp3Track, "fffb9064", true, 2},
	{ac3Track, "0b77", false, 0x61632d33},
	{eac3Track, "0b77", false, 0x65632d33},
	{pcmaTrack, "d5d5", true, 7},
	{pcmuTrack, "ffff", true, 8},
}

var forms = []Form{{}, {LegacyHEVC: true}, {Enhanced: true}, {Enhanced: true, LegacyHEVC: true}, {Enhanced: true, Nano: true}}

func TestRoundTrip(t *testing.T) {
	for _, form := range forms {
		for _, c := range muxCases {
			if form.Check(c.track.Codec) != nil {
				continue
			}
			head, err := form.SequenceTag(c.track, 900)
			if err != nil {
				t.Fatal(err)
			}
			stream := append(Header{Audio: true, Video: true}.Append(nil), head...)
			var sent []*media.Packet
			for i := range 3 {
				p := &media.Packet{Track: c.track, DTS: time.Second + time.Duration(i)*33333333, Payload: unhex(c.payload)}
				p.PTS = p.DTS
				if c.track.Codec.Kind() == media.Video {
					p.Key = true
					if c.track.Codec == media.H264 || c.track.Codec == media.H265 {
						p.PTS += time.Duration(i) * 66666667
					}
				}
				tag, err := form.Tag(p)
				if err != nil {
					t.Fatal(err)
				}
				stream, sent = append(stream, tag...), append(sent, p)
			}
			got := demuxAll(t, stream)
			if len(got) != len(sent) {
				t.Fatalf("%s in %+v: %d packets of %d", c.track.Codec, form, len(got), len(sent))
			}
			slack := 500 * time.Microsecond
			if form.enhanced(c.track) && form.Nano {
				slack = 0
			}
			for i, p := range got {
				if (p.PTS-sent[i].PTS).Abs() > slack || (p.DTS-sent[i].DTS).Abs() > time.Millisecond {
					t.Errorf("%s in %+v: DTS %v, PTS %v, want %v, %v", c.track.Codec, form, p.DTS, p.PTS, sent[i].DTS, sent[i].PTS)
				}
				p.DTS, p.PTS = sent[i].DTS, sent[i].PTS
				want := *sent[i]
				if c.track == bareOpus || c.track == vp8Track {
					want.Track = p.Track // the header makes more of it
				}
				if d := cmp.Diff(&want, p); d != "" {
					t.Errorf("%s in %+v: %s", c.track.Codec, form, d)
				}
			}
		}
	}
}

// demuxAll reads a whole FLV stream.
func demuxAll(t *testing.T, stream []byte) []*media.Packet {
	t.Helper()
	r, d := NewReader(bytes.NewReader(stream), MaxBody), Demuxer{}
	var list []*media.Packet
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if p != nil {
			list = append(list, p)
		}
	}
}

// TestForms pins the bytes that each form writes.
func TestForms(t *testing.T) {
	p := func(t *media.Track, dts, pts time.Duration) *media.Packet {
		return &media.Packet{Track: t, DTS: dts, PTS: pts, Payload: unhex("00000001 09")}
	}
	enhanced, nano := Form{Enhanced: true}, Form{Enhanced: true, Nano: true}
	for _, c := range []struct {
		form   Form
		packet *media.Packet
		want   string
	}{
		{Form{}, p(h264Track, 0, 40*ms), "27 01 000028"},
		{enhanced, p(h264Track, 0, 40*ms), "27 01 000028"},
		{Form{LegacyHEVC: true}, p(h265Track, 0, 0), "2c 01 000000"},
		{enhanced, p(h265Track, 0, 0), "a3 'hvc1'"},
		{enhanced, p(h265Track, 0, 40*ms), "a1 'hvc1' 000028"},
		{enhanced, p(av1Track, 0, 0), "a1 'av01'"},
		{nano, p(h264Track, ms, ms), "a3 'avc1'"},
		{nano, p(h264Track, ms, 41*ms+999999), "a7 02 0f423f 01 'avc1' 000028"},
		{nano, p(aacTrack, ms+1, ms+1), "97 02 000001 01 'mp4a'"},
		{nano, p(pcmaTrack, ms+1, ms+1), "72"},
		{Form{}, p(aacTrack, 0, 0), "af 01"},
		{Form{}, p(mp3Track, 0, 0), "2f"},
		{Form{}, p(&media.Track{Codec: media.MP3, SampleRate: 8000, Channels: 1}, 0, 0), "e2"},
		{Form{}, p(&media.Track{Codec: media.MP3, SampleRate: 22050, Channels: 1}, 0, 0), "2a"},
		{Form{}, p(pcmaTrack, 0, 0), "72"},
		{Form{}, p(pcmuTrack, 0, 0), "83"},
		{enhanced, p(opusTrack, 0, 0), "91 'Opus'"},
		{Form{}, p(&media.Track{Codec: media.Script}, 0, 0), ""},
	} {
		got, err := c.form.AppendHeader(nil, c.packet)
		if err != nil || !bytes.Equal(got, unhex(c.want)) {
			t.Errorf("%s in %+v: %x, %v, want %s", c.packet.Track.Codec, c.form, got, err, c.want)
		}
	}
}

func TestSequenceHeaders(t *testing.T) {
	enhanced := Form{Enhanced: true}
	for _, c := range []struct {
		form  Form
		track *media.Track
		want  string
	}{
		{Form{}, h264Track, "17 00 000000" + avcC},
		{Form{LegacyHEVC: true}, h265Track, "1c 00 000000" + hvcC},
		{enhanced, h265Track, "90 'hvc1'" + hvcC},
		{enhanced, av1Track, "90 'av01'" + av1C},
		{enhanced, vp9Track, "90 'vp09'" + vpcC},
		{enhanced, vp8Track, "90 'vp08'" + vpcC},
		{enhanced, &media.Track{Codec: media.VP9, Width: 1920, Height: 1080}, "90 'vp09' 0028820202020000"},
		{Form{Enhanced: true, Nano: true}, h264Track, "90 'avc1'" + avcC},
		{Form{}, aacTrack, "af 00 1210"},
		{enhanced, opusTrack, "90 'Opus'" + opusHead},
		{enhanced, bareOpus, "90 'Opus' 'OpusHead' 01 02 0000 80bb0000 0000 00"},
		{enhanced, flacTrack, "90 'fLaC'" + streamIn},
		{Form{}, mp3Track, ""},
		{Form{}, pcmaTrack, ""},
		{enhanced, ac3Track, ""},
		{Form{}, describe(media.Track{Codec: media.Script}, "0200"), "0200"},
	} {
		got, err := c.form.AppendSequenceHeader(nil, c.track)
		if err != nil || !bytes.Equal(got, unhex(c.want)) {
			t.Errorf("%s in %+v: %x, %v, want %s", c.track.Codec, c.form, got, err, c.want)
		}
		tag, err := c.form.SequenceTag(c.track, 1<<24+5)
		want := []byte(nil)
		if len(got) > 0 {
			want = AppendTag(nil, TypeOf(c.track.Codec.Kind()), 1<<24+5, got)
		}
		if err != nil || !bytes.Equal(tag, want) {
			t.Errorf("%s in %+v: tag %x, %v", c.track.Codec, c.form, tag, err)
		}
	}
	if _, err := (Form{}).AppendSequenceHeader(nil, &media.Track{Codec: media.H264}); err == nil {
		t.Error("a track without configuration is announced")
	}
}

func TestRefused(t *testing.T) {
	for _, c := range muxCases {
		_, err := Form{}.Tag(&media.Packet{Track: c.track, Payload: unhex(c.payload)})
		var refused *CodecError
		if c.legacy != (err == nil) || err != nil && (!errors.As(err, &refused) || refused.Name != c.track.Codec.String()) {
			t.Errorf("%s: %v", c.track.Codec, err)
		}
		form := Form{Enhanced: !c.legacy}
		if id, err := form.CodecID(c.track); err != nil || id != c.id {
			t.Errorf("%s: number %#x, %v", c.track.Codec, id, err)
		}
	}
	for _, codec := range []media.Codec{media.G722, media.L16, media.CodecUnknown} {
		if _, err := (Form{Enhanced: true}).Tag(&media.Packet{Track: &media.Track{Codec: codec}}); err == nil {
			t.Errorf("%s is written", codec)
		}
	}
	if _, err := (Form{}).CodecID(&media.Track{Codec: media.Script}); err == nil {
		t.Error("script data has a codec number")
	}
	if _, err := (Form{}).Tag(&media.Packet{Track: h264Track, PTS: 10000 * time.Second}); err == nil {
		t.Error("a composition time of 10000 s is written")
	}
	if _, err := (Form{}).Tag(&media.Packet{Track: aacTrack, Payload: make([]byte, MaxBody)}); err == nil {
		t.Error("an oversize tag is written")
	}
	if FourCC(media.PCMA) != "" || CodecOf("xxxx") != media.CodecUnknown {
		t.Error("fourCCs out of nothing")
	}
}

func TestReader(t *testing.T) {
	stream := Header{Audio: true}.Append(nil)
	stream = AppendTag(stream, TagAudio, 1<<32-10, []byte{0xaf, 0, 0x12, 0x10})
	stream = AppendTag(stream, TagAudio, 20, bytes.Repeat([]byte{1}, 300000))
	stream = AppendTag(stream, TagVideo, 15, nil)
	want := []Tag{
		{TagAudio, (1<<32 - 10) * ms, []byte{0xaf, 0, 0x12, 0x10}},
		{TagAudio, (1<<32 + 20) * ms, bytes.Repeat([]byte{1}, 300000)},
		{TagVideo, (1<<32 + 15) * ms, []byte{}},
	}
	for _, src := range []io.Reader{bytes.NewReader(stream), iotest.HalfReader(bytes.NewReader(stream)), bytes.NewReader(stream[:len(stream)-4])} {
		r := NewReader(src, MaxBody)
		if h, err := r.Header(); err != nil || h != (Header{Audio: true}) {
			t.Fatal(h, err)
		}
		for _, w := range want {
			got, err := r.Next()
			if d := cmp.Diff(w, got); d != "" || err != nil {
				t.Fatal(d, err)
			}
		}
		if _, err := r.Next(); err != io.EOF { //nolint:errorlint // it is documented to be bare
			t.Error(err)
		}
	}
}

// TestReaderDoesNotWait reads a tag before anything of the next one is there.
func TestReaderDoesNotWait(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	go func() {
		tag := AppendTag(Header{}.Append(nil), TagAudio, 1, []byte{1})
		_, _ = out.Write(tag[:len(tag)-4])
	}()
	if tag, err := NewReader(in, MaxBody).Next(); err != nil || len(tag.Body) != 1 {
		t.Error(tag, err)
	}
}

func TestReaderRefuses(t *testing.T) {
	good := AppendTag(Header{Audio: true}.Append(nil), TagAudio, 1, []byte{1, 2, 3})
	for n := range good {
		whole := n == 9 || n == HeaderSize || n == len(good)-4
		if _, err := readTags(good[:n]); whole != (err == nil) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	for want, b := range map[string][]byte{
		"start with":     append([]byte("FLX"), good[3:]...),
		"file header":    append(append([]byte{}, good[:5]...), 0xff, 0, 0, 0),
		"over the limit": append(append([]byte{}, good[:14]...), 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"encrypted":      append(append([]byte{}, good[:13]...), 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	} {
		if _, err := readTags(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := readTags([]byte("GIF89a...")); !errors.Is(err, ErrNotFLV) {
		t.Error(err)
	}
}

// readTags counts the tags of a stream and returns the error that is not EOF.
func readTags(b []byte) (n int, err error) {
	r := NewReader(bytes.NewReader(b), 1<<20)
	for {
		if _, err := r.Next(); err != nil {
			if err == io.EOF { //nolint:errorlint // it is documented to be bare
				err = nil
			}
			return n, err
		}
		n++
	}
}

func FuzzReader(f *testing.F) {
	stream := Header{Audio: true, Video: true}.Append(nil)
	for i, c := range demuxCases {
		stream = AppendTag(stream, c.tag, uint32(i), unhex(c.bodies[0]))
	}
	f.Add(stream)
	f.Add(stream[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := readTags(b); err == nil && n*TagHeaderSize > len(b) {
			t.Fatalf("%d tags out of %d bytes", n, len(b))
		}
	})
}

func BenchmarkTag(b *testing.B) {
	p := &media.Packet{Track: h264Track, Payload: make([]byte, 4096)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Form{}).Tag(p); err != nil {
			b.Fatal(err)
		}
	}
}
