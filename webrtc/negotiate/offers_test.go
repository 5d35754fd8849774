package negotiate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"sluice/server/media"
)

// offers reads the offers of real clients that signaling keeps.
func offers(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../signaling/testdata/offers/*.sdp")
	if err != nil || len(files) == 0 {
		t.Fatalf("no offers: %v", err)
	}
	list := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		list[strings.TrimSuffix(filepath.Base(f), ".sdp")] = strings.ReplaceAll(string(b), "\n", "\r\n")
	}
	return list
}

var (
	wantVideo = []media.Codec{media.H264, media.H265, media.AV1, media.VP9, media.VP8}
	wantAudio = []media.Codec{media.Opus, media.G722, media.PCMU, media.PCMA}
)

// answerTo agrees to the first codec of each section.
func answerTo(o *Offer, direction string) *Answer {
	a := &Answer{
		ID: 1, Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuv", Fingerprint: "AB:CD", Direction: direction, Stream: "s",
		Active: o.Setup == "passive", Candidates: []string{"1 1 udp 2130706431 192.0.2.1 8000 typ host"},
	}
	for i := range o.Sections {
		s, as := &o.Sections[i], AnswerSection{}
		want := wantVideo
		if s.Kind == media.Audio {
			want = wantAudio
		}
		if list := s.Receive(want); len(list) > 0 && !s.Off {
			as.Codecs, as.SSRC, as.RIDs = list[:1], 1000+uint32(i), s.RIDs
			if list[0].RTX != 0 {
				as.RTX = 2000 + uint32(i)
			}
		}
		a.Sections = append(a.Sections, as)
	}
	return a
}

func TestRealOffers(t *testing.T) {
	for name, text := range offers(t) {
		t.Run(name, func(t *testing.T) {
			o, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			direction := "recvonly"
			if strings.HasPrefix(name, "whep") {
				direction = "sendonly"
			}
			a := answerTo(o, direction)
			var sd sdp.SessionDescription
			if err := sd.UnmarshalString(a.String(o)); err != nil {
				t.Fatalf("the answer is not SDP: %v", err)
			}
			if len(sd.MediaDescriptions) != len(o.Sections) {
				t.Fatalf("%d sections for %d", len(sd.MediaDescriptions), len(o.Sections))
			}
			for i, m := range sd.MediaDescriptions {
				checkAnswered(t, m, &o.Sections[i], direction)
			}
			if len(o.Fingerprints) != 1 || o.Setup == "" {
				t.Errorf("fingerprints %q, setup %q", o.Fingerprints, o.Setup)
			}
		})
	}
}

func checkAnswered(t *testing.T, m *sdp.MediaDescription, s *Section, direction string) {
	t.Helper()
	if s.Kind == media.KindUnknown {
		if m.MediaName.Port.Value != 0 {
			t.Errorf("section %q is not rejected", s.MID)
		}
		return
	}
	if m.MediaName.Port.Value == 0 {
		t.Errorf("section %q is rejected", s.MID)
	}
	if mid, _ := m.Attribute("mid"); mid != s.MID {
		t.Errorf("mid %q for %q", mid, s.MID)
	}
	if _, ok := m.Attribute(direction); !ok {
		t.Errorf("section %q is not %s", s.MID, direction)
	}
	for _, key := range []string{"rtcp-mux", "rtcp-mux-only", "ice-ufrag", "fingerprint", "setup"} {
		if _, ok := m.Attribute(key); !ok {
			t.Errorf("section %q has no %s", s.MID, key)
		}
	}
	for _, f := range m.MediaName.Formats {
		if !slices.Contains(s.Formats, f) {
			t.Errorf("payload type %s was not offered", f)
		}
	}
}

func TestWhatClientsOffer(t *testing.T) {
	for _, c := range []struct {
		file          string
		video, audio  media.Codec
		pt, rtx       uint8
		nack, pli, cc bool
		setup         string
		rids          []string
	}{
		{file: "whip-obs-30.2", video: media.H264, audio: media.Opus, pt: 96, nack: true, pli: true, setup: "actpass"},
		{file: "whip-obs-31-h265", video: media.H265, audio: media.Opus, pt: 96, nack: true, pli: true, setup: "actpass"},
		{file: "whip-obs-30.2-av1", video: media.AV1, audio: media.Opus, pt: 96, nack: true, pli: true, setup: "actpass"},
		{file: "whip-obs-32.1-simulcast", video: media.H264, audio: media.Opus, pt: 96, nack: true, pli: true, setup: "actpass", rids: []string{"0", "1", "2"}},
		{file: "whip-gstreamer-1.24", video: media.H264, audio: media.Opus, pt: 96, rtx: 100, nack: true, pli: true, cc: true, setup: "actpass"},
		{file: "whip-ffmpeg-8", video: media.H264, audio: media.Opus, pt: 106, rtx: 105, nack: true, setup: "passive"},
		{file: "whip-ffmpeg-8-dtls-active", video: media.H264, audio: media.Opus, pt: 106, setup: "active"},
		{file: "whip-ffmpeg-8-audio-only", audio: media.Opus, setup: "passive"},
		{file: "whep-gstreamer-1.24", video: media.H264, audio: media.Opus, pt: 101, pli: true, cc: true, setup: "actpass"},
	} {
		t.Run(c.file, func(t *testing.T) {
			o, err := Parse(offers(t)[c.file])
			if err != nil {
				t.Fatal(err)
			}
			if o.Setup != c.setup {
				t.Errorf("setup %q, want %q", o.Setup, c.setup)
			}
			for i := range o.Sections {
				s := &o.Sections[i]
				if s.Kind == media.Audio {
					if got := s.Receive(wantAudio); len(got) == 0 || got[0].Codec != c.audio {
						t.Errorf("audio %+v, want %v", got, c.audio)
					}
					continue
				}
				got := s.Receive(wantVideo)
				if len(got) == 0 || got[0].Codec != c.video {
					t.Fatalf("video %+v, want %v", got, c.video)
				}
				v := got[0]
				if v.PT != c.pt || v.RTX != c.rtx || v.NACK != c.nack || v.PLI != c.pli || v.TransportCC != c.cc {
					t.Errorf("got %+v", v)
				}
				if !slices.Equal(s.RIDs, c.rids) {
					t.Errorf("layers %q, want %q", s.RIDs, c.rids)
				}
			}
		})
	}
}

func TestSendChoosesThePayloadType(t *testing.T) {
	o, err := Parse(offers(t)["whep-chromium-156"])
	if err != nil {
		t.Fatal(err)
	}
	video := &o.Sections[slices.IndexFunc(o.Sections, func(s Section) bool { return s.Kind == media.Video })]
	for _, c := range []struct{ stream, want string }{
		{"42e01f", "42001f"}, // the same profile_idc
		{"4d0028", "4d001f"},
		{"640028", "64001f"},
		{"", "42e01f"},
		{"f40028", "f4001f"},
	} {
		got, ok := video.Send(media.H264, c.stream)
		if !ok || got.Mode != 1 {
			t.Errorf("%s: %+v", c.stream, got)
		}
		offered := slices.ContainsFunc(video.Codecs, func(v Codec) bool { return v.Profile == c.want && v.Mode == 1 })
		if offered && got.Profile != c.want {
			t.Errorf("a stream of profile %q goes as %q, want %q", c.stream, got.Profile, c.want)
		}
	}
	if _, ok := video.Send(media.H265, ""); ok {
		t.Error("this Chromium has no H265")
	}
	if got, ok := video.Send(media.VP9, ""); !ok || got.Profile != "0" {
		t.Errorf("VP9 %+v", got)
	}
}

func TestBadOffers(t *testing.T) {
	for _, text := range []string{"", "hello", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=video 9 X 96\r\n", 20)} {
		if o, err := Parse(text); err == nil && len(o.Sections) > 0 {
			t.Errorf("%.40q is taken", text)
		}
	}
}

// TestTruncated parses every beginning of an offer: none may panic.
func TestTruncated(t *testing.T) {
	text := offers(t)["whip-chromium-156-simulcast"]
	for n := range text {
		if o, err := Parse(text[:n]); err == nil {
			_ = answerTo(o, "recvonly").String(o)
		}
	}
}

func FuzzOffer(f *testing.F) {
	for _, text := range offers(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := Parse(text)
		if err != nil {
			return
		}
		a := answerTo(o, "sendonly")
		var sd sdp.SessionDescription
		if err := sd.UnmarshalString(a.String(o)); err != nil {
			t.Errorf("the answer is not SDP: %v\n%s", err, a.String(o))
		}
		for i := range o.Sections {
			for _, c := range o.Sections[i].Offered() {
				if _, ok := o.Sections[i].Send(c, "64001f"); !ok {
					t.Errorf("%v is offered and can't be sent", c)
				}
			}
		}
	})
}

func BenchmarkNegotiate(b *testing.B) {
	text := offers(b)["whep-chromium-156"]
	b.ReportAllocs()
	for b.Loop() {
		o, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		_ = answerTo(o, "sendonly").String(o)
	}
}
